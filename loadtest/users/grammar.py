"""What the simulated customers say: a small grammar of our own, from which a number picks one sentence.

The same number always picks the same sentence, so that a user's plan can be told from its seed alone.
"""

import random

_GREETINGS = ("", "", "Hi! ", "Hello, ", "Good morning. ", "Hey, ")
_ASKS = (
    "I'd like to book {what}{when}.",
    "Can I get an appointment for {what}{when}?",
    "I need {what}{when}, please.",
    "Could you book {what} for me{when}?",
    "Do you have anything free for {what}{when}?",
    "I want to make an appointment for {what}{when}.",
)
_WHATS = {
    "hair": ("a haircut", "a trim", "a blow-dry", "hair coloring"),
    "dentist": ("a cleaning", "a check-up", "a filling", "a dental session"),
    "doctor": ("a physical exam", "a check-up", "a vaccination", "a consultation"),
    "therapist": ("a first session", "a session", "a counseling session", "an individual session"),
}
_WHENS = (
    "",
    " tomorrow",
    " tomorrow afternoon",
    " next week",
    " next Tuesday morning",
    " on Wednesday",
    " on Thursday afternoon",
    " on Friday",
    " the day after tomorrow",
)
_CHOICES = (
    "The first one, please.",
    "Let's take the first one.",
    "The earliest works for me.",
    "The first time is fine.",
)
_CONFIRMATIONS = ("Yes, please.", "Yes, book it.", "Yes, that works.", "Sounds good, please book it.")
# What somebody asks who is not sure yet. None of them asks for a person or names a time.
_DOUBTS = (
    "What are your opening hours?",
    "Where exactly are you?",
    "Do you have anything later that day?",
    "What else is free?",
    "How long does it take?",
    "Hmm, let me think. Is there another day?",
    "Which services do you offer?",
    "Could it be in the afternoon instead?",
)
_READS = ("What appointments do I have?", "Can you show me my appointments?", "When is my appointment?")
_CANCELS = ("Please cancel my appointment.", "I need to cancel my appointment.", "Cancel it, please.")
_CANCEL_CONFIRMATIONS = ("Yes, please cancel it.", "Yes, cancel my appointment.")
_FAREWELLS = ("Never mind, thank you.", "I'll try again another time, thanks.")


def opening(kind: str, wording: int) -> str:
    """Return the first sentence of a conversation with a business of that kind."""
    rng = random.Random(f"opening/{wording}")  # noqa: S311 - a plan, not a secret
    what = rng.choice(_WHATS.get(kind, ("an appointment",)))
    return rng.choice(_GREETINGS) + rng.choice(_ASKS).format(what=what, when=rng.choice(_WHENS))


def choosing(turn: int, wording: int) -> str:
    """Return what a customer answers while no booking is made yet: turn 1 picks a time, later ones agree to it."""
    return _pick(_CHOICES if turn % 2 else _CONFIRMATIONS, wording + turn)


def doubting(turn: int, wording: int) -> str:
    """Return a question of somebody who cannot decide."""
    return _pick(_DOUBTS, wording + 3 * turn)


def reading(wording: int) -> str:
    """Return a question for one's own appointments."""
    return _pick(_READS, wording)


def cancelling(turn: int, wording: int) -> str:
    """Return the wish to cancel (turn 0), and after that its confirmation."""
    return _pick(_CANCEL_CONFIRMATIONS if turn else _CANCELS, wording)


def leaving(wording: int) -> str:
    """Return the last words of a customer who gives up."""
    return _pick(_FAREWELLS, wording)


def _pick(sentences: tuple[str, ...], wording: int) -> str:
    return sentences[wording % len(sentences)]
