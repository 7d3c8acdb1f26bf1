"""Decides what comes next: something to say, or a tool to use."""

from services.model.dialogue.booking_flow import arrange
from services.model.dialogue.change_flow import change
from services.model.dialogue.intents import TOPICS
from services.model.dialogue.state import BOOK, ENDINGS, Action, State, ToolUse, Utterance
from services.model.dialogue.text import join_or, word_set

_MANY_MISSES = 3
_MANY_REPEATS = 3
# Asked over and over without an answer, they show that the two do not understand each other.
_QUESTIONS = word_set("ask_kind ask_city ask_when ask_day ask_which ask_move_to not_found name_not_found no_more")


def decide(state: State) -> Action:
    """Return the next move for the state."""
    urgent = _urgent(state)
    if urgent is not None:
        return urgent
    if _is_stuck(state):
        return Utterance("trouble")
    if state.goal is None:
        move: Action = _idle(state)
    else:
        move = arrange(state) if state.goal == BOOK else change(state)
    if isinstance(move, ToolUse):
        return move
    if move.act == state.last_act and state.repeats >= _MANY_REPEATS and move.act in _QUESTIONS:
        return ToolUse("hand_over", {"reason": "confused"})
    return move.after(*_remarks(state))


def _urgent(state: State) -> Action | None:
    """What goes before everything else: danger, intrusion, a wish for a person, lost understanding."""
    intents = state.parsed.intents
    if state.result_of("hand_over") is not None:
        return Utterance("handed_over")
    for intent, act in (("emergency", "emergency"), ("intrusion", "refuse")):
        if intent in intents:
            return Utterance(act)
    if "human" in intents or state.misses >= _MANY_MISSES:
        return ToolUse("hand_over", {"reason": "asked" if "human" in intents else "confused"})
    return Utterance("advice") if "advice" in intents and not intents & {"book", "find"} else None


def _is_stuck(state: State) -> bool:
    """Return whether a tool failed so that no answer is possible."""
    last = state.calls[-1] if state.calls else None
    expected = ("book_appointment", "move_appointment")
    return last is not None and last.name not in expected and bool((last.result or {}).get("error"))


def _idle(state: State) -> Utterance:
    """Small talk, and the end of a conversation."""
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
    """Answers to questions by the way, and a fallback reply when the message was not understood."""
    parsed = state.parsed
    if state.calls and state.calls[-1].name == "list_slots":
        return []
    remarks: list[Utterance] = []
    missing: list[str] = []
    business = state.request.business or state.request.offered or state.own_business or {}
    for topic in parsed.topics:
        value = next((business[key] for key in TOPICS[topic][1] if business.get(key)), None)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = join_or(value, "and")
        if isinstance(value, str | int | float):
            remarks.append(Utterance("answer", {"name": state.business_name, "topic": topic, "value": str(value)}))
        else:
            missing.append(topic)
    if missing:
        remarks.append(Utterance("no_answer", {"topics": join_or(missing)}))
    if not parsed.understood:
        remarks.append(Utterance("misunderstood"))
    return remarks
