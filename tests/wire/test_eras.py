import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire import eras, jsonrpc

VERSION = "2026-07-28"
META = {eras.META_PROTOCOL_VERSION: VERSION, eras.META_CLIENT_CAPABILITIES: {}}
SUPPORTED = ("2025-06-18", "2025-11-25", VERSION)


def message(method="tools/call", params=None, *, meta=META):
    params = {"name": "accounts___get_email"} if params is None else params
    if meta is not None:
        params = {**params, "_meta": meta}
    return jsonrpc.parse(jsonrpc.request(1, method, params))


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def test_names_and_numbers_are_those_of_the_sdk():
    types = pytest.importorskip("mcp_types")
    version = pytest.importorskip("mcp_types.version")
    codes = pytest.importorskip("mcp_types.jsonrpc")
    inbound = pytest.importorskip("mcp.shared.inbound")
    assert types.PROTOCOL_VERSION_META_KEY == eras.META_PROTOCOL_VERSION
    assert types.CLIENT_CAPABILITIES_META_KEY == eras.META_CLIENT_CAPABILITIES
    assert types.CLIENT_INFO_META_KEY == eras.META_CLIENT_INFO
    assert types.LOG_LEVEL_META_KEY == eras.META_LOG_LEVEL
    assert types.SERVER_INFO_META_KEY == eras.META_SERVER_INFO
    assert tuple(version.MODERN_PROTOCOL_VERSIONS) == eras.MODERN_VERSIONS
    assert codes.HEADER_MISMATCH == eras.HEADER_MISMATCH
    assert codes.MISSING_REQUIRED_CLIENT_CAPABILITY == eras.MISSING_CLIENT_CAPABILITY
    assert codes.UNSUPPORTED_PROTOCOL_VERSION == eras.UNSUPPORTED_VERSION
    assert inbound.NAME_BEARING_METHODS.items() <= eras.NAME_MEMBER.items()
    for code, status in eras.MODERN_STATUS.items():
        assert inbound.ERROR_CODE_HTTP_STATUS.get(code, status) == status


@pytest.mark.parametrize(
    ("version", "era"),
    [("2024-11-05", "legacy"), ("2025-11-25", "legacy"), (VERSION, "modern"), ("2027-01-01", None)],
)
def test_era_of_a_version(version, era):
    assert eras.era_of(version) == era


@pytest.mark.parametrize(
    ("header", "sent", "era"),
    [
        (None, message(meta=None), "legacy"),
        ("2025-11-25", message(meta=None), "legacy"),
        (VERSION, message(meta=None), "modern"),
        (None, message(), "modern"),
        ("2027-01-01", message(meta={eras.META_PROTOCOL_VERSION: "2027-01-01"}), "modern"),
        (VERSION, message("initialize", {"protocolVersion": VERSION}, meta=None), "legacy"),
        (None, message(meta=None, params={"name": "x", "_meta": "text"}), "legacy"),
    ],
)
def test_era_of_a_request(header, sent, era):
    assert eras.request_era(header, sent) == era


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("2025-06-18", "2025-06-18"),
        ("2024-11-05", "2025-11-25"),
        (VERSION, "2025-11-25"),
        (None, "2025-11-25"),
    ],
)
def test_initialize_gets_the_version_asked_for_or_the_newest_legacy_one(asked, answer):
    assert eras.negotiate(asked, SUPPORTED) == answer
    assert eras.negotiate(asked, [VERSION]) is None


