import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.wire import context
from skerry.wire.context import ClientContext

NOW = 1_800_000_000.0
SAMPLE = ClientContext(
    session_id="s" * 36,
    region="eu-west-1",
    agent_name="Desk",
    timestamp=1_705_000_000.25,
    user_preferences={"auto_format": True, "show_raw": False, "theme": "dark", "widths": [1, 2.5, None]},
)

words = st.text(max_size=40).filter(lambda text: context._CONTROL.search(text) is None)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
contexts = st.builds(
    ClientContext,
    session_id=words,
    region=words,
    agent_name=words,
    timestamp=st.floats(0, 253_402_300_799),
    user_preferences=st.dictionaries(st.text(max_size=12), values, max_size=4),
)


def test_the_five_headers():
    assert SAMPLE.to_headers() == {
        "X-Session-ID": "s" * 36,
        "X-Client-Region": "eu-west-1",
        "X-Client-Agent": "Desk",
        "X-Client-Timestamp": "1705000000.25",
        "X-Client-Preferences": (
            '{"auto_format":true,"show_raw":false,"theme":"dark","widths":[1,2.5,null]}'
        ),
    }
    assert set(SAMPLE.to_headers()) == set(context.HEADER_NAMES)


def test_missing_and_null_members_get_defaults():
    expected = ClientContext(session_id="from the runtime", timestamp=NOW)
    for payload in (
        {},
        {"client_context": None},
        {"client_context": {}},
        {"client_context": {"region": None}},
    ):
        assert ClientContext.from_payload(payload, now=NOW, session_id="from the runtime") == expected
    assert (expected.region, expected.agent_name, expected.user_preferences) == ("unknown", "unknown", {})
    assert ClientContext.from_headers({}, now=NOW) == ClientContext(timestamp=NOW)


def test_header_names_are_compared_without_regard_to_case():
    lower = {name.lower(): value for name, value in SAMPLE.to_headers().items()}
    assert ClientContext.from_headers(lower, now=NOW) == SAMPLE


@given(contexts)
def test_payload_and_headers_give_the_same_context_back(made):
    through_json = json.loads(json.dumps({"client_context": made.to_payload()}))
    assert ClientContext.from_payload(through_json, now=NOW, session_id=made.session_id) == made
    assert ClientContext.from_headers(made.to_headers(), now=NOW) == made


def test_no_character_of_a_preference_is_unprintable_in_its_header():
    made = ClientContext(user_preferences={"\x7f\r\n": "\0 \x7f \x85 \u2028 \ud800 é"})
    value = made.to_headers()["X-Client-Preferences"]
    assert value.isascii()
    assert value.isprintable()
    assert ClientContext.from_headers({"X-Client-Preferences": value}, now=0.0) == made


@pytest.mark.parametrize("timestamp", [0.0, 5e-324, 1.5e-9, 253_402_300_799, 1_705_000_000.123456])
def test_every_time_survives_its_header(timestamp):
    made = ClientContext(timestamp=timestamp)
    assert ClientContext.from_headers(made.to_headers(), now=NOW) == made


@given(contexts)
def test_headers_are_printable_ascii_whatever_the_context_holds(made):
    for value in made.to_headers().values():
        assert value.isascii()
        assert value == "" or value.isprintable()
        assert len(value) <= context.MAX_PREFERENCES


@given(
    st.dictionaries(
        st.sampled_from(["session_id", "region", "agent_name", "timestamp", "user_preferences", "other"]),
        values | st.text() | st.floats() | st.binary() | st.tuples(st.integers()),
    )
)
def test_any_payload_gives_a_context_or_a_protocol_error(members):
    try:
        made = ClientContext.from_payload({"client_context": members}, now=NOW)
    except ProtocolError:
        return
    assert ClientContext.from_headers(made.to_headers(), now=NOW) == made


@given(st.dictionaries(st.sampled_from(context.HEADER_NAMES), st.text()))
def test_any_headers_give_a_context_or_a_protocol_error(given_headers):
    try:
        made = ClientContext.from_headers(given_headers, now=NOW)
    except ProtocolError:
        return
    assert all(value.isascii() for value in made.to_headers().values())


def test_preferences_are_read_as_sent_or_refused():
    for hostile in (
        "[" * 5000,
        "{" * 5000,
        '{"a":' * 3000,
        "NaN",
        '{"a":NaN}',
        "1" * 5000,
        '{"a":1e999}',
        "null",
    ):
        with pytest.raises(ProtocolError):
            ClientContext.from_headers({"X-Client-Preferences": hostile}, now=NOW)


@pytest.mark.parametrize("name", ["session_id", "region", "agent_name"])
@pytest.mark.parametrize(
    "value", ["a\r\nX-Admin: yes", "a\0", "\x7f", "\x85", "\u2028", "\ud800", 5, ["a"], {}]
)
def test_text_with_control_characters_or_of_another_type_is_refused(name, value):
    with pytest.raises(ProtocolError, match=name):
        ClientContext.from_payload({"client_context": {name: value}}, now=NOW)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 10**400, 1e12, True, "1705000000", [1]])
def test_times_are_seconds_since_the_epoch(value):
    with pytest.raises(ProtocolError, match="timestamp"):
        ClientContext.from_payload({"client_context": {"timestamp": value}}, now=NOW)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1_0", " 1", "1e999", "٣", "0x10", "", "9" * 400])
def test_the_time_header_is_a_plain_number(value):
    with pytest.raises(ProtocolError):
        ClientContext.from_headers({"X-Client-Timestamp": value}, now=NOW)


def test_names_outside_ascii_travel_encoded():
    made = ClientContext(agent_name="Bürohilfe 📎")
    value = made.to_headers()["X-Client-Agent"]
    assert value.startswith("=?base64?")
    assert ClientContext.from_headers({"X-Client-Agent": value}, now=0.0) == made


def test_preferences_stop_at_4_kb_and_say_so():
    room = context.MAX_PREFERENCES - len('{"note":""}')
    assert ClientContext(user_preferences={"note": "x" * room}).to_headers()
    with pytest.raises(ProtocolError, match="4097 bytes; 4096 are allowed"):
        ClientContext(user_preferences={"note": "x" * (room + 1)})
    with pytest.raises(ProtocolError, match="4096 are allowed"):
        ClientContext(user_preferences={"note": "é" * 1000})  # six bytes each as a header


def test_preferences_that_json_would_change_are_refused():
    endless: dict[str, object] = {}
    endless["self"] = endless
    for hostile in (
        {1: "a"},
        {"a": {1: 2}},
        {"a": (1,)},
        {"a": math.nan},
        {"a": b"x"},
        {"a": {1, 2}},
        endless,
        "x",
        None,
    ):
        with pytest.raises(ProtocolError):
            ClientContext(user_preferences=hostile)  # type: ignore[arg-type]
