"""Completions as servers send them: content, reasoning and tool calls in the forms of several servers."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assistant.llm import completion
from services.assistant.llm.completion import Completion
from services.assistant.llm.errors import EmptyAnswerError, MalformedAnswerError, UnreadableMarkupError

FIND = {"kind": "dentist", "city": "Gilroy"}
FIND_TEXT = json.dumps(FIND)


def read(message: Any, **choice: Any) -> Completion:
    document = {"id": "chatcmpl-1", "model": "m", "choices": [{"message": message, "finish_reason": "stop", **choice}]}
    return completion.parse(json.dumps(document).encode())


def calls_of(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.arguments) for call in read(message).tool_calls]


def function(name: Any = "find_business", arguments: Any = FIND_TEXT, **call: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **call}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hello.", "Hello."),
        ([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}], "Hello."),
        (["Hel", "lo."], "Hello."),
        ({"type": "text", "text": "Hello."}, "Hello."),
        ([{"type": "output_text", "text": "Hello."}], "Hello."),
        # Mistral's reasoning models.
        (
            [
                {"type": "thinking", "thinking": [{"type": "text", "text": "The user greets."}]},
                {"type": "text", "text": "Hello."},
            ],
            "Hello.",
        ),
        (
            [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "Hello."}, 7, None, {}],
            "Hello.",
        ),
        ([{"type": "refusal", "refusal": "I cannot help with that."}], "I cannot help with that."),
    ],
)
def test_text_parts_are_joined_and_others_left_out(content: Any, text: str) -> None:
    assert read({"role": "assistant", "content": content}).text == text


@pytest.mark.parametrize(
    "content", [7, True, 1.5, [7], [{"type": "text", "text": {"a": 1}}], {}, [[]], "", " \n", None, [None]]
)
def test_content_without_text_is_an_empty_answer(content: Any) -> None:
    with pytest.raises(EmptyAnswerError):
        read({"role": "assistant", "content": content})


def test_a_refusal_is_the_reply_when_the_content_is_null() -> None:
    assert read({"content": None, "refusal": "I cannot help with that."}).text == "I cannot help with that."
    assert read({"content": "Hello.", "refusal": None}).text == "Hello."


def test_separate_reasoning_is_left_out() -> None:
    assert read({"content": "Hello.", "reasoning_content": "x", "reasoning": "x", "thinking": "x"}).text == "Hello."
    with pytest.raises(EmptyAnswerError):
        read({"content": "", "reasoning_content": "The user greets."})


@pytest.mark.parametrize(
    "content",
    [
        "<think>The user greets.</think>\n\nHello.",
        "<THINK>a</THINK>Hello.",
        "<think>a<think>b</think>c</think>Hello.",
        "The user greets.\n</think>\nHello.",  # DeepSeek's template has the opening tag in the prompt
        "Hello.<think>And now",
        "Hello. <think>",
        "Hello. <thi",
        "<thinking>a</thinking>Hello.",
        "<reasoning>a</reasoning>Hello.",
        "<seed:think>a</seed:think>Hello.",
        "[THINK]a[/THINK]Hello.",
        "◁think▷a◁/think▷Hello.",
        "<|START_THINKING|>a<|END_THINKING|>Hello.",
        "<|begin_of_thought|>a<|end_of_thought|><|begin_of_solution|>Hello.<|end_of_solution|>",
        "<|think|>a<|/think|>Hello.",
        "<unused94>thought\na<unused95>Hello.",
        "<ctrl94>thought\na<ctrl95>Hello.",
        "<<SYS>>a<</SYS>>Hello.",
        "<plan>a</plan>Hello.",
        "<assistant>Hello.</assistant>",
        "assistant\n\nHello.",
        "<|channel|>analysis<|message|>The user greets.<|end|><|start|>assistant<|channel|>final<|message|>Hello.",
        "<|channel|>final<|message|>Hello.<|return|>",
        "analysisThe user greets.assistantfinalHello.",
        "Hello.<|im_end|>",
        "Hello.<|im_end|>\n<|im_start|>user\nBook it.",
        "<|im_start|>assistant\nHello.<|im_end|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>",
        "<|assistant|>\nHello.",
        "<start_of_turn>model\nHello.<end_of_turn>",
        "<s> Hello.</s>",
        "Hello.<\uff5cend\u2581of\u2581sentence\uff5c>",
        "Hello.<|im_e",
        "<answer>Hello.</answer>",
        "<think>a</think><answer>Hello.</answer>",
        "<tool_response>{}</tool_response>Hello.",
        "Hello. [INST] Book it. [/INST]",
        "<th\0ink>a</think>Hello.",
    ],
)
def test_reasoning_and_special_tokens_are_removed_from_the_text(content: str) -> None:
    assert read({"content": content}).text == "Hello."


@pytest.mark.parametrize(
    "text",
    [
        "We have 3 < 4 times, and 5 > 4.",
        "Ann <ann@example.org> | Bob",
        "[Monday] or [Tuesday]?",
        "I think so.",
        'Send {"name": "Ann"} or a list: [1, 2].',
        "a  b\n\n- c",
        "Choose a function: hair or dentist.",
        "Action: none needed.",
        "<b>Monday</b><br>9:00",
    ],
)
def test_other_text_is_kept(text: str) -> None:
    assert read({"content": text}).text == text


CALL_TEXT = json.dumps({"name": "find_business", "arguments": FIND})


@pytest.mark.parametrize(
    "content",
    [
        f"<tool_call>\n{CALL_TEXT}\n</tool_call>",
        f"Let me see.\n<tool_call>{CALL_TEXT}",
        f"<think>I search.</think><tool_call>{CALL_TEXT}</tool_call>",
        f'<tool_call>{{"name": "find_business", "parameters": {FIND_TEXT}}}</tool_call>',
        f"<tool_call>{json.dumps({'name': 'find_business', 'arguments': FIND_TEXT})}</tool_call>",
        f"<tool_call>find_business\n{FIND_TEXT}</tool_call>",
        f"<function=find_business>{FIND_TEXT}</function>",
        f"<function_call>{CALL_TEXT}</function_call>",
        f"[TOOL_CALLS] [{CALL_TEXT}]",
        f"[TOOL_CALLS]{CALL_TEXT}",
        f"[TOOL_CALLS]find_business[ARGS]{FIND_TEXT}",
        f"[TOOL_CALLS]find_business[CALL_ID]Ab1Cd2Ef3[ARGS]{FIND_TEXT}",
        f"<|python_tag|>{CALL_TEXT}<|eom_id|>",
        f"<|tool_call|>[{CALL_TEXT}]",
        f"<|action_start|><|plugin|>\n{CALL_TEXT}<|action_end|>",
        "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>"
        f"find_business\n```json\n{FIND_TEXT}\n```<\uff5ctool\u2581call\u2581end\uff5c>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.find_business:0<|tool_call_argument_begin|>"
        f"{FIND_TEXT}<|tool_call_end|><|tool_calls_section_end|>",
        f"<|channel|>commentary to=functions.find_business <|constrain|>json<|message|>{FIND_TEXT}<|call|>",
        f"<|start|>assistant to=functions.find_business<|channel|>commentary json<|message|>{FIND_TEXT}<|call|>",
        f"functools[{CALL_TEXT}]",
        CALL_TEXT,
        f"```json\n{CALL_TEXT}\n```",
        f"[{CALL_TEXT}]",
        json.dumps({"arguments": FIND, "name": "find_business"}),
        json.dumps({"id": "1", "name": "find_business", "type": "function", "input": FIND}),
        json.dumps({"action": "find_business", "action_input": FIND}),
        json.dumps({"tool_calls": [{"name": "find_business", "arguments": FIND}]}),
        f"<tools>{CALL_TEXT}</tools>",
        f"```tool_call\n{CALL_TEXT}\n```",
        json.dumps({"type": "function", "name": "find_business", "parameters": FIND}),
        json.dumps({"type": "function", "function": {"name": "find_business", "arguments": FIND}}),
    ],
)
def test_tool_calls_in_the_content_are_read(content: str) -> None:
    result = read({"content": content})
    assert [(call.name, call.arguments) for call in result.tool_calls] == [("find_business", FIND)]
    assert result.text in ("", "Let me see.")


def test_two_tool_calls_in_the_content_get_two_ids() -> None:
    content = f"<tool_call>{CALL_TEXT}</tool_call>\n<tool_call>{CALL_TEXT}</tool_call>"
    result = read({"content": content})
    assert [call.arguments for call in result.tool_calls] == [FIND, FIND]
    assert len({call.id for call in result.tool_calls}) == 2


@pytest.mark.parametrize(
    "content",
    [
        "<tool_call>",
        "<tool_call>{}</tool_call>",
        '<tool_call>{"name": "cancel_appointment", "argum',
        '{"name": "find_business", "parameters": {"ci',
        "<tool_call>find_business\n<arg_key>city</arg_key>\n<arg_value>Gilroy</arg_value></tool_call>",
        "<tool_call><function=find_business><parameter=city>Gilroy</parameter></function></tool_call>",
        '<invoke name="find_business"><parameter name="city">Gilroy</parameter></invoke>',
        "[find_business(city='Gilroy')]",
        "<tool_code>find_business(city='Gilroy')</tool_code>",
        '<|python_tag|>find_business.call(city="Gilroy")',
        "```tool_code\nfind_business(city='Gilroy')\n```",
        "Thought: I search.\nAction: find_business\nAction Input: {}",
        '{"answer": 1}',
        "<|channel>thought\na<channel|>Hello.",
        "<|tool_call_start|>[find_business(city='Gilroy')]<|tool_call_end|>",
        "Hello.</tool_call>",
        "[TOOL_CALLS]",
    ],
)
def test_markup_that_cannot_be_read_has_its_own_error_type(content: str) -> None:
    with pytest.raises(UnreadableMarkupError) as refused:
        read({"content": content})
    assert refused.value.kind == "unreadable_markup"


def test_a_tool_call_within_the_reasoning_is_not_run() -> None:
    result = read({"content": f"<think>Perhaps <tool_call>{CALL_TEXT}</tool_call></think>Hello."})
    assert (result.text, result.tool_calls) == ("Hello.", ())


def test_tool_calls_of_the_message_replace_those_of_its_content() -> None:
    message = {"content": "Let me see. <tool_call>{broken", "tool_calls": [function()]}
    result = read(message)
    assert [(call.id, call.name) for call in result.tool_calls] == [("call_1", "find_business")]
    assert result.text == "Let me see."


@pytest.mark.parametrize(
    "call",
    [
        function(),
        function(arguments=FIND),
        function(arguments=json.dumps(FIND_TEXT)),
        function("functions.find_business"),
        function(type=None),
        {"name": "find_business", "arguments": FIND},
        {"id": "1", "name": "find_business", "parameters": FIND},
    ],
)
def test_a_tool_call_is_read_in_each_form(call: dict[str, Any]) -> None:
    assert calls_of({"content": None, "tool_calls": [call]}) == [("find_business", FIND)]
    assert calls_of({"content": None, "tool_calls": call}) == [("find_business", FIND)]


def test_a_call_in_the_old_form_is_read() -> None:
    message = {"content": None, "function_call": {"name": "find_business", "arguments": FIND_TEXT}}
    assert calls_of(message) == [("find_business", FIND)]


@pytest.mark.parametrize("arguments", [None, "", "  ", "{}", {}, [], "null"])
def test_missing_arguments_are_an_empty_object(arguments: Any) -> None:
    (call,) = read({"tool_calls": [function(arguments=arguments)]}).tool_calls
    assert (call.arguments, call.problem) == ({}, "")


@pytest.mark.parametrize(
    "arguments", ["{not json", "[1]", "7", [1], 7, True, '{"a":' * 30 + "1" + "}" * 30, "[" * 9999]
)
def test_unreadable_arguments_are_named(arguments: Any) -> None:
    (call,) = read({"tool_calls": [function(arguments=arguments)]}).tool_calls
    assert (call.arguments, call.problem) == ({}, "the arguments are no JSON object; send one")


def test_arguments_have_only_what_json_and_databases_store() -> None:
    arguments = '{"a\\u0000": "b\\ud800c", "d": NaN, "e": 1e999, "f": [-Infinity, 1.5]}'
    (call,) = read({"tool_calls": [function(arguments=arguments)]}).tool_calls
    assert call.arguments == {"a": "bc", "d": None, "e": None, "f": [None, 1.5]}


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        (["call_1", "call_2"], ["call_1", "call_2"]),
        ([None, None], []),
        (["", ""], []),
        (["  ", "\n"], []),
        (["same", "same"], ["same"]),
        ([0, 1], []),
        (["x" * 500, {"a": 1}], []),
        (["", "call_1"], ["call_1"]),
        (["functions.find_business:0", "chatcmpl-tool-1"], ["functions.find_business:0", "chatcmpl-tool-1"]),
    ],
)
def test_every_tool_call_has_an_id_of_its_own(ids: list[Any], kept: list[str]) -> None:
    result = read({"tool_calls": [function(id=one) for one in ids]})
    found = [call.id for call in result.tool_calls]
    assert len(set(found)) == 2
    assert [one for one in found if one in ids] == kept
    # Mistral takes only such ids.
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", one) for one in found if one not in kept)


@pytest.mark.parametrize(
    "calls",
    [[None], ["x"], [7], [{}], "x", 7, [function("")], [function(None)], [function({"a": 1})], [function()] * 65],
)
def test_tool_calls_without_a_name_or_too_many_are_malformed(calls: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        read({"content": "Hello.", "tool_calls": calls})


@pytest.mark.parametrize("calls", [None, [], {}, ""])
def test_an_answer_without_tool_calls_is_its_text(calls: Any) -> None:
    assert read({"content": "Hello.", "tool_calls": calls, "function_call": None}).tool_calls == ()


def test_a_strange_name_is_sent_back_as_strict_providers_take_it() -> None:
    assert calls_of({"tool_calls": [function("find business!\n")]}) == [("find_business__", FIND)]
    assert calls_of({"tool_calls": [function("x" * 500)]}) == [("x" * 64, FIND)]


@pytest.mark.parametrize("reason", [None, 7, {"a": 1}])
def test_a_missing_finish_reason_follows_from_the_answer(reason: Any) -> None:
    assert read({"content": "Hello."}, finish_reason=reason).finish_reason == "stop"
    assert read({"tool_calls": [function()]}, finish_reason=reason).finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"error": {"message": "overloaded"}},
        {"choices": []},
        {"choices": None},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [[]]},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": "Hello."}]},
        [],
        None,
        7,
        "x",
    ],
)
def test_what_is_no_completion_is_malformed(document: Any) -> None:
    with pytest.raises(MalformedAnswerError) as refused:
        completion.parse(json.dumps(document).encode())
    assert refused.value.kind == "malformed_answer"


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2)),
        ({"prompt_tokens": 3.0, "completion_tokens": "2"}, (3, 2)),
        ({"prompt_tokens": None}, (0, 0)),
        ({"prompt_tokens": -1, "completion_tokens": [1]}, (0, 0)),
        ({"prompt_tokens": "many", "completion_tokens": {}}, (0, 0)),
        ({"prompt_tokens": float("inf"), "completion_tokens": float("nan")}, (0, 0)),
        ({"prompt_tokens": 10**30, "completion_tokens": True}, (0, 0)),
        (None, (0, 0)),
        ([1], (0, 0)),
    ],
)
def test_a_strange_usage_does_not_cost_the_answer(usage: Any, tokens: tuple[int, int]) -> None:
    document = {"choices": [{"message": {"content": "Hello."}}], "usage": usage}
    result = completion.parse(json.dumps(document).encode())
    assert (result.text, result.input_tokens, result.output_tokens) == ("Hello.", *tokens)


def test_id_and_model_are_short_texts() -> None:
    document = {"id": {"a": 1}, "model": "m\0" + "x" * 500, "choices": [{"message": {"content": "Hello."}}]}
    result = completion.parse(json.dumps(document).encode())
    assert result.id == ""
    assert result.model == "m" + "x" * 119


def test_the_message_for_the_next_round_is_what_strict_providers_take() -> None:
    message = read({"content": "", "tool_calls": [function(arguments=FIND)]}).as_message()
    assert message == {"role": "assistant", "content": None, "tool_calls": [function()]}
    assert read({"content": "Hello."}).as_message() == {"role": "assistant", "content": "Hello."}
    broken = read({"tool_calls": [function(arguments="{broken")]}).as_message()
    assert broken["tool_calls"][0]["function"]["arguments"] == "{}"


MARKERS = (
    *("<think>", "</think>", "<think ", "</thinking>", "[THINK]", "[/THINK]", "<tool_response>"),
    *("<tool_call>", "</tool_call>", "<tool_c", "<function=", "[TOOL_CALLS]", "[ARGS]", "```json", CALL_TEXT),
    *("<|", "|>", "<|im_end|>", "<|im_start|>", "assistant", "<\uff5c", "\uff5c>", "</s>"),
    *("<|channel|>", "<|message|>", "final", "commentary to=functions.x"),
    *("<", ">", "[", "]", "{", "}", "(", '{"name": "x", ', '"arguments": {}}'),
    *("\0", "\ud800", " ", "\n", "Hello", "x"),
)
# Written here a second time, so that a gap in the reader's patterns is found.
INTERNAL = re.compile(
    r"</?think|\[/?THINK\]|</?tool_(?:call|resp)|<function=|\[TOOL_CALLS\]|<[|\uff5c]|[|\uff5c]>|</?s>", re.IGNORECASE
)
content = st.lists(st.sampled_from(MARKERS) | st.text(max_size=5), max_size=12).map("".join)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | content
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw the right form three times of four, so that the inner members are reached."""
    return st.integers(0, 3).flatmap(lambda drawn: anything if drawn == 0 else right)


