"""Rate limits, rules and interceptors before HTTP targets."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import pytest

from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.gateway_stack import TIMEOUT, Stack
from tests.kit.http_backend import HttpBackend

SESSION = RUNTIME_SESSION_ID.lower()


def target(stack: Stack, service: HttpBackend, gateway: str, name: str = "api", **members: Any) -> str:
    http = {"passthrough": {"endpoint": f"{service.url}/{name}", "protocolType": "CUSTOM"}}
    return stack.http_target(gateway, name, http, **members)


def send(url: str, body: bytes = b"{}", **headers: str) -> httpx2.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(url, content=body, headers=sent, trust_env=False, timeout=TIMEOUT)


def entry(rate: int, **dimensions: str) -> dict[str, Any]:
    return {"dimensions": dimensions, "requests": [{"rate": rate, "period": "minute"}]}


class TestLimits:
    @pytest.mark.behaviour("GW-HTTP-LIMITS")
    def test_a_request_over_the_limit_is_429(self, stack: Stack, service: HttpBackend) -> None:
        gateway = stack.gateway()
        limit = stack.rate_limit(gateway, ["targetName"], entry(1, targetName="api"))
        url = target(stack, service, gateway)
        other = target(stack, service, gateway, "other")
        assert [send(url).status_code, send(other).status_code] == [200, 200]
        refused = send(url)
        assert refused.status_code == 429
        body = refused.json()
        assert 1 <= body.pop("retryAfter") <= 60
        assert body == {
            "error": "Rate limit exceeded",
            "success": False,
            "limitKey": f"{limit}/targetName=api",
            "metric": "requests",
        }
        assert len(service.seen) == 2

    @pytest.mark.behaviour("GW-HTTP-LIMITS")
    def test_a_limit_may_count_by_the_body(self, stack: Stack, service: HttpBackend) -> None:
        gateway = stack.gateway()
        key = "$.context.request.body.user.id"
        stack.rate_limit(gateway, [key], {**entry(1), "dimensions": {key: "*"}})
        url = target(stack, service, gateway)
        bodies = [b'{"user":{"id":"a"}}', b'{"user":{"id":"b"}}', b'{"user":{"id":"a"}}', b"no JSON"]
        assert [send(url, body).status_code for body in bodies] == [200, 200, 429, 200]

    @pytest.mark.behaviour("GW-HTTP-LIMITS-FIRST")
    def test_limits_count_by_the_target_of_the_path_before_rules_choose_another(
        self, stack: Stack, service: HttpBackend
    ) -> None:
        gateway = stack.gateway()
        stack.rate_limit(gateway, ["targetName"], entry(1, targetName="one"), entry(1, targetName="two"))
        url = target(stack, service, gateway, "one")
        other = target(stack, service, gateway, "two")
        paths = {"matchPaths": {"anyOf": ["/one/*"]}}
        stack.resources.rule_records[gateway] = [rule(1, {"staticRoute": {"targetName": "two"}}, paths)]
        answers = [send(f"{url}/x"), send(f"{url}/x"), send(f"{other}/x")]
        assert [answer.status_code for answer in answers] == [200, 429, 200]
        assert answers[1].json()["limitKey"].endswith("/targetName=one")
        assert [seen.path for seen in service.seen] == ["/two/x", "/two/x"]


def rule(priority: int, action: Any, *conditions: Any) -> dict[str, Any]:
    return {
        "ruleId": f"r{priority}",
        "priority": priority,
        "conditions": list(conditions),
        "actions": [{"routeToTarget": action}],
    }


class TestRules:
    @pytest.mark.behaviour("GW-HTTP-RULES")
    def test_a_rule_chooses_the_target_of_a_path(self, stack: Stack, service: HttpBackend) -> None:
        gateway = stack.gateway()
        url = target(stack, service, gateway, "one")
        target(stack, service, gateway, "two")
        paths = {"matchPaths": {"anyOf": ["/chat/*"]}}
        stack.resources.rule_records[gateway] = [rule(1, {"staticRoute": {"targetName": "two"}}, paths)]
        assert send(f"{url}/x").status_code == 200
        assert send(url.replace("/one", "/chat/x/y")).status_code == 200
        assert send(url.replace("/one", "/else/x")).status_code == 404
        assert [seen.path for seen in service.seen] == ["/one/x", "/two/x/y"]

    @pytest.mark.behaviour("GW-HTTP-RULES")
    def test_a_session_keeps_to_its_variant(self, stack: Stack, service: HttpBackend) -> None:
        gateway = stack.gateway()
        url = target(stack, service, gateway, "old")
        target(stack, service, gateway, "new")
        split = [
            {"name": "a", "targetName": "old", "weight": 50},
            {"name": "b", "targetName": "new", "weight": 50},
        ]
        stack.resources.rule_records[gateway] = [rule(1, {"weightedRoute": {"trafficSplit": split}})]
        chosen: dict[str, set[str]] = {}
        for number in range(20):
            session = f"session-{number:030d}"
            for _ in range(2):
                send(url, **{SESSION: session})
                chosen.setdefault(session, set()).add(service.seen[-1].path)
        assert {len(paths) for paths in chosen.values()} == {1}
        assert set.union(*chosen.values()) == {"/old", "/new"}


def output(**members: Any) -> dict[str, Any]:
    return {"interceptorOutputVersion": "1.0", "http": members}


def coded(body: bytes) -> str:
    return base64.b64encode(body).decode()


class TestInterceptors:
    @pytest.mark.behaviour("GW-HTTP-INTERCEPTORS")
    def test_both_see_and_change_what_passes(self, stack: Stack, service: HttpBackend) -> None:
        events: list[Any] = []

        def before(event: Any, custom: Any) -> Any:
            events.append(event["http"])
            headers = {"Authorization": "Bearer of-the-interceptor", "X-Team": "blue", "X-Unlisted": "no"}
            return output(transformedGatewayRequest={"headers": headers, "body": coded(b"changed")})

        def after(event: Any, custom: Any) -> Any:
            events.append(event["http"])
            changed = {"statusCode": 202, "headers": {"X-Seen": "yes"}, "body": coded(b"new")}
            return output(transformedGatewayResponse=changed)

        gateway = stack.gateway(
            interceptorConfigurations=[
                stack.interceptor("before", before, "REQUEST", passRequestHeaders=True),
                stack.interceptor("after", after, "RESPONSE"),
            ]
        )
        url = target(stack, service, gateway, metadataConfiguration={"allowedRequestHeaders": ["X-Team"]})
        service.reply = (201, {"content-type": "text/plain"}, b"answer")
        answer = send(f"{url}/a%2Fb", b"asked", x_team="red")
        assert (answer.status_code, answer.content, answer.headers["x-seen"]) == (202, b"new", "yes")
        assert answer.headers["content-type"] == "text/plain"
        request, response = events
        told = request["gatewayRequest"]
        assert (told["path"], told["httpMethod"]) == ("/api/a%2Fb", "POST")
        assert (base64.b64decode(told["body"]), told["headers"]["x-team"]) == (b"asked", "red")
        told = response["gatewayResponse"]
        assert (told["statusCode"], base64.b64decode(told["body"])) == (201, b"answer")
        seen = service.seen[-1]
        assert (seen.path, seen.body) == ("/api/a%2Fb", b"changed")
        assert (seen.headers["authorization"], seen.headers["x-team"]) == (
            "Bearer of-the-interceptor",
            "blue",
        )
        assert "x-unlisted" not in seen.headers

    @pytest.mark.behaviour("GW-HTTP-INTERCEPTORS")
    def test_the_answer_of_a_request_interceptor_is_final(self, stack: Stack, service: HttpBackend) -> None:
        denial = {"statusCode": 403, "contentType": "text/plain", "body": coded(b"no")}
        own = output(transformedGatewayResponse=denial)
        gateway = stack.gateway(
            interceptorConfigurations=[
                stack.interceptor("denies", lambda event, custom: own, "REQUEST"),
                stack.interceptor("never", lambda event, custom: output(), "RESPONSE"),
            ]
        )
        stack.functions.invocations.clear()
        answer = send(target(stack, service, gateway))
        assert (answer.status_code, answer.content) == (403, b"no")
        assert service.seen == []
        assert [call.function for call in stack.functions.invocations] == ["denies"]

    @pytest.mark.behaviour("GW-HTTP-INTERCEPTORS")
    @pytest.mark.parametrize("point", ["REQUEST", "RESPONSE"])
    def test_one_that_fails_lets_nothing_past(self, stack: Stack, service: HttpBackend, point: str) -> None:
        service.reply = (200, {"content-type": "text/plain"}, b"secret")
        broken = stack.interceptor("broken", lambda event, custom: {"what": "is this"}, point)
        gateway = stack.gateway(interceptorConfigurations=[broken], exceptionLevel="DEBUG")
        answer = send(target(stack, service, gateway))
        assert answer.status_code == 502
        assert "interceptor" in answer.json()["error"]
        assert "secret" not in answer.text
        assert len(service.seen) == (point == "RESPONSE")

    @pytest.mark.behaviour("GW-HTTP-INTERCEPTORS")
    def test_an_interceptor_that_changes_nothing_changes_nothing(
        self, stack: Stack, service: HttpBackend
    ) -> None:
        quiet = stack.interceptor("quiet", lambda event, custom: output(), "REQUEST", "RESPONSE")
        gateway = stack.gateway(interceptorConfigurations=[quiet])
        content = {"content-type": "application/x-thing", "etag": "1"}
        service.reply = (418, content, json.dumps({"a": 1}).encode())
        answer = send(target(stack, service, gateway), b"\x00\xff")
        assert (answer.status_code, answer.content) == (418, b'{"a": 1}')
        assert {name: answer.headers[name] for name in content} == content
        assert service.seen[-1].body == b"\x00\xff"
