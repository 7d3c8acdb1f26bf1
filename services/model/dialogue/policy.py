"""The policy: decides on the next action, an utterance or a call of a tool."""

from typing import Final

from services.model.dialogue.booking_flow import book
from services.model.dialogue.change_flow import change
from services.model.dialogue.intents import TOPICS
from services.model.dialogue.state import ENDINGS, Action, State, ToolUse, Utterance
from services.model.dialogue.text import join_words, word_set

_MAX_MISSES: Final = 3
_MAX_REPEATS: Final = 3
# Questions whose repetition shows that user and model do not understand each other.
_QUESTIONS: Final = word_set(
    "ask_kind ask_city ask_when ask_day ask_which ask_move_to not_found name_not_found no_more"
)


def decide(state: State) -> Action:
    """Return the next action for the state."""
    urgent = _urgent(state)
    if urgent is not None:
        return urgent
    if _has_failed(state):
        return Utterance("trouble")
    flow = {None: _without_goal, "book": book}.get(state.goal, change)
    action = flow(state)
    if isinstance(action, ToolUse):
        return action
    if action.act == state.last_act and state.repeats >= _MAX_REPEATS and action.act in _QUESTIONS:
        return ToolUse("hand_over", {"reason": "confused"})
    return action.after(*_remarks(state))


def _urgent(state: State) -> Action | None:
    """Return the action that precedes any goal: emergencies, intrusion, handover, medical advice."""
    intents = state.parsed.intents
    if state.result_of("hand_over") is not None:
        return Utterance("handed_over")
    for intent, act in (("emergency", "emergency"), ("intrusion", "refuse")):
        if intent in intents:
            return Utterance(act)
    if "human" in intents or state.misses >= _MAX_MISSES:
        return ToolUse("hand_over", {"reason": "asked" if "human" in intents else "confused"})
    return Utterance("advice") if "advice" in intents and not intents & {"book", "find"} else None


def _has_failed(state: State) -> bool:
    """Return whether the last tool failed; a refused booking is no failure."""
    if not state.calls or state.calls[-1].name in ("book_appointment", "move_appointment"):
        return False
    return bool(state.calls[-1].result.get("error"))


def _without_goal(state: State) -> Action:
    """Return small talk, or the end of the conversation."""
    parsed, intents = state.parsed, state.parsed.intents
    if "bye" in intents or (parsed.refused and state.last_act):
        return Utterance("bye")
    if "thanks" in intents:
        return Utterance("welcome")
    if parsed.topics or (parsed.agreed and state.last_act in ENDINGS):
        return Utterance("anything_else")
    if "smalltalk" in intents:
        return Utterance("help").after(Utterance("bot"))
    if state.last_act is None and "greet" in intents:
        return Utterance("greet")
    return Utterance("help")


def _remarks(state: State) -> list[Utterance]:
    """Return answers to questions about the business, and an apology for a message that was not understood."""
    if state.calls and state.calls[-1].name == "list_slots":
        return []
    remarks: list[Utterance] = []
    missing: list[str] = []
    for topic in state.parsed.topics:
        value = next((state.business[key] for key in TOPICS[topic][1] if state.business.get(key)), None)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = join_words(value, "and")
        if isinstance(value, str | int | float):
            remarks.append(Utterance("answer", {"name": state.business_name, "topic": topic, "value": str(value)}))
        else:
            missing.append(topic)
    if missing:
        remarks.append(Utterance("no_answer", {"topics": join_words(missing)}))
    if not state.parsed.understood:
        remarks.append(Utterance("misunderstood"))
    return remarks