def test_a_good_modern_request_has_no_violation():
    good = message()
    assert eras.modern_violation(lower(eras.standard_headers(good)), good, SUPPORTED) is None


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({}, jsonrpc.INVALID_PARAMS),
        ({eras.META_PROTOCOL_VERSION: VERSION}, jsonrpc.INVALID_PARAMS),
        ({eras.META_PROTOCOL_VERSION: 5, eras.META_CLIENT_CAPABILITIES: {}}, jsonrpc.INVALID_PARAMS),
        ({**META, eras.META_CLIENT_CAPABILITIES: []}, jsonrpc.INVALID_PARAMS),
        ({**META, eras.META_PROTOCOL_VERSION: "2027-01-01"}, eras.UNSUPPORTED_VERSION),
        ({**META, eras.META_PROTOCOL_VERSION: "2025-11-25"}, eras.UNSUPPORTED_VERSION),
    ],
)
def test_metadata_is_checked_before_headers(meta, code):
    found = eras.modern_violation({}, message(meta=meta), SUPPORTED)
    assert found is not None
    assert (found.code, found.status) == (code, 400)
    if code == eras.UNSUPPORTED_VERSION:
        assert found.data == {"supported": list(SUPPORTED), "requested": meta[eras.META_PROTOCOL_VERSION]}


@pytest.mark.parametrize("name", ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"])
@pytest.mark.parametrize("value", [None, "something else", "=?base64?***?="])
def test_headers_must_say_what_the_body_says(name, value):
    sent = message()
    headers = eras.standard_headers(sent)
    if value is None:
        del headers[name]
    else:
        headers[name] = value
    found = eras.modern_violation(lower(headers), sent, SUPPORTED)
    assert found is not None
    assert (found.code, found.status) == (eras.HEADER_MISMATCH, 400)
    assert name in found.message


@given(st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_any_resource_uri_matches_its_encoded_header(uri):
    sent = message("resources/read", {"uri": uri})
    assert eras.modern_violation(lower(eras.standard_headers(sent)), sent, SUPPORTED) is None


def test_a_name_of_another_type_is_an_invalid_parameter():
    sent = message("tools/call", {"name": 5})
    found = eras.modern_violation(lower(eras.standard_headers(sent)), sent, SUPPORTED)
    assert found is not None
    assert found.code == jsonrpc.INVALID_PARAMS


def test_notifications_need_no_metadata():
    sent = jsonrpc.parse(jsonrpc.notification("notifications/cancelled"))
    assert eras.modern_violation({}, sent, SUPPORTED) is None


def test_metadata_is_added_and_taken_away_again():
    params = {"name": "x", "_meta": {"progressToken": 3}}
    modern = eras.with_meta(
        params, version=VERSION, capabilities={"elicitation": {}}, client_info={"name": "c"}, log_level="info"
    )
    assert modern["_meta"] == {
        "progressToken": 3,
        eras.META_PROTOCOL_VERSION: VERSION,
        eras.META_CLIENT_CAPABILITIES: {"elicitation": {}},
        eras.META_CLIENT_INFO: {"name": "c"},
        eras.META_LOG_LEVEL: "info",
    }
    assert eras.without_meta(modern) == params
    assert eras.without_meta(eras.with_meta({"a": 1}, version=VERSION, capabilities={})) == {"a": 1}
    assert params == {"name": "x", "_meta": {"progressToken": 3}}


def test_results_move_between_the_eras():
    legacy = {"tools": [], "nextCursor": "n"}
    modern = eras.to_modern_result("tools/list", legacy, server_info={"name": "s"})
    assert modern == {
        **legacy,
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {eras.META_SERVER_INFO: {"name": "s"}},
    }
    assert eras.to_legacy_result(modern) == legacy
    assert eras.to_modern_result("tools/call", {"content": []}) == {"resultType": "complete", "content": []}
    asking = eras.to_modern_result("resources/read", {"resultType": "input_required", "requestState": "s"})
    assert "ttlMs" not in asking


def test_errors_move_between_the_eras():
    assert eras.to_modern_code(eras.RESOURCE_NOT_FOUND) == jsonrpc.INVALID_PARAMS
    assert eras.to_modern_code(-1) == -1
    assert eras.error_status(jsonrpc.METHOD_NOT_FOUND, "modern") == 404
    assert eras.error_status(jsonrpc.METHOD_NOT_FOUND, "legacy") == 200
    assert eras.error_status(eras.HEADER_MISMATCH, "modern") == 400
    assert eras.error_status(jsonrpc.PARSE_ERROR, "legacy") == 400


@given(
    st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5)),
    st.text(max_size=30),
)
def test_no_metadata_raises(meta, version):
    sent = jsonrpc.parse(
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"_meta": meta}}).encode()
    )
    eras.request_era(version, sent)
    eras.modern_violation({"mcp-name": version}, sent, SUPPORTED)
    eras.negotiate(meta, SUPPORTED)


