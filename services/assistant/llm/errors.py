"""Answers of a provider that are no reply; `kind` is the error type of the signals."""


class MalformedAnswerError(Exception):
    """The answer is no chat completion."""

    kind = "malformed_answer"


class EmptyAnswerError(MalformedAnswerError):
    """The answer has neither text nor tool calls."""

    kind = "empty_answer"


class UnreadableMarkupError(MalformedAnswerError):
    """The content has markup of the model's chat template that the assistant cannot read, as half of a tool call."""

    kind = "unreadable_markup"
