"""Decides what comes next: something to say, or a tool to use."""

from services.model.dialogue.arranging import arrange
from services.model.dialogue.changing import change
from services.model.dialogue.intents import TOPICS
from services.model.dialogue.moments import join_or
from services.model.dialogue.moves import Move, Say, Use
from services.model.dialogue.state import BOOK, ENDINGS, State
from services.model.dialogue.words import word_set

_MANY_MISSES = 3
_MANY_REPEATS = 3
# Asked over and over without an answer, they show that the two do not understand each other.
_QUESTIONS = word_set("ask_kind ask_city ask_when ask_day ask_which ask_move_to not_found name_not_found no_more")


def decide(state: State) -> Move:
    """Return the next move for the state."""
    urgent = _urgent(state)
    if urgent is not None:
        return urgent
    if _is_stuck(state):
        return Say("trouble")
    if state.goal is None:
        move: Move = _idle(state)
    else:
        move = arrange(state) if state.goal == BOOK else change(state)
    if isinstance(move, Use):
        return move
    if move.act == state.last_act and state.repeats >= _MANY_REPEATS and move.act in _QUESTIONS:
        return Use("hand_over", {"reason": "confused"})
    return move.after(*_remarks(state))


def _urgent(state: State) -> Move | None:
    """What goes before everything else: danger, intrusion, a wish for a person, lost understanding."""
    intents = state.heard.intents
    if state.result_of("hand_over") is not None:
        return Say("handed_over")
    for intent, act in (("emergency", "emergency"), ("intrusion", "refuse")):
        if intent in intents:
            return Say(act)
    if "human" in intents or state.misses >= _MANY_MISSES:
        return Use("hand_over", {"reason": "asked" if "human" in intents else "confused"})
    return Say("advice") if "advice" in intents and not intents & {"book", "find"} else None


def _is_stuck(state: State) -> bool:
    """Tell whether a tool failed in a way that no answer can be built on."""
    last = state.calls[-1] if state.calls else None
    expected = ("book_appointment", "move_appointment")
    return last is not None and last.name not in expected and bool((last.result or {}).get("error"))


def _idle(state: State) -> Say:
    """Small talk, and the end of a conversation."""
    heard, intents = state.heard, state.heard.intents
    if "bye" in intents or (heard.refused and state.last_act):
        return Say("bye")
    if "thanks" in intents:
        return Say("welcome")
    if heard.topics or (heard.agreed and state.last_act in ENDINGS):
        return Say("anything_else")
    if "smalltalk" in intents:
        return Say("help").after(Say("bot"))
    if state.last_act is None and "greet" in intents:
        return Say("greet")
    return Say("help")


def _remarks(state: State) -> list[Say]:
    """Answers to questions by the way, and an excuse when the message was not understood."""
    heard = state.heard
    if state.calls and state.calls[-1].name == "list_slots":
        return []
    remarks: list[Say] = []
    missing: list[str] = []
    business = state.request.business or state.request.offered or state.own_business or {}
    for topic in heard.topics:
        value = next((business[key] for key in TOPICS[topic][1] if business.get(key)), None)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = join_or(value, "and")
        if isinstance(value, str | int | float):
            remarks.append(Say("answer", {"name": state.business_name, "topic": topic, "value": str(value)}))
        else:
            missing.append(topic)
    if missing:
        remarks.append(Say("no_answer", {"topics": join_or(missing)}))
    if not heard.understood:
        remarks.append(Say("misunderstood"))
    return remarks