def members(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return mostly(st.fixed_dictionaries({}, optional={name: mostly(one) for name, one in strategies.items()}))


part_types = st.sampled_from(["text", "thinking", "refusal", "image_url"])
parts = st.lists(members(type=part_types, text=content, refusal=content))
called = members(
    id=st.sampled_from(["", "a", "b"]) | content,
    type=st.just("function"),
    function=members(name=st.sampled_from(["find_business", "functions.x"]) | content, arguments=content | anything),
)
messages = members(
    content=content | parts,
    refusal=content,
    tool_calls=st.lists(called, max_size=4),
    function_call=members(name=content, arguments=content),
    reasoning_content=content,
)
documents = members(
    id=content,
    model=content,
    choices=st.lists(members(message=messages, finish_reason=content), min_size=1, max_size=2),
    usage=members(prompt_tokens=st.integers() | st.floats(), completion_tokens=st.text()),
)


@given(documents.map(lambda document: json.dumps(document).encode()) | st.binary())
def test_any_answer_is_a_clean_reply_tool_calls_or_one_error(body: bytes) -> None:
    try:
        result = completion.parse(body)
    except MalformedAnswerError as error:
        assert error.kind in {"malformed_answer", "empty_answer", "unreadable_markup"}
        return
    assert result.text or result.tool_calls
    assert INTERNAL.search(result.text) is None, result.text
    for text in (result.text, result.id, result.model, result.finish_reason):
        assert isinstance(text, str)
        assert "\0" not in text
        text.encode()
    assert len({call.id for call in result.tool_calls}) == len(result.tool_calls)
    for call in result.tool_calls:
        assert re.fullmatch(r"[\w.:-]{1,64}", call.id, re.ASCII)
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", call.name)
        assert isinstance(call.arguments, dict)
    assert result.input_tokens >= 0 <= result.output_tokens
    sent = result.as_message()
    json.dumps(sent, allow_nan=False).encode()
    assert sent["content"] or (sent["content"] is None and sent["tool_calls"])


@given(content)
def test_any_content_is_free_of_markup_or_refused(text: str) -> None:
    with suppress(MalformedAnswerError):
        assert INTERNAL.search(read({"content": text}).text) is None


PIECES = ("<think>", "</think>", "<|channel|>", "<|", "[[{", '{"a":', "<tool_call>", " ", "<", "[a(")


@pytest.mark.parametrize("piece", PIECES)
def test_a_large_answer_is_read_in_linear_time(piece: str) -> None:
    """A reader that looks at the rest again for each piece would need hours."""
    with pytest.raises(MalformedAnswerError):
        read({"content": "<tool_call>" + piece * (900_000 // len(piece))})
    with pytest.raises(MalformedAnswerError):
        read({"content": piece * (900_000 // len(piece)) + "</tool_call>"})
