"""A conversation with tools: what the model sees, what is done, what the user gets."""

import json
from datetime import datetime

from sqlalchemy import text

from services.assistant.conversation.tool_schemas import DEFINITIONS
from tests.support.servers.openai_stub import called, said

BUSINESS = "bayview-dental-care"


def test_a_booking_by_chat_is_stored_confirmed_and_counted(service, model) -> None:
    slot = service.free(BUSINESS)
    model.call("find_business", kind="dentist", city="San Francisco")
    model.call("list_slots", business_id=BUSINESS)
    model.call("book_appointment", business_id=BUSINESS, starts_at=slot, service="Cleaning")
    model.say("Done, see you then.")
    answer = service.say("A dentist in San Francisco, please", user_id="ann")
    assert answer["reply"] == "Done, see you then."
    assert (answer["outcome"], answer["handoff"]) == ("ok", False)
    assert (answer["appointment"]["starts_at"], answer["appointment"]["business"]) == (slot, "Bayview Dental Care")
    assert answer["usage"] == {"input_tokens": 40, "output_tokens": 20}
    assert answer["model"] == "stub-1"
    listed = service.client.get("/appointments?user_id=ann").get_json()["appointments"]
    assert [one["id"] for one in listed] == [answer["appointment"]["id"]]
    assert service.sample("ai_appointments_total", action="booked", kind="dentist") == 1
    assert service.sample("ai_conversations_total", result="booked", kind="dentist") == 1
    assert service.sample("ai_requests_total", route="/chat", outcome="ok", business_id=BUSINESS) == 1
    assert service.sample("ai_tokens_total", type="input", model="lab-small") == 40


