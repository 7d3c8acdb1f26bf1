"""Separates the text for the user from the markup of the model's chat template in a content.

A server that is configured for its model parses this markup: reasoning, tool calls, special tokens. Others (vLLM,
llama.cpp, Ollama and LM Studio without the right parser) pass it through. Every function takes linear time: a provider
may send a megabyte of anything.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.assistant.llm.errors import UnreadableMarkupError

_FLAGS = re.IGNORECASE | re.VERBOSE
_HIDDEN_NAMES = (
    r"(?:think|thinking|thoughts?|reasoning|reflection|analysis|plan|planning|scratchpad|inner_monologue"
    r"|(?:tool|function)_(?:response|result|output)s?)"
)
_CALL_NAMES = r"(?:tool_?calls?|function_?calls?|tool_use|tool_code|tools|start_function_call|invoke)"

# Blocks that are not for the user: reasoning, and results of tools that the model invented.
_HIDDEN = re.compile(
    rf"""
    (?P<begin> <(?:\w{{1,20}}:)?{_HIDDEN_NAMES}\b[^<>]*> | \[THINK\] | ◁think▷ | <unused94> | <ctrl94> | <<SYS>>
        | <\|(?:begin_of_|begin_|start_)?{_HIDDEN_NAMES}(?:_begin|_start)?\|> )
    | (?P<end> </(?:\w{{1,20}}:)?{_HIDDEN_NAMES}\s*> | \[/THINK\] | ◁/think▷ | <unused95> | <ctrl95> | <</SYS>>
        | <\|(?:/|end_of_|end_){_HIDDEN_NAMES}\|> | <\|{_HIDDEN_NAMES}_end\|> )
    """,
    _FLAGS,
)
# Where tool calls begin: a tag, a special token, or a JSON object with the members of a call.
_CALL = re.compile(
    rf"""
    <(?:\w{{1,20}}[:_])?{_CALL_NAMES}\b[^<>]*(?:>|$) | <function=
    | \[TOOL_?CALLS?\] | <\|(?:tool_?call|python_tag|action_start|DSML) | \bfunctools\[
    | (?:```(?:json)?\s{{0,9}})? (?:\[\s{{0,9}})? \{{\s{{0,9}} "(?:
        (?:name|function|function_name|tool|tool_name)"\s*:\s*"[^"]{{0,99}}"\s*,\s*"(?:arguments|parameters|args|input)"
        | arguments"\s*:\s*[{{"] | type"\s*:\s*"function" )
    | ```tool_\w | ^Action:[^\n]{{1,99}}\n{{1,2}}Action\ Input:
    | \A\s*(?:```(?:json)?\s{{0,9}})?(?:\[\s{{0,9}})?\{{\s{{0,9}}"  # a reply to a user is no JSON object
    | \A\s*\[\w{{1,64}}\(
    """,
    _FLAGS | re.MULTILINE,
)
# Halves of tags and tokens; none may reach the user.
_HALF = re.compile(
    rf"</?(?:\w{{1,20}}[:_])?(?:{_HIDDEN_NAMES}|{_CALL_NAMES}|function|parameter)\b|<[|\uff5c]|[|\uff5c]>", _FLAGS
)
_TURN_BEGIN = re.compile(
    r"\s*(?:(?:<s>|<bos>|<\|begin_of_text\|>)\s{0,9})?"
    r"(?:(?:<\|im_start\|>|<\|start_header_id\|>|<\|start\|>|<start_of_turn>)(?:assistant|model)\b(?:<\|end_header_id\|>)?"
    r"|<\|assistant\|>|assistant\n)",
    re.IGNORECASE,
)
# The reply ends here; what follows is the model's continuation of the conversation.
_TURN_END = re.compile(
    r"<\|(?:im_end|im_start|eot_id|eom_id|eot|endoftext|end_of_text|end_of_turn|end_of_sentence|end|return|"
    r"start_header_id|start|user|system|observation)\|>|</s>|<eos>|<end_of_turn>|<start_of_turn>|\[INST\]",
    re.IGNORECASE,
)
_SPECIAL_TOKEN = re.compile(
    r"<\|[^<>|]{0,64}(?:\|>|$)|</?s>|<(?:bos|eos|pad|unk|(?:unused|ctrl)\d{1,4})>|<(?:end|start)_of_turn>|"
    r"\[/?(?:INST|ARGS|CALL_ID|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS|SYSTEM_PROMPT)\]|"
    r"</?(?:answer|final_answer|response|final|output|assistant)>",
    re.IGNORECASE,
)
# A token limit may cut a marker.
_CUT_MARKER = re.compile(r"(?:</?[\w:=]{1,20}|\[/?[A-Z_]{1,20})$", re.IGNORECASE)
_MARKERS = (
    *("<think>", "</think>", "<thinking>", "</thinking>", "<thought>", "<reasoning>", "</reasoning>"),
    *("<tool_call>", "</tool_call>", "<tool_response>", "<function_call>", "<function=", "</s>"),
    *("[think]", "[/think]", "[tool_calls]", "[args]"),
)

_FULL_WIDTH_TOKEN = re.compile("<\uff5c([^<>\uff5c]{0,64})\uff5c")
_CHANNEL = "<|channel|>"
_RECIPIENT = re.compile(r"to=functions\.([\w-]{1,64})")
_JSON_BEGIN = re.compile(r"\{|\[\s{0,9}\{")
_NAME_IN_TAG = re.compile(r"<function=([\w.-]{1,64})>\s*\Z")
_BETWEEN_NAMES = re.compile(r"<[^<>]*>|\[CALL_ID\]\s*\w+|\[[A-Z_]+\]|```(?:json)?", re.IGNORECASE)
_NAME = re.compile(r"([\w.-]{1,64})(?::\d{1,4})?")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class WrittenCall:
    """A tool call as the provider wrote it: arguments and id may be anything."""

    name: str
    arguments: object
    id: object = None


@dataclass(frozen=True)
class Content:
    """The text for the user, and the markup of tool calls, empty without any."""

    text: str
    calls: str


def split(content: str) -> Content:
    """Separate a content into text and markup of tool calls, without reasoning and special tokens.

    Raises:
        UnreadableMarkupError: markup is left in the text.
    """
    visible = _drop_hidden(_read_channels(_FULL_WIDTH_TOKEN.sub(_narrow, content)))
    call = _CALL.search(visible)
    end = call.start() if call else len(visible)
    return Content(_clean(visible[:end]), visible[end:])


def parse_calls(markup: str) -> list[WrittenCall]:
    """Parse the markup of tool calls: JSON objects with name and arguments, or arguments that follow a name.

    Raises:
        UnreadableMarkupError: there is no call, or one is cut or in another form.
    """
    calls: list[WrittenCall] = []
    position = 0
    while begin := _JSON_BEGIN.search(markup, position):
        try:
            value, end = _DECODER.raw_decode(markup, begin.start())
        except (ValueError, RecursionError):
            raise UnreadableMarkupError from None
        for item in _items(value):
            calls.append(read_call(item) or _call_after_name(markup[position : begin.start()], item))
        position = end
    if not calls:
        raise UnreadableMarkupError
    return calls


def read_call(value: object) -> WrittenCall | None:
    """Read a tool call from a JSON object: that of the OpenAI API, or name and arguments alone; None without a name."""
    if not isinstance(value, Mapping):
        return None
    function = value.get("function")
    described = function if isinstance(function, Mapping) else value
    names = (described.get(key) for key in ("name", "function", "function_name", "tool", "tool_name", "action"))
    name = next((one for one in names if isinstance(one, str) and one.strip()), None)
    keys = (key for key in ("arguments", "parameters", "args", "input", "action_input") if key in described)
    return None if name is None else WrittenCall(name, described.get(next(keys, "arguments")), value.get("id"))


def _items(value: Any) -> list[Any]:
    """Return the objects of a list, of the member `tool_calls`, or the one object."""
    listed = value.get("tool_calls") if isinstance(value, Mapping) else value
    return listed if isinstance(listed, list) else [value]


def _call_after_name(before: str, arguments: object) -> WrittenCall:
    """Return a call whose name is the last word before its arguments, as in `[TOOL_CALLS]name[ARGS]{}`."""
    tag = _NAME_IN_TAG.search(before)
    words = [tag.group(1)] if tag else _BETWEEN_NAMES.sub(" ", before).split()
    name = _NAME.fullmatch(words[-1]) if words else None
    if name is None:
        raise UnreadableMarkupError
    return WrittenCall(name.group(1), arguments)


def _narrow(token: re.Match[str]) -> str:
    """Return DeepSeek's special tokens, which have other bars and blanks, in the usual characters."""
    return "<|" + token.group(1).replace("\u2581", "_") + "|"


def _read_channels(content: str) -> str:
    """Return the final message and the tool calls of a content in gpt-oss's format; any other content as it is."""
    if content.startswith("analysis") and "assistantfinal" in content:  # its special tokens are lost
        return content.rpartition("assistantfinal")[2]
    if _CHANNEL not in content:
        return content
    final, calls = "", ""
    for message in re.split(r"<\|(?:start|end|return|call)\|>", content):
        header, _, body = message.partition("<|message|>")
        if recipient := _RECIPIENT.search(header):
            calls += f"<tool_call>{recipient.group(1)}\n{body}</tool_call>"
        elif header.rpartition(_CHANNEL)[2].strip().startswith("final"):
            final = body
    return final + calls


def _drop_hidden(content: str) -> str:
    """Return the content without hidden blocks.

    Blocks may be nested, and the last one may have no end. A template may begin the first one in the prompt: an end
    without a beginning hides all before it.
    """
    pieces: list[str] = []
    depth = position = 0
    for tag in _HIDDEN.finditer(content):
        if depth == 0:
            pieces.append(content[position : tag.start()])
        if tag.lastgroup == "begin":
            depth += 1
        elif depth:
            depth -= 1
        else:
            pieces.clear()
        position = tag.end()
    if depth == 0:
        pieces.append(content[position:])
    # A blank keeps the two ends from forming a new marker.
    return " ".join(pieces) if len(pieces) > 1 else "".join(pieces)


def _clean(text: str) -> str:
    """Return the text up to the end of the turn, without special tokens.

    Raises:
        UnreadableMarkupError: markup is left.
    """
    begin = _TURN_BEGIN.match(text)
    reply = _TURN_END.split(text[begin.end() :] if begin else text, maxsplit=1)[0]
    reply, count = _SPECIAL_TOKEN.subn(" ", reply)
    if count:
        reply = re.sub(r"[ \t]{2,}", " ", reply)
    reply = _drop_cut_marker(reply.strip())
    if any(pattern.search(reply) for pattern in (_HIDDEN, _CALL, _HALF, _SPECIAL_TOKEN)):
        raise UnreadableMarkupError
    return reply


def _drop_cut_marker(text: str) -> str:
    """Return the text without the beginning of a marker at its end."""
    cut = _CUT_MARKER.search(text)
    if cut and any(marker.startswith(cut.group().lower()) for marker in _MARKERS):
        return text[: cut.start()].rstrip()
    return text
