"""The pure parts: argument checks, names, pages, mirrored arguments, routes, the table of assumptions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.gateway import arguments, browsers, propagation, tools
from skerry.local.gateway.assumptions import Assumptions, rows
from skerry.local.gateway.messages import McpError
from skerry.local.gateway.routes import Route, route
from skerry.wire import param_headers

SCHEMA = {
    "type": "object",
    "properties": {
        "amount_cents": {"type": "integer"},
        "price": {"type": "number"},
        "name": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "free": {"type": "object"},
        "flag": {"type": "boolean"},
    },
    "required": ["name"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def lines(value: object) -> list[str]:
    found = arguments.problem(SCHEMA, value)
    if found is None:
        return []
    assert found.startswith(arguments.PREFIX)
    return found.removeprefix(arguments.PREFIX).split("\n")


class TestArguments:
    @pytest.mark.behaviour("GW-ARGS-REQUIRED")
    def test_a_missing_field_is_named(self) -> None:
        assert lines({}) == ["- Missing required field(s): 'name'"]
        assert lines({"name": "a", "address": {}}) == ["- Missing required field(s): '/address/city'"]

    @pytest.mark.behaviour("GW-ARGS-TYPE")
    @pytest.mark.parametrize(
        ("member", "value", "text"),
        [
            ("amount_cents", "5", "- Field '/amount_cents' has invalid type: string found, integer expected"),
            ("amount_cents", 1.5, "- Field '/amount_cents' has invalid type: number found, integer expected"),
            (
                "amount_cents",
                True,
                "- Field '/amount_cents' has invalid type: boolean found, integer expected",
            ),
            ("price", None, "- Field '/price' has invalid type: null found, number expected"),
            ("flag", 0, "- Field '/flag' has invalid type: integer found, boolean expected"),
            ("tags", ["a", 2], "- Field '/tags/1' has invalid type: integer found, string expected"),
            ("address", [], "- Field '/address' has invalid type: array found, object expected"),
        ],
    )
    def test_a_wrong_type_is_named_with_its_pointer(self, member: str, value: object, text: str) -> None:
        assert lines({"name": "a", member: value}) == [text]

    @pytest.mark.behaviour("GW-ARGS-EXTRA")
    def test_a_member_outside_the_schema_is_refused(self) -> None:
        text = (
            "- additionalProperties validation failed: property '_meta' is not defined in the schema and the "
            "schema does not allow additional properties"
        )
        assert lines({"name": "a", "_meta": 1}) == [text]
        assert arguments.problem(SCHEMA, {"name": "a", "_meta": 1}, closed=False) is None

    def test_good_arguments_and_an_object_without_properties_pass(self) -> None:
        good = {"name": "a", "amount_cents": 2.0, "price": 1, "tags": [], "free": {"any": [1]}, "flag": True}
        assert lines(good) == []

    def test_each_problem_has_its_line_up_to_a_bound(self) -> None:
        assert len(lines({"price": "x", "flag": "y"})) == 3
        assert len(lines({"name": "a", "tags": list(range(500))})) == arguments.MAX_PROBLEMS

    @given(JSON)
    def test_any_json_gives_an_answer(self, value: Any) -> None:
        found = arguments.problem(SCHEMA, value)
        assert found is None or found.startswith(arguments.PREFIX)


class TestNames:
    @pytest.mark.behaviour("GW-NAME")
    @given(
        st.from_regex(r"([0-9a-zA-Z][-]?){1,20}", fullmatch=True),
        st.text(min_size=1, max_size=30),
    )
    def test_a_public_name_splits_back_into_target_and_tool(self, target: str, name: str) -> None:
        item = tools.prefixed(target, [{"name": name}])[name]
        assert (target, name) == tools.split(item.public)

    @pytest.mark.parametrize("name", ["", "echo", "___echo", "echo___", "a__b"])
    def test_other_names_belong_to_no_target(self, name: str) -> None:
        assert tools.split(name) is None

    @pytest.mark.behaviour("GW-NAME-LENGTH")
    def test_a_name_over_256_characters_is_neither_listed_nor_called(self) -> None:
        fits, long = "x" * (256 - 7), "x" * (257 - 7)
        items = tools.prefixed("echo", [{"name": fits}, {"name": long}])
        assert [len(item.public) for item in items.values()] == [256, 257]
        assert [item.flaw is None for item in items.values()] == [True, False]

    def test_definitions_without_a_name_and_doubled_ones_are_left_out(self) -> None:
        found = tools.prefixed(
            "t", [{}, {"name": 5}, {"name": "a", "title": "1"}, {"name": "a", "title": "2"}]
        )
        assert [item.definition for item in found.values()] == [{"name": "t___a", "title": "1"}]


ITEMS = list(tools.prefixed("t", [{"name": f"n{number}"} for number in range(250)]).values())


class TestPages:
    @pytest.mark.behaviour("GW-PAGE")
    def test_following_the_cursors_gives_every_item_once_and_in_order(self) -> None:
        seen: list[str] = []
        cursor: str | None = None
        sizes = []
        while True:
            shown, cursor = tools.page(ITEMS, cursor, 100)
            seen += [item.name for item in shown]
            sizes.append(len(shown))
            if cursor is None:
                break
        assert [item.name for item in ITEMS] == seen
        assert sizes == [100, 100, 50]

    @pytest.mark.parametrize("cursor", ["", "x", "YXQ6LTE=", "YXQ6OTk5", 5, "é", ["a"]])
    def test_a_cursor_of_somebody_else_is_refused(self, cursor: object) -> None:
        with pytest.raises(McpError, match="Invalid cursor") as caught:
            tools.page(ITEMS, cursor, 100)
        assert caught.value.rpc_code == -32602

    @given(st.text() | st.integers() | st.none())
    def test_no_cursor_crashes(self, cursor: object) -> None:
        try:
            shown, _ = tools.page(ITEMS, cursor, 100)
        except McpError:
            return
        assert len(shown) <= 100


MIRRORING = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
        "flag": {"type": "boolean", "x-mcp-header": "Flag"},
    },
}


class TestMirroredArguments:
    @pytest.mark.behaviour("GW-MCP-PARAM")
    def test_declared_arguments_become_headers(self) -> None:
        found = param_headers.param_headers(MIRRORING, {"region": "é", "deep": {"n": 5}, "flag": False})
        assert found == {"Mcp-Param-Region": "=?base64?w6k=?=", "Mcp-Param-N": "5", "Mcp-Param-Flag": "false"}
        assert param_headers.param_headers(MIRRORING, {"region": None}) == {}

    @pytest.mark.parametrize(
        "schema",
        [
            {"x-mcp-header": "Root"},
            {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
            {"properties": {"a": {"type": "string", "x-mcp-header": "no token"}}},
            {"properties": {"a": {"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}}},
            {"$defs": {"a": {"type": "string", "x-mcp-header": "A"}}},
            {
                "properties": {
                    "a": {"type": "string", "x-mcp-header": "A"},
                    "b": {"type": "string", "x-mcp-header": "a"},
                }
            },
        ],
    )
    def test_a_tool_with_an_unusable_annotation_has_a_flaw(self, schema: dict[str, Any]) -> None:
        assert param_headers.annotation_problem(schema) is not None
        assert tools.prefixed("t", [{"name": "a", "inputSchema": schema}])["a"].flaw is not None

    @given(JSON)
    def test_any_schema_gives_an_answer(self, schema: Any) -> None:
        param_headers.annotation_problem(schema)
        param_headers.param_headers(schema, schema)


class TestPropagation:
    def target(self, **members: list[str]) -> dict[str, Any]:
        return {"metadataConfiguration": members}

    @pytest.mark.behaviour("GW-PROPAGATE")
    def test_only_allowed_names_pass_and_doubled_ones_are_joined(self) -> None:
        target = self.target(allowedRequestHeaders=["X-Client-Region", "x-a"])
        inbound = [("x-client-region", "eu"), ("x-a", "1"), ("x-a", "2"), ("x-b", "3")]
        assert propagation.request_headers(inbound, target) == {"x-client-region": "eu", "x-a": "1, 2"}

    @pytest.mark.behaviour("GW-STRIP")
    @pytest.mark.parametrize(
        "name",
        ["Authorization", "X-JWT-TOKEN", "X-TENANT-ID", "X-User-Id", "Cookie", "Host", "X-Amzn-Thing",
         "X-Amz-Date", "X-Forwarded-For"],
    )  # fmt: skip
    def test_identity_and_restricted_headers_never_pass_even_when_allowed(self, name: str) -> None:
        target = self.target(allowedRequestHeaders=[name])
        assert propagation.request_headers([(name.lower(), "x")], target) == {}

    def test_long_and_unprintable_values_are_left_out(self) -> None:
        target = self.target(allowedRequestHeaders=["x-a"])
        for value in ("x" * 4097, "é", "a\tb"):
            assert propagation.request_headers([("x-a", value)], target) == {}

    @pytest.mark.behaviour("GW-TRACE-HEADERS")
    def test_what_is_dropped_is_named_with_its_reason(self) -> None:
        allowed = ["X-Client-Region", "X-Client-Agent", "Cookie", "X-User-Id", "X-Absent"]
        inbound = [
            ("host", "gateway"),
            ("accept", "*/*"),
            ("authorization", "Bearer secret"),
            ("x-amz-date", "20260101T000000Z"),
            ("mcp-session-id", "s"),
            ("traceparent", "00-1"),
            ("cookie", "a=b"),
            ("x-client-region", "eu"),
            ("x-client-agent", "x" * 4097),
            ("x-client-timestamp", "17"),
            ("x-user-id", "root"),
            ("x-tenant-id", "acme"),
        ]
        target = self.target(allowedRequestHeaders=allowed)
        assert propagation.dropped_headers(inbound, target) == {
            "authorization": "claims an identity",
            "cookie": "restricted",
            "x-client-agent": "the value has 4097 characters; 4096 are allowed",
            "x-client-timestamp": "not on the allow-list",
            "x-user-id": "claims an identity",
            "x-tenant-id": "claims an identity",
            "x-absent": "not sent",
        }
        assert set(propagation.request_headers(inbound, target)) == {"x-client-region"}

    @given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20))), st.lists(st.text(max_size=20)))
    def test_a_header_is_kept_or_dropped_with_a_reason_and_never_both(
        self, sent: list[tuple[str, str]], allowed: list[str]
    ) -> None:
        inbound = [(name.lower(), value) for name, value in sent]
        target = self.target(allowedRequestHeaders=allowed)
        kept = propagation.request_headers(inbound, target)
        dropped = propagation.dropped_headers(inbound, target)
        assert len(dropped) <= propagation.MAX_NOTED
        assert all(dropped.values())
        singles = {name for name, _ in inbound if [n for n, _ in inbound].count(name) == 1}
        assert not set(kept) & set(dropped) & singles

    @pytest.mark.behaviour("GW-QUERY")
    def test_only_allowed_query_parameters_pass(self) -> None:
        target = self.target(allowedQueryParameters=["version"])
        assert propagation.query_parameters("version=1&other=2&version=3", target) == {"version": "3"}
        assert propagation.query_parameters("&".join("version=1" for _ in range(500)), target) == {}

    @given(st.text(max_size=200))
    def test_no_query_crashes(self, query: str) -> None:
        propagation.query_parameters(query, self.target(allowedQueryParameters=["a"]))


class TestRoutes:
    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("/gateway/desk-0123456789/mcp", Route("mcp", "desk-0123456789")),
            ("/gateway/desk-0123456789/mcp/", Route("mcp", "desk-0123456789")),
            (
                "/gateway/desk-0123456789/.well-known/oauth-protected-resource",
                Route("metadata", "desk-0123456789"),
            ),
            (
                "/.well-known/oauth-protected-resource/gateway/desk-0123456789/mcp",
                Route("metadata", "desk-0123456789"),
            ),
            ("/gateway/desk-0123456789/", Route("other", "desk-0123456789")),
            (
                "/.well-known/oauth-protected-resource/gateway/desk-0123456789",
                Route("other", "desk-0123456789"),
            ),
            ("/gateway/../mcp", None),
            ("/gateway//mcp", None),
            ("/gateways/desk-0123456789/mcp", None),
            ("/", None),
        ],
    )
    def test_a_path_says_what_it_asks_for(self, path: str, found: Route | None) -> None:
        assert route(path) == found

    @given(st.text())
    def test_any_path_gives_an_answer(self, path: str) -> None:
        route(path)

    @pytest.mark.parametrize(
        ("origin", "foreign"),
        [
            ("", False),
            ("http://localhost:3000", False),
            ("http://127.0.0.1:8080", False),
            ("http://[::1]:1", False),
            ("https://evil.example", True),
            ("null", True),
            ("http://127.0.0.1.evil.example", True),
            ("http://localhost:1@evil.example", True),
        ],
    )
    def test_an_origin_elsewhere_is_foreign(self, origin: str, foreign: bool) -> None:
        scope = {"headers": [(b"host", b"127.0.0.1:4700"), (b"origin", origin.encode())]}
        assert bool(browsers.problem({"authorizerType": "NONE"}, scope)) is foreign

    @pytest.mark.parametrize(
        ("host", "kind", "foreign"),
        [
            ("127.0.0.1:4700", "NONE", False),
            ("[::1]:4700", "NONE", False),
            ("localhost", "NONE", False),
            ("abc.lambda-url.us-east-1.localhost:1", "NONE", False),
            ("host.docker.internal:4700", "NONE", False),
            ("Desk.Example.com", "NONE", False),
            ("evil.example:4700", "NONE", True),
            ("127.0.0.1.evil.example", "NONE", True),
            ("localhost.evil.example", "NONE", True),
            ("[", "NONE", True),
            ("", "NONE", True),
            ("evil.example", "AWS_IAM", False),
        ],
    )
    def test_a_name_of_elsewhere_is_foreign_where_nobody_proves_who_he_is(
        self, host: str, kind: str, foreign: bool
    ) -> None:
        gateway = {"authorizerType": kind, "domainOverride": {"default": "desk.example.com"}}
        scope = {"headers": [(b"host", host.encode())]}
        assert bool(browsers.problem(gateway, scope)) is foreign


def test_every_assumption_has_a_mark_and_says_what_is_not_known() -> None:
    table = rows(Assumptions(page_size=7))
    assert {row.mark for row in table} <= {"D", "S", "F", "I"}
    assert all(row.what for row in table)
    assert [row.value for row in table if row.name == "page_size"] == [7]
    json.dumps([row.value for row in table])