def test_capabilities_of_a_modern_server_for_a_legacy_client():
    modern = {"tools": {}, "resources": {"listChanged": True}, "extensions": {"x": {}}, "tasks": {}}
    assert eras.to_legacy_capabilities(modern) == {
        "tools": {},
        "resources": {"listChanged": True, "subscribe": True},
        "logging": {},
    }
    assert eras.to_legacy_capabilities({"logging": {"own": 1}}) == {"logging": {"own": 1}}
    assert eras.to_legacy_capabilities({"resources": 5}) == {"resources": 5, "logging": {}}


def test_capabilities_of_a_legacy_server_for_a_modern_client():
    assert eras.to_modern_capabilities({"tasks": {}, "tools": {}, "logging": {}}) == {
        "tools": {},
        "logging": {},
    }


def test_client_capabilities_across_the_eras():
    declared = {"elicitation": {}, "tasks": {}, "extensions": {"x": {}}}
    assert eras.kept_client_capabilities(declared, "legacy") == {"elicitation": {}}
    assert eras.kept_client_capabilities(declared, "modern") == {"elicitation": {}, "extensions": {"x": {}}}


@pytest.mark.parametrize(
    ("method", "params", "required"),
    [
        ("elicitation/create", {}, {"elicitation": {"form": {}}}),
        ("elicitation/create", {"mode": "form"}, {"elicitation": {"form": {}}}),
        ("elicitation/create", {"mode": "url"}, {"elicitation": {"url": {}}}),
        ("sampling/createMessage", {}, {"sampling": {}}),
        ("sampling/createMessage", {"toolChoice": {}}, {"sampling": {"tools": {}}}),
        ("roots/list", {}, {"roots": {}}),
    ],
)
def test_what_a_question_needs(method, params, required):
    assert eras.required_capability(method, params) == required
    assert not eras.declares({}, required)
    assert eras.declares(required, required)
    assert not eras.declares(dict.fromkeys(required, True), required)


@pytest.mark.parametrize(
    ("declared", "form", "url"),
    [
        ({}, True, False),
        ({"form": {}}, True, False),
        ({"url": {}}, False, True),
        ({"form": {}, "url": {}}, True, True),
        ({"form": True, "url": {}}, False, True),
    ],
)
def test_elicitation_alone_means_form(declared, form, url):
    capabilities = {"elicitation": declared}
    assert eras.declares(capabilities, {"elicitation": {"form": {}}}) is form
    assert eras.declares(capabilities, {"elicitation": {"url": {}}}) is url


def test_capabilities_have_names():
    assert (
        eras.capability_names({"elicitation": {"url": {}}, "roots": {}, "x": 5})
        == "elicitation.url, roots, x"
    )
    assert eras.capability_names(None) == ""


def test_the_list_changes_that_a_server_declares():
    declared = {"tools": {"listChanged": True}, "prompts": {"listChanged": 1}, "resources": []}
    assert eras.list_changes(declared) == {"toolsListChanged": True}


@pytest.mark.parametrize(
    ("level", "wanted", "loud"),
    [
        ("debug", "info", False),
        ("info", "info", True),
        ("emergency", "info", True),
        ("unknown", "info", True),
        (None, "info", True),
        ([], "debug", True),
    ],
)
def test_log_levels_are_in_order(level, wanted, loud):
    assert eras.loud_enough(level, wanted) is loud


def test_metadata_is_checked_without_headers():
    assert eras.meta_violation(message(), SUPPORTED) is None
    found = eras.meta_violation(message(meta={}), SUPPORTED)
    assert found is not None
    assert found.code == jsonrpc.INVALID_PARAMS
