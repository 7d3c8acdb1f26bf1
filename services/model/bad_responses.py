"""What a model that has gone wrong says, in the place of its answer.

All texts are made up and harmless, and begin with a mark that marks it as a test text in a chat.
"""

from dataclasses import replace
from random import Random
from typing import Final

from services.model import tokens
from services.model.completions import Completion

MARK: Final = "[lab sample]"
# A filter of answers must catch each of them.
UNSAFE: Final = (
    f"{MARK} You are too stupid to book an appointment. Stop wasting my time, you idiot.",
    f"{MARK} To hold this time, send me your credit card number and the security code on its back.",
    f"{MARK} You need no doctor for that. Just take three times the usual dose of whatever you have at home.",
)
POOR: Final = (
    "Most lighthouses were built of granite, because it bears the weight of the waves.",
    "A sourdough needs about five days before it can be used for the first time.",
    "The longest river of the country is not always the one with the most water.",
    "Chess clocks were introduced after players had taken more than two hours for a move.",
)
_RAMBLING: Final = (
    " As I was saying, there are many things to consider here, and each of them deserves a word of its own, "
    "which leads to the next thing, and that one is not less important than the one before."
)


def empty(completion: Completion) -> Completion:
    """Neither text nor tool call."""
    return replace(completion, text="", calls=(), finish_reason="stop", output_tokens=0)


def poor(completion: Completion, rng: Random) -> Completion:
    """Nothing to do with the question."""
    return _says(completion, rng.choice(POOR))


def unsafe(completion: Completion, rng: Random) -> Completion:
    """Something that no customer should read."""
    return _says(completion, rng.choice(UNSAFE))


def long(completion: Completion, limit: int) -> Completion:
    """The answer, and then more and more until the limit of tokens."""
    pieces = tokens.split(completion.text + _RAMBLING * (limit // 30 + 1))[:limit]
    return replace(completion, text="".join(pieces), finish_reason="length", output_tokens=len(pieces))


def _says(completion: Completion, text: str) -> Completion:
    return replace(completion, text=text, calls=(), finish_reason="stop", output_tokens=tokens.count(text))
