"""The body of POST /v1/chat/completions. Unknown members are ignored: clients of many versions send them."""

from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator


class TextPart(BaseModel):
    """A part of a message's content; only text is supported."""

    type: Literal["text", "refusal"]
    text: str = ""


class FunctionCall(BaseModel):
    """The function of a tool call."""

    name: str
    arguments: str = "{}"


class ToolCallPart(BaseModel):
    """A tool call of an earlier response."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCallPart] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Message":
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("messages with role 'tool' need a 'tool_call_id'")
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("expected a string, got null")
        return self


class FunctionTool(BaseModel):
    """A function that the model may call."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")
    description: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class Tool(BaseModel):
    """A tool; only functions are supported."""

    type: Literal["function"]
    function: FunctionTool


class NamedFunction(BaseModel):
    """The function that a tool choice names."""

    name: str


class NamedChoice(BaseModel):
    """A tool choice that names one function."""

    type: Literal["function"]
    function: NamedFunction


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """The whole body. Sampling settings are validated and have no effect: rules do not sample."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=2048)
    tools: list[Tool] | None = Field(default=None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    n: int | None = Field(default=None, ge=1, le=1)
    seed: int | None = None
    stop: str | list[str] | None = None

    @field_validator("stop")
    @classmethod
    def _few_stops(cls, value: str | list[str] | None) -> str | list[str] | None:
        if isinstance(value, list) and len(value) > 4:
            raise ValueError("at most 4 stop sequences")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "CompletionRequest":
        names = {tool.function.name for tool in self.tools or []}
        if isinstance(self.tool_choice, NamedChoice) and self.tool_choice.function.name not in names:
            raise ValueError("tool_choice names a function that is not in 'tools'")
        if self.tool_choice == "required" and not self.tools:
            raise ValueError("tool_choice is only allowed when 'tools' are specified")
        _check_tool_messages(self.messages)
        return self

    @property
    def limit(self) -> int | None:
        """Maximum number of tokens of the response; None for no limit."""
        limits = [limit for limit in (self.max_tokens, self.max_completion_tokens) if limit is not None]
        return min(limits, default=None)

    @property
    def stops(self) -> list[str]:
        """Texts before which the response ends."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


def _check_tool_messages(messages: list[Message]) -> None:
    """Require a tool message for each tool call, before the next other message."""
    open_calls: set[str] = set()
    for message in messages:
        if message.role != "tool":
            if open_calls:
                break
            open_calls = {call.id for call in message.tool_calls or ()}
        elif message.tool_call_id in open_calls:
            open_calls.discard(message.tool_call_id)
        else:
            raise ValueError("messages with role 'tool' must be a response to a preceding message with 'tool_calls'")
    if open_calls:
        raise ValueError("an assistant message with 'tool_calls' must be followed by tool messages to each of them")
