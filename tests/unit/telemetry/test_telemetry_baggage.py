"""Which baggage of a client goes on."""

from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.baggage import select_members

NAMES = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}", fullmatch=True)
VALUES = st.from_regex(r"[A-Za-z0-9%!#$&'()*+./:<>?@^_`{|}~;=-]{0,12}", fullmatch=True)
BLANKS = st.sampled_from(["", " ", "\t", " \t"])


@st.composite
def members(draw: st.DrawFn) -> tuple[str, str]:
    """A name, and the member that has it with blanks where the standard allows them."""
    name = draw(NAMES)
    return name, f"{draw(BLANKS)}{name}{draw(BLANKS)}={draw(BLANKS)}{draw(VALUES)}{draw(BLANKS)}"


@given(st.lists(members(), max_size=6), st.data())
def test_allowed_members_go_on_as_they_were_sent_and_no_others(sent, data):
    names = [name for name, _ in sent]
    allowed = data.draw(st.sets(st.sampled_from(names)) if names else st.just(set()))
    kept = select_members(",".join(member for _, member in sent), allowed)
    assert kept == ",".join(member.strip() for name, member in sent if name in allowed)


@given(st.text(max_size=60), st.sets(NAMES, max_size=3))
def test_of_any_text_only_allowed_names_are_left(header, allowed):
    kept = select_members(header, allowed)
    assert {member.partition("=")[0].strip() for member in kept.split(",") if kept} <= allowed
