"""The pure parts of interceptors, rate limits and rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.gateway.interceptors import payloads
from skerry.local.gateway.interceptors.payloads import Output, OutputError
from skerry.local.gateway.limits import Limits, Subject, ThrottledError, dimensions, entries
from skerry.local.gateway.limits.entries import Rate
from skerry.local.gateway.limits.windows import Connections, Windows
from skerry.local.gateway.rules import Routed, matches, route
from skerry.local.ports.callers import Caller
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import FakeResources

GATEWAY = {"gatewayId": "desk-0123456789"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=30), inner, max_size=3),
    max_leaves=10,
)
OUTPUTS = st.fixed_dictionaries(
    {"interceptorOutputVersion": st.just("1.0")},
    optional={
        "mcp": st.fixed_dictionaries(
            {},
            optional={
                name: st.fixed_dictionaries(
                    {}, optional={"headers": JSON, "body": JSON, "statusCode": JSON, "contentType": JSON}
                )
                | JSON
                for name in ("transformedGatewayRequest", "transformedGatewayResponse")
            },
        )
        | JSON
    },
)


class TestOutputs:
    @given(value=OUTPUTS | JSON)
    def test_any_json_is_an_output_or_refused(self, value: Any) -> None:
        try:
            found = payloads.output(json.dumps(value).encode())
        except OutputError:
            return
        assert isinstance(found, Output)
        for part in (found.request, found.response):
            if part is not None:
                assert part.body is None or isinstance(json.loads(part.body), dict)
                for name, text in part.headers.items():
                    assert name == name.lower()
                    assert not any(mark in name + text for mark in "\r\n\0")
        if found.response is not None and found.response.status is not None:
            assert 200 <= found.response.status <= 599

    @given(raw=st.binary(max_size=200))
    def test_any_bytes_are_refused_in_one_way(self, raw: bytes) -> None:
        with pytest.raises(OutputError):
            payloads.output(raw)

    def test_what_is_not_given_stays(self) -> None:
        found = payloads.output(
            b'{"interceptorOutputVersion":"1.0","mcp":{"transformedGatewayResponse":{"headers":{"x":null}}}}'
        )
        assert found == Output(None, payloads.NewResponse())

    def test_an_output_for_http_targets_is_none_for_mcp(self) -> None:
        raw = b'{"interceptorOutputVersion":"1.0","http":{}}'
        assert payloads.output(raw, "http") == Output()
        with pytest.raises(OutputError, match="'mcp'"):
            payloads.output(raw)


def limit(keys: list[str], *given_entries: dict[str, Any]) -> entries.Limit:
    return entries.compiled({"rateLimitId": "rl", "dimensionKeys": keys, "entries": list(given_entries)})


def entry(*, requests: float = 1, **dims: str) -> dict[str, Any]:
    return {"dimensions": dims, "requests": [{"rate": requests, "period": "second"}]}


class TestEntries:
    KEYS = ("a", "b", "c")

    @pytest.mark.behaviour("LIM-SPECIFIC")
    @pytest.mark.parametrize(
        ("values", "found"),
        [
            (("1", "2", "3"), ("1", "2", "3")),
            (("1", "2", "x"), ("1", "2", "*")),
            (("1", "x", "3"), ("1", "*", "*")),
            (("x", "2", "3"), ("*", "*", "*")),
        ],
    )
    def test_trailing_values_become_stars_one_after_the_other(self, values: Any, found: Any) -> None:
        all_entries = [("*", "*", "*"), ("1", "*", "*"), ("1", "2", "*"), ("1", "2", "3")]
        made = limit(
            list(self.KEYS), *(entry(**dict(zip(self.KEYS, item, strict=True))) for item in all_entries)
        )
        chosen = made.entry(values)
        assert chosen is not None
        assert chosen.dimensions == found
        assert made.key(chosen) == "rl/" + ",".join(f"{k}={v}" for k, v in zip(self.KEYS, found, strict=True))

    def test_without_a_match_there_is_none(self) -> None:
        assert limit(["a"], entry(a="1")).entry(("2",)) is None

    @given(
        rate=st.floats(min_value=0.001, max_value=10_000_000), period=st.sampled_from(["second", "minute"])
    )
    def test_a_rate_of_any_size_is_kept_by_a_window(self, rate: float, period: str) -> None:
        made = Rate.of(rate, period)
        assert made.allowed >= 1
        assert made.per_second == pytest.approx(rate / entries.PERIODS[period])

    @pytest.mark.parametrize(
        ("rate", "period", "expected"),
        [
            (5, "second", Rate(5, 1.0)),
            (0.5, "second", Rate(1, 2.0)),
            (2.5, "second", Rate(2, 0.8)),
            (0, "minute", Rate(0, 60.0)),
            (3, "minute", Rate(3, 60.0)),
        ],
    )
    def test_rates(self, rate: float, period: str, expected: Rate) -> None:
        assert Rate.of(rate, period) == expected


class TestWindows:
    @pytest.mark.behaviour("LIM-REQUESTS")
    @given(
        pauses=st.lists(st.floats(min_value=0, max_value=2), max_size=40),
        allowed=st.integers(min_value=1, max_value=5),
    )
    def test_no_window_holds_more_than_the_rate(self, pauses: list[float], allowed: int) -> None:
        clock = FakeClock()
        windows, rate, passed = Windows(clock), Rate(allowed, 1.0), []
        for pause in pauses:
            clock.advance(pause)
            wait = windows.wait(("b",), rate)
            assert 0 <= wait <= rate.seconds
            if wait == 0:
                windows.count(("b",), rate)
                passed.append(clock.monotonic())
        for at in passed:  # across an edge up to twice the rate, never more
            assert sum(at <= other < at + rate.seconds for other in passed) <= 2 * allowed

    @pytest.mark.behaviour("LIM-MEMORY")
    def test_the_bucket_longest_unused_goes_first(self) -> None:
        windows, rate = Windows(FakeClock(), size=2), Rate(1, 60.0)
        for bucket in (("a",), ("b",), ("c",)):
            windows.count(bucket, rate)
        assert len(windows) == 2
        assert [windows.wait((name,), rate) > 0 for name in "abc"] == [False, True, True]

    @pytest.mark.behaviour("LIM-MEMORY")
    @given(steps=st.lists(st.sampled_from("abc"), max_size=30))
    def test_connections_that_ended_take_no_room(self, steps: list[str]) -> None:
        connections = Connections()
        for name in steps:
            connections.enter((name,))
        for name in reversed(steps):
            connections.leave((name,))
        assert len(connections) == 0


class TestSubjects:
    CALLER = Caller(kind="jwt", claims={"sub": "ana", "a.b": 1, "a": {"b": 2, "c": True}, "list": ["x"]})

    def value(self, key: str, **members: Any) -> Any:
        subject = Subject(**{"caller": self.CALLER, "target": "t", "tool": "t___x", **members})
        return dimensions.values([key], subject, by_role=True)

    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            ("targetName", ("t",)),
            ("toolName", ("t___x",)),
            ("$.context.jwt.sub", ("ana",)),
            ("$.context.jwt.a.b", ("1",)),
            ("$.context.jwt.a.c", ("true",)),
            ("$.context.jwt.list", None),
            ("$.context.jwt.nothing", None),
            ("$.context.iam.principal", None),
            ("$.context.request.header.x", None),
            ("$.context.request.body.x", None),
        ],
    )
    def test_values(self, key: str, expected: Any) -> None:
        assert self.value(key) == expected

    @pytest.mark.behaviour("LIM-IAM")
    def test_temporary_credentials_are_named_after_their_role(self) -> None:
        caller = Caller(kind="iam", arn="arn:aws:sts::123456789012:assumed-role/desk/session-1")
        key = "$.context.iam.principal"
        assert self.value(key, caller=caller) == ("arn:aws:iam::123456789012:role/desk",)
        subject = Subject(caller=caller)
        assert dimensions.values([key], subject, by_role=False) == (caller.arn,)

    def test_claims_of_a_body_are_no_claims(self) -> None:
        assert self.value("$.context.jwt.admin", body=lambda: {"admin": "yes"}) is None

    @given(value=JSON, path=st.text(alphabet="ab.", min_size=1, max_size=8))
    def test_any_body_has_a_value_or_none(self, value: Any, path: str) -> None:
        found = self.value(f"$.context.request.body.{path}", body=lambda: value)
        assert found is None or (len(found) == 1 and 0 < len(found[0]) <= 256)

    @pytest.mark.behaviour("LIM-MEMORY")
    def test_long_values_are_told_apart_by_their_digest(self) -> None:
        first, second = (
            self.value("$.context.request.header.x", headers=[("x", "y" * 5000 + end)]) for end in "ab"
        )
        assert first != second
        assert len(first[0]) == 64


@pytest.mark.behaviour("LIM-HTTP")
def test_a_request_to_an_http_target_is_429_with_a_body_of_its_own() -> None:
    resources = FakeResources()
    record = {"rateLimitId": "rl-abc123", "dimensionKeys": ["targetName"], "entries": [entry(targetName="*")]}
    resources.limit_records["desk-0123456789"] = [record]
    limits = Limits(resources=resources, clock=FakeClock())
    subject = Subject(caller=Caller(kind="anonymous"), target="my-target")
    with limits.admitted(GATEWAY, subject):
        pass
    with pytest.raises(ThrottledError) as caught, limits.admitted(GATEWAY, subject):
        pass
    status, body = caught.value.http()
    assert status == 429
    assert json.loads(body) == {
        "error": "Rate limit exceeded",
        "success": False,
        "limitKey": "rl-abc123/targetName=*",
        "metric": "requests",
        "retryAfter": 1,
    }


USER = "arn:aws:iam::123456789012:user/ana"
SESSION = "arn:aws:sts::123456789012:assumed-role/QA/session"


def rule(priority: int, action: Any, *conditions: Any) -> dict[str, Any]:
    return {
        "ruleId": f"r{priority}",
        "priority": priority,
        "conditions": list(conditions),
        "actions": [action],
    }


def to(target: str) -> dict[str, Any]:
    return {"routeToTarget": {"staticRoute": {"targetName": target}}}


def split(first: int) -> dict[str, Any]:
    variants = [
        {"name": "old", "targetName": "primary", "weight": first},
        {"name": "new", "targetName": "canary", "weight": 100 - first},
    ]
    return {"routeToTarget": {"weightedRoute": {"trafficSplit": variants}}}


def principals(arn: str, **operator: str) -> dict[str, Any]:
    return {"matchPrincipals": {"anyOf": [{"iamPrincipal": {"arn": arn, **operator}}]}}


def paths(*patterns: str) -> dict[str, Any]:
    return {"matchPaths": {"anyOf": list(patterns)}}


class TestRules:
    @pytest.mark.behaviour("RULE-FIRST")
    def test_the_first_that_matches_and_routes_decides(self) -> None:
        bundle = {"configurationBundle": {"staticOverride": {}}}
        rules = [
            rule(1000, to("primary")),
            rule(100, bundle),
            rule(200, to("canary"), paths("/canary/*")),
        ]
        assert route(rules, path="/canary/chat") == Routed("canary", "r200")
        assert route(rules, path="/other/chat") == Routed("primary", "r1000")
        assert route(rules[1:], path="/other/chat") is None

    @pytest.mark.behaviour("RULE-PRINCIPALS")
    @pytest.mark.parametrize(
        ("condition", "principal", "expected"),
        [
            (principals(USER), USER, True),
            (principals(USER), "", False),
            (principals("arn:aws:iam::123456789012:role/QA"), SESSION, True),
            (principals(SESSION), SESSION, True),
            (principals("arn:aws:iam::*:role/Q?"), SESSION, False),
            (principals("arn:aws:iam::*:role/Q?", operator="StringLike"), SESSION, True),
            (principals("arn:aws:iam::*:role/Q", operator="StringLike"), SESSION, False),
            (principals("arn:aws:iam::123456789012:user.ana", operator="StringLike"), USER, False),
        ],
    )
    def test_principals(self, condition: Any, principal: str, expected: bool) -> None:
        assert matches([condition], path="/x/y", principal=principal) is expected

    @pytest.mark.behaviour("RULE-PATHS")
    @pytest.mark.parametrize(
        ("path", "expected"),
        [("/a/x", True), ("/a/", True), ("/a", False), ("/ab/x", False), ("/b/x/y", True)],
    )
    def test_paths(self, path: str, expected: bool) -> None:
        assert matches([paths("/a/*", "/b/*")], path=path, principal="") is expected

    @pytest.mark.behaviour("RULE-CONDITIONS")
    def test_all_conditions_must_hold(self) -> None:
        both = [principals(USER), paths("/a/*")]
        assert matches(both, path="/a/x", principal=USER)
        assert not matches(both, path="/b/x", principal=USER)
        assert not matches(both, path="/a/x", principal=SESSION)
        assert not matches([{"matchModels": {"anyOf": [{"value": "*"}]}}], path="/a/x", principal=USER)

    @pytest.mark.behaviour("RULE-WEIGHTS")
    @given(draw=st.floats(min_value=0, max_value=1, exclude_max=True), first=st.integers(1, 99))
    def test_a_draw_below_the_weight_takes_the_first_variant(self, draw: float, first: int) -> None:
        found = route([rule(1, split(first))], path="/x/y", draw=draw)
        assert found is not None
        assert (found.target == "primary") is (draw < first / 100)
        assert found.variant == ("old" if found.target == "primary" else "new")

    @pytest.mark.behaviour("RULE-STICKY")
    def test_a_session_keeps_its_variant_and_sessions_spread_by_weight(self) -> None:
        rules = [rule(1, split(80))]
        chosen = [route(rules, path="/x/y", session=f"s{number}") for number in range(1000)]
        again = [route(rules, path="/x/y", session=f"s{number}", draw=0.99) for number in range(1000)]
        assert chosen == again
        share = sum(item is not None and item.target == "primary" for item in chosen)
        assert 740 <= share <= 860
