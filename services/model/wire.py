"""The body of POST /v1/chat/completions. Unknown members are ignored: clients of many versions send them."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

# Parts that the OpenAI API takes and this model does not.
_OTHER_PARTS: Final = frozenset({"image_url", "input_audio", "file", "video_url"})


class Part(BaseModel):
    """A part of a message's content; only text is supported, and refusals of earlier responses."""

    type: str
    text: str | None = Field(default=None, validate_default=True)
    refusal: str | None = None

    @field_validator("type")
    @classmethod
    def _supported(cls, value: str) -> str:
        if value not in ("text", "refusal"):
            kind = f"type '{value}'" if value in _OTHER_PARTS else "this type"
            raise ValueError(f"parts of {kind} are not supported; send text")
        return value

    @field_validator("text")
    @classmethod
    def _text_of_text(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("type") == "text":
            raise ValueError("expected a string, got null")
        return value


def _branch(content: object) -> str:
    return "list[Part]" if isinstance(content, list) else "str"


# Without a discriminator the error of a wrong part would be "should be a string".
Content = Annotated[
    Annotated[str, Tag("str")] | Annotated[list[Part], Field(min_length=1), Tag("list[Part]")], Discriminator(_branch)
]


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
    content: Content | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[ToolCallPart] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Message":
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("messages with role 'tool' need a 'tool_call_id'")
        if self.content is None and not (self.role == "assistant" and (self.tool_calls or self.refusal)):
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


class ResponseFormat(BaseModel):
    """The form of the response's content."""

    type: str


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """The whole body.

    Sampling settings are validated and have no effect: rules do not sample. A parameter that would change the form of
    the response, and that this model does not support, is refused.
    """

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
    n: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    functions: list[Any] | None = None
    function_call: str | dict[str, Any] | None = None

    @field_validator("stream_options")
    @classmethod
    def _of_a_stream(cls, value: StreamOptions | None, info: ValidationInfo) -> StreamOptions | None:
        if value is not None and not info.data.get("stream"):
            raise ValueError("it is only allowed with 'stream': true")
        return value

    @field_validator("n")
    @classmethod
    def _one_choice(cls, value: int | None) -> int | None:
        if value is not None and value > 1:
            raise PydanticCustomError("less_than_equal", "the model returns one choice; use 1 or leave it out")
        return value

    @field_validator("response_format")
    @classmethod
    def _text_format(cls, value: ResponseFormat | None) -> ResponseFormat | None:
        if value is not None and value.type != "text":
            raise ValueError("the model answers in text only; use {'type': 'text'} or leave it out")
        return value

    @field_validator("modalities")
    @classmethod
    def _text_modality(cls, value: list[str] | None) -> list[str] | None:
        if value and value != ["text"]:
            raise ValueError("the model answers in text only; use ['text'] or leave it out")
        return value

    @field_validator("audio")
    @classmethod
    def _no_audio(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None:
            raise ValueError("the model answers in text only; leave it out")
        return value

    @field_validator("logprobs", "top_logprobs")
    @classmethod
    def _no_log_probabilities(cls, value: int | None) -> int | None:
        if value:
            raise ValueError("the model has no log probabilities; leave it out")
        return value

    @field_validator("functions", "function_call")
    @classmethod
    def _no_old_tools(cls, value: object) -> object:
        if value:
            raise ValueError("the old form of tools is not supported; use 'tools' and 'tool_choice'")
        return value

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
