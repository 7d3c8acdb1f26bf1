"""The sentences of simulated customers: a number picks each sentence, so a user's plan follows from its seed."""

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
# Questions of hesitant customers. None asks for a person or names a time.
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
    """Return an answer before the booking: odd turns pick a time, even ones confirm it."""
    return _pick(_CHOICES if turn % 2 else _CONFIRMATIONS, wording + turn)


def doubting(turn: int, wording: int) -> str:
    """Return a question of a hesitant customer."""
    return _pick(_DOUBTS, wording + 3 * turn)


def reading(wording: int) -> str:
    """Return a question about the customer's appointments."""
    return _pick(_READS, wording)


def cancelling(turn: int, wording: int) -> str:
    """Return the request to cancel (turn 0), else its confirmation."""
    return _pick(_CANCEL_CONFIRMATIONS if turn else _CANCELS, wording)


def leaving(wording: int) -> str:
    """Return the last message of a customer who does not book."""
    return _pick(_FAREWELLS, wording)


def _pick(sentences: tuple[str, ...], wording: int) -> str:
    return sentences[wording % len(sentences)]