def test_the_model_gets_rules_context_tools_and_the_recent_turns(service, model) -> None:
    model.call("find_business", city="Gilroy")
    model.say("There is one.")
    first = service.say("Who is in Gilroy?", business_id=BUSINESS)
    service.say("And the next one", conversation_id=first["conversation_id"])
    request = model.requests[-1]
    roles = [message["role"] for message in request["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    call = request["messages"][2]["tool_calls"][0]
    assert call["id"] == request["messages"][3]["tool_call_id"]
    last = request["messages"][0]["content"].splitlines()[-1]
    assert last.startswith("CONTEXT ")
    context = json.loads(last.removeprefix("CONTEXT "))
    assert context["business"] == {
        "id": BUSINESS,
        "name": "Bayview Dental Care",
        "kind": "dentist",
        "city": "San Francisco",
        "time_zone": "America/Los_Angeles",
    }
    assert datetime.fromisoformat(context["now"]).utcoffset() is not None
    names = [tool["function"]["name"] for tool in request["tools"]]
    assert names == [
        "find_business",
        "list_slots",
        "book_appointment",
        "list_my_appointments",
        "move_appointment",
        "cancel_appointment",
        "hand_over",
    ]
    assert model.headers[0]["Authorization"] == "Bearer a-key"
    assert "traceparent" in {name.lower() for name in model.headers[0]}


def test_without_a_key_one_for_the_labs_own_model_is_sent(start, model, tmp_path) -> None:
    for number, file in enumerate((None, tmp_path / "no-such-file")):
        start(model_api_key_file=file).say("Hello")
        assert model.headers[number]["Authorization"] == "Bearer none"


def test_old_turns_are_left_out_whole(service, model) -> None:
    model.brain = lambda request: (
        called(("find_business", {"kind": "hair"})) if request["messages"][-1]["role"] == "user" else said("Yes.")
    )
    first = service.say("1")
    for number in range(2, 16):
        service.say(str(number), conversation_id=first["conversation_id"])
    messages = model.requests[-1]["messages"]
    assert [message["content"] for message in messages if message["role"] == "user"] == [str(n) for n in range(3, 16)]
    assert messages[1]["role"] == "user"


def test_move_and_cancel_by_chat(service, model) -> None:
    slot, later = service.free(BUSINESS, 0), service.free(BUSINESS, 5)
    model.call("book_appointment", business_id=BUSINESS, starts_at=slot)
    first = service.say(user_id="ann")
    appointment = first["appointment"]["id"]
    model.call("list_my_appointments")
    model.call("move_appointment", appointment_id=appointment, starts_at=later)
    moved = service.say(conversation_id=first["conversation_id"])
    assert moved["appointment"]["starts_at"] == later
    model.call("cancel_appointment", appointment_id=appointment)
    cancelled = service.say(conversation_id=first["conversation_id"])
    assert cancelled["appointment"]["status"] == "cancelled"
    for action in ("booked", "moved", "cancelled"):
        assert service.sample("ai_appointments_total", action=action, kind="dentist") == 1


def test_a_user_cannot_change_appointments_of_others(service, model) -> None:
    mine = service.book(user_id="ann").get_json()["id"]
    for tool in ("cancel_appointment", "move_appointment"):
        model.call(tool, appointment_id=mine, starts_at=service.free())
        service.say(user_id="mallory")
        assert model.last_tool_result == {
            "ok": False,
            "error": "unknown",
            "detail": "the user has no such appointment",
        }
    model.call("list_my_appointments")
    service.say(user_id="mallory")
    assert model.last_tool_result == {"appointments": []}


def test_a_conversation_belongs_to_its_user(service) -> None:
    first = service.say(user_id="ann")
    other = service.client.post(
        "/chat", json={"message": "Hi", "conversation_id": first["conversation_id"], "user_id": "mallory"}
    )
    assert (other.status_code, other.get_json()["type"]) == (404, "/problems/unknown-conversation")
    again = service.say(conversation_id=first["conversation_id"], user_id="ann")
    assert again["conversation_id"] == first["conversation_id"]


def test_a_taken_time_comes_with_alternatives(service, model) -> None:
    slot = service.free(BUSINESS)
    for _ in range(3):
        service.book(slot, BUSINESS)
    model.call("book_appointment", business_id=BUSINESS, starts_at=slot)
    answer = service.say()
    result = model.last_tool_result
    assert (result["ok"], result["error"], len(result["alternatives"])) == (False, "taken", 3)
    assert slot not in result["alternatives"]
    assert answer["appointment"] is None


def test_wrong_tool_arguments_are_returned_to_the_model_as_errors(service, model) -> None:
    model.queue.append(
        called(
            ("no_such_tool", {}),
            ("book_appointment", "{not json"),
            ("book_appointment", {"business_id": BUSINESS, "starts_at": "tomorrow"}),
            ("book_appointment", {"business_id": "unknown", "starts_at": "2027-01-01T09:00:00Z"}),
            ("list_slots", {"business_id": BUSINESS, "date": "9999-12-31"}),
            ("list_slots", {"business_id": BUSINESS, "date": "soon"}),
            ("list_slots", {"business_id": BUSINESS, "after": "0001-01-01T00:00:00+14:00"}),
            ("book_appointment", {"business_id": BUSINESS, "starts_at": "2020-01-06T09:00:00-08:00"}),
        )
    )
    assert service.say()["outcome"] == "ok"
    results = [json.loads(m["content"]) for m in model.requests[-1]["messages"] if m["role"] == "tool"]
    assert [result.get("error") for result in results] == [
        "unknown",
        "invalid",
        "invalid",
        "unknown",
        None,
        "invalid",
        "invalid",
        "past",
    ]
    assert results[4]["slots"] == []


def test_a_tool_call_in_the_content_books_and_its_markup_is_not_in_the_reply(service, model) -> None:
    slot = service.free(BUSINESS)
    call = {"name": "book_appointment", "arguments": {"business_id": BUSINESS, "starts_at": slot}}
    model.say(f"<think>The user confirmed.</think><tool_call>{json.dumps(call)}</tool_call>")
    model.say("<think>It is booked.</think>Booked.")
    answer = service.say()
    assert (answer["reply"], answer["outcome"], answer["appointment"]["starts_at"]) == ("Booked.", "ok", slot)
    sent = model.requests[-1]["messages"]
    assert sent[-2]["content"] is None
    assert sent[-2]["tool_calls"][0]["id"] == sent[-1]["tool_call_id"]
    assert "<" not in json.dumps(sent[1:])


def parameters_of(service, model, tool: str) -> dict[str, object]:
    service.say()
    functions = [one["function"] for one in model.requests[-1]["tools"]]
    return next(one["parameters"] for one in functions if one["name"] == tool)


def test_the_tools_have_the_plainest_schema(service, model) -> None:
    assert parameters_of(service, model, "list_slots") == {
        "type": "object",
        "properties": {
            "business_id": {"type": "string"},
            "date": {"type": "string", "description": "YYYY-MM-DD"},
            "after": {"type": "string", "description": "earliest time: RFC 3339, or HH:MM of that day"},
            "provider": {"type": "string", "description": "id or name of a person who works there"},
        },
        "required": ["business_id"],
    }
    assert parameters_of(service, model, "list_my_appointments") == {"type": "object", "properties": {}}
    assert parameters_of(service, model, "hand_over")["properties"] == {
        "reason": {"type": "string", "description": "asked or confused"}
    }


def test_no_tool_uses_a_keyword_that_strict_providers_refuse() -> None:
    """They take types, descriptions and required members; of limits the assistant itself reports a violation."""

    def keywords(schema: object) -> set[str]:
        if not isinstance(schema, dict):
            return set()
        inner = [one for key, one in schema.items() if key != "properties"] + list(
            schema.get("properties", {}).values()
        )
        return set(schema).union(*map(keywords, inner))

    used = set().union(*(keywords(tool["function"]["parameters"]) for tool in DEFINITIONS))
    assert used == {"type", "properties", "required", "description"}


def test_a_null_is_an_argument_that_is_left_out(service, model) -> None:
    model.call("list_slots", business_id=BUSINESS, date=None, after=None, provider=None)
    service.say()
    assert model.last_tool_result["slots"]
    model.call("hand_over", reason=None)
    service.say()
    assert model.last_tool_result["ok"] is True


def test_times_without_offset_are_those_of_the_business(service, model) -> None:
    slot = service.free("hudson-hair-house")
    model.call("book_appointment", business_id="hudson-hair-house", starts_at=slot[:19])
    assert service.say()["appointment"]["starts_at"] == slot


def test_one_turn_books_a_time_once(service, model) -> None:
    slot = service.free(BUSINESS)
    twice = ("book_appointment", {"business_id": BUSINESS, "starts_at": slot})
    model.queue.append(called(twice, twice))
    service.say(user_id="ann")
    assert len(service.client.get("/appointments?user_id=ann").get_json()["appointments"]) == 1


def test_an_appointment_names_its_own_business_not_the_last_one_of_the_turn(service, model) -> None:
    booking = ("book_appointment", {"business_id": BUSINESS, "starts_at": service.free(BUSINESS)})
    model.queue.append(called(booking, ("list_slots", {"business_id": "hudson-hair-house"})))
    model.say("Booked.")
    assert service.say()["appointment"]["business"] == "Bayview Dental Care"

    booking = ("book_appointment", {"business_id": BUSINESS, "starts_at": service.free(BUSINESS, 1)})
    model.queue.append(called(booking, ("list_slots", {"business_id": "hudson-hair-house"})))
    model.fail(503, times=3)
    assert "at Bayview Dental Care is booked for" in service.say()["reply"]


def test_a_human_is_called_when_the_user_asks(service, model) -> None:
    model.call("hand_over", reason="asked")
    model.say("A colleague will call you.")
    answer = service.say("Let me talk to a person")
    assert (answer["handoff"], answer["outcome"]) == (True, "ok")
    assert service.sample("ai_handoffs_total", reason="asked") == 1


def test_a_model_that_goes_in_circles_is_stopped(service, model) -> None:
    model.brain = lambda request: called(("find_business", {"kind": "hair"}))
    answer = service.say()
    assert (answer["handoff"], answer["outcome"]) == (True, "ok")
    assert len(model.requests) == 6
    assert service.sample("ai_handoffs_total", reason="confused") == 1


def test_a_city_without_a_business_gives_those_nearby(service, model) -> None:
    model.call("find_business", kind="dentist", city="los  ALTOS")
    service.say()
    result = model.last_tool_result
    assert result["nearby"] is True
    regions = {service.assistant.directory.get(business["id"]).region for business in result["businesses"]}
    assert regions == {"bay-south"}


def test_businesses_and_people_are_found_by_name(service, model) -> None:
    model.call("find_business", name="bayview dental")
    service.say()
    assert [business["id"] for business in model.last_tool_result["businesses"]] == [BUSINESS]
    person = model.last_tool_result["businesses"][0]["providers"][0]
    model.call("find_business", name=f"Dr. {person}", kind="dentist", city="San Francisco")
    service.say()
    assert BUSINESS in [business["id"] for business in model.last_tool_result["businesses"]]


def test_the_trace_reads_like_the_folder_and_the_lines_carry_it(service, model) -> None:
    model.call("book_appointment", business_id=BUSINESS, starts_at=service.free(BUSINESS))
    service.spans.clear()
    answer = service.say()
    spans = {span.context.span_id: span for span in service.spans.get_finished_spans()}
    root = service.span("POST /chat")
    assert f"{root.context.trace_id:032x}" == answer["trace_id"]

    def path(span) -> list[str]:
        return ([] if span.parent is None else path(spans[span.parent.span_id])) + [span.name.split(" ")[0]]

    paths = {"/".join(path(span)) for span in spans.values()}
    assert {
        "POST/retrieve",
        "POST/decide/chat/POST",
        "POST/decide/execute_tool/INSERT",
        "POST/INSERT",
    } <= paths
    assert {line["trace_id"] for line in service.lines() if line["event"] == "model.call"} == {answer["trace_id"]}


def test_an_error_of_the_database_does_not_contain_what_people_wrote(service, model) -> None:
    with service.assistant.database.write() as session:
        session.execute(text("DROP TABLE turns"))
    answer = service.client.post("/chat", json={"message": "my aching knee"})
    assert answer.status_code in (500, 503)
    assert "INSERT INTO turns" in service.log_file.read_text()
    assert "knee" not in service.log_file.read_text() + answer.text


def test_what_people_write_is_in_no_line_and_no_span(service, model) -> None:
    secret = "my mail is jane.roe@example.org, call 415-555-0142 about my knee"
    model.call("hand_over", reason=secret)
    model.say(f"You wrote: {secret}")
    service.say(secret, user_id="jane.roe@example.org")
    service.client.post(
        "/feedback", json={"conversation_id": service.say()["conversation_id"], "stars": 1, "comment": secret}
    )
    everything = service.log_file.read_text() + "".join(span.to_json() for span in service.spans.get_finished_spans())
    for word in ("jane.roe", "415-555", "knee"):
        assert word not in everything


def test_a_chat_that_binds_no_outcome_counts_as_an_error(service, model, monkeypatch) -> None:
    model.say("Hello.")
    monkeypatch.setattr(service.assistant.chat, "_record", lambda *_: None)
    service.say()
    labels = {"route": "/chat", "business_id": "none"}
    assert service.sample("ai_requests_total", outcome="error", **labels) == 1
    assert service.sample("ai_requests_total", outcome="ok", **labels) == 0
