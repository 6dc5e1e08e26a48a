"""The pure parts behind HTTP targets: URLs, headers, sessions, routes."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.http_targets.headers import REQUEST, to_target
from skerry.local.gateway.http_targets.stickiness import session_of
from skerry.local.gateway.http_targets.target import http_target
from skerry.local.gateway.routes import Route, route
from skerry.local.gateway.urls import safe_path, target_url, with_parameters
from skerry.wire.headers import RUNTIME_SESSION_ID

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk-0123456789"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
RAW = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=60)


class TestPath:
    @pytest.mark.behaviour("GW-HTTP-DOTS")
    @given(RAW)
    def test_no_path_leaves_its_endpoint(self, raw: str) -> None:
        try:
            path = safe_path("/" + raw)
        except ServiceError as problem:
            assert problem.status == 400
            return
        segments = unquote(path).replace("\\", "/").split("/")
        assert not {".", ".."} & set(segments)
        url = target_url("https://host.example/base", path)
        assert urlsplit(url).netloc == "host.example"
        assert urlsplit(url).path == f"/base{path}"

    @pytest.mark.behaviour("GW-HTTP-PATH")
    @given(st.lists(TEXT, max_size=4))
    def test_what_is_encoded_stays_as_it_is(self, segments: list[str]) -> None:
        from urllib.parse import quote

        raw = "".join(f"/{quote(segment, safe='')}" for segment in segments)
        assume(not {".", ".."} & {part for item in segments for part in item.replace("\\", "/").split("/")})
        assert safe_path(raw) == raw


class TestQuery:
    @pytest.mark.behaviour("GW-HTTP-STATIC-QUERY")
    @given(
        st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=5),
        st.dictionaries(st.text("abcxyz._-", min_size=1, max_size=5), TEXT, max_size=4),
        st.booleans(),
    )
    def test_of_a_doubled_name_one_side_stays(
        self, client: list[tuple[str, str]], static: dict[str, str], static_wins: bool
    ) -> None:
        from urllib.parse import urlencode

        assume(not any(name.lower().startswith("x-amz-") for name, _ in client))
        query = urlencode(client)
        url = target_url("https://h/p", "", query, static=static, static_wins=static_wins)
        found = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        mine = {name for name, _ in client}
        if static_wins:
            expected = [pair for pair in client if pair[0] not in static] + list(static.items())
        else:
            expected = client + [pair for pair in static.items() if pair[0] not in mine]
        assert found == expected

    @pytest.mark.behaviour("GW-OUT-KEY-QUERY")
    @given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=5), TEXT.filter(bool), TEXT)
    def test_a_credential_in_the_query_stands_there_once(
        self, client: list[tuple[str, str]], name: str, value: str
    ) -> None:
        from urllib.parse import urlencode

        url = with_parameters(f"https://h/p?{urlencode([*client, (name, 'mine')])}", {name: value})
        found = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        assert [shown for key, shown in found if key == name] == [value]
        assert [pair for pair in found if pair[0] != name] == [pair for pair in client if pair[0] != name]

    @pytest.mark.parametrize(
        ("endpoint", "path", "query", "url"),
        [
            ("https://h", "", "", "https://h"),
            ("https://h/", "/a", "", "https://h/a"),
            ("https://h/b/?own=1", "/a", "q=2", "https://h/b/a?own=1&q=2"),
            ("https://h/b", "/", "", "https://h/b/"),
            ("https://h/b", "/a", "x=%zz&flag&=v&y[0]=1", "https://h/b/a?x=%zz&flag&=v&y%5B0%5D=1"),
            ("https://h/b", "/a", "X-Amz-Signature=s&x-amz-date=d&q=1", "https://h/b/a?q=1"),
        ],
    )
    def test_the_parts_of_a_url_in_their_order(self, endpoint: str, path: str, query: str, url: str) -> None:
        assert target_url(endpoint, path, query) == url


class TestTarget:
    @pytest.mark.behaviour("GW-HTTP-RUNTIME")
    @pytest.mark.parametrize(
        "path", ["/invocations", f"/runtimes/{ARN.replace(':', '%3A').replace('/', '%2F')}/invocations"]
    )
    def test_a_runtime_is_an_endpoint_of_the_stack(self, path: str) -> None:
        record = {
            "name": "desk",
            "targetConfiguration": {"http": {"agentcoreRuntime": {"arn": ARN, "qualifier": "prod"}}},
            "credentialProviderConfigurations": [{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
        }
        found = http_target(record, endpoint="http://127.0.0.1:1", region="eu-west-1", table=Assumptions())
        assert found is not None
        encoded = ARN.replace(":", "%3A").replace("/", "%2F")
        assert found.url(path, "qualifier=mine") == (
            f"http://127.0.0.1:1/runtimes/{encoded}/invocations?qualifier=prod"
        )
        assert (found.service, found.region) == ("bedrock-agentcore", "us-east-1")

    def test_an_endpoint_in_aws_says_what_to_sign_for(self) -> None:
        endpoint = "https://bedrock-agentcore.eu-central-1.amazonaws.com/harnesses/invoke"
        record = {
            "name": "harness",
            "targetConfiguration": {
                "http": {"passthrough": {"endpoint": endpoint, "protocolType": "CUSTOM"}}
            },
            "credentialProviderConfigurations": [{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
        }
        found = http_target(record, endpoint="http://127.0.0.1:1", region="us-east-1", table=Assumptions())
        assert found is not None
        assert (found.service, found.region) == ("bedrock-agentcore", "eu-central-1")

    def test_without_a_credential_nothing_is_signed(self) -> None:
        http = {"passthrough": {"endpoint": "https://h", "protocolType": "CUSTOM"}}
        record = {"name": "x", "targetConfiguration": {"http": http}}
        found = http_target(record, endpoint="http://127.0.0.1:1", region="us-east-1", table=Assumptions())
        assert found is not None
        assert found.service == ""

    def test_a_target_for_mcp_is_none(self) -> None:
        record = {"name": "x", "targetConfiguration": {"mcp": {"mcpServer": {"endpoint": "https://h"}}}}
        assert http_target(record, endpoint="http://h", region="r", table=Assumptions()) is None


class TestSession:
    @pytest.mark.behaviour("GW-HTTP-SESSION")
    @pytest.mark.parametrize(
        "identifier",
        [
            "X-Chat",
            "$.AMZN_AC_GW_CONTEXT.headers.x-chat",
            "$context.header.x-chat",
            "$.context.header.x-chat",
        ],
    )
    def test_the_header_is_named_in_any_of_the_documented_forms(self, identifier: str) -> None:
        sticky = {"stickinessConfiguration": {"identifier": identifier}}
        record = {"targetConfiguration": {"http": {"passthrough": sticky}}}
        headers = {"x-chat": "c-1", RUNTIME_SESSION_ID.lower(): "other"}
        assert session_of(record, headers) == "c-1"

    @pytest.mark.parametrize("http", [{"agentcoreRuntime": {}}, {"passthrough": {}}])
    def test_without_one_it_is_the_runtimes_header(self, http: object) -> None:
        record = {"targetConfiguration": {"http": http}}
        assert session_of(record, {RUNTIME_SESSION_ID.lower(): "s-1"}) == "s-1"
        assert session_of(record, {}) == ""

    @given(TEXT, TEXT)
    def test_any_expression_gives_an_answer(self, identifier: str, value: str) -> None:
        sticky = {"stickinessConfiguration": {"identifier": identifier}}
        record = {"targetConfiguration": {"http": {"passthrough": sticky}}}
        assert session_of(record, {"x-chat": value}) in ("", value)


class TestHeaders:
    @pytest.mark.behaviour("GW-HTTP-HEADERS")
    @given(
        st.dictionaries(st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True), st.text(max_size=20), max_size=8)
    )
    def test_nothing_passes_that_is_not_named(self, headers: dict[str, str]) -> None:
        always, listed = to_target(list(headers.items()), {"name": "t"}, extra=frozenset())
        assert listed == {}
        assert all(name in REQUEST or name.startswith(("mcp-", "a2a-")) for name in always)
        assert all(value.isascii() and value.isprintable() for value in always.values())

    def test_a_doubled_header_is_joined(self) -> None:
        always, _ = to_target([("accept", "a"), ("accept", "b")], {"name": "t"}, extra=frozenset())
        assert always == {"accept": "a, b"}


WELL_KNOWN = "/.well-known/oauth-protected-resource"
GATEWAY = "desk-0123456789"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/api", Route("target", GATEWAY, "api", "")),
        ("/api/", Route("target", GATEWAY, "api", "/")),
        ("/Api-2/a%2Fb", Route("target", GATEWAY, "Api-2", "/a%2Fb")),
        ("/mcp/x", Route("target", GATEWAY, "mcp", "/x")),
        ("/a_b/x", Route("other", GATEWAY)),
        ("/%61pi", Route("other", GATEWAY)),
        ("/.well-known/openid-configuration", Route("other", GATEWAY)),
        (f"{WELL_KNOWN}/mcp", Route("metadata", GATEWAY)),
        (f"{WELL_KNOWN}/mcp/", Route("metadata", GATEWAY)),
        (f"{WELL_KNOWN}/api/mcp", Route("metadata", GATEWAY, "api", "/mcp")),
        (f"{WELL_KNOWN}x", Route("other", GATEWAY)),
    ],
)
def test_routes_below_a_gateway(path: str, found: Route) -> None:
    assert route(f"/gateway/{GATEWAY}{path}") == found


def test_the_metadata_of_a_target_stands_at_the_root_too() -> None:
    assert route(f"{WELL_KNOWN}/gateway/{GATEWAY}/api/v1") == Route("metadata", GATEWAY, "api", "/v1")
