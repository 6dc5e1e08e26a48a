"""Interceptors around requests to HTTP targets: the payloads of their own, through a real signed Invoke."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from skerry.auth.http.transport import Transport
from skerry.local.gateway.credentials import OutboundCredentials
from skerry.local.gateway.interceptors.calls import Calls
from skerry.local.gateway.interceptors.http import HttpInterceptors, HttpRequest, HttpResponse
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.schemas.source import SchemaSource
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.http.upstream import Upstream
from skerry.local.iam.access import Access
from skerry.local.ports.callers import Caller
from tests.kit.asgi_thread import serve
from tests.kit.gateway_stack import (
    ACCOUNT,
    DEVELOPER,
    REGION,
    ROLE,
    FakeLambda,
    FakeResources,
    HopList,
    NoOtherKeys,
    Objects,
    SystemClock,
)

ARN = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/desk-0123456789"
OUTPUT: dict[str, Any] = {"interceptorOutputVersion": "1.0"}


class Around:
    """Interceptors with the functions that they call."""

    def __init__(self, interceptors: HttpInterceptors, functions: FakeLambda) -> None:
        self.interceptors = interceptors
        self.functions = functions

    def request(self, *points: str, function: Any, **members: Any) -> HttpRequest:
        self.functions.functions["fn"] = function
        self.functions.invocations.clear()
        inputs = members.pop("inputs", None)
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fn"
        configured = {"interceptor": {"lambda": {"arn": arn}}, "interceptionPoints": list(points)}
        configured |= {"inputConfiguration": inputs} if inputs else {}
        record = {"gatewayId": "desk-0123456789", "gatewayArn": ARN, "roleArn": ROLE}
        given = {
            "gateway": {**record, "interceptorConfigurations": [configured]},
            "caller": Caller(kind="anonymous"),
            "path": "/my-target/invocations",
            "method": "POST",
            "headers": [("x-one", "1")],
            "body": b"\x00hello",
            "id": "request-1",
        }
        return HttpRequest(**given | members)


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    clock, upstream, resources = SystemClock(), Upstream(), FakeResources()
    access = Access(DEVELOPER, account=ACCOUNT, clock=clock, source=NoOtherKeys())
    functions = FakeLambda(access)
    async with httpx2.AsyncClient(trust_env=False) as client:
        with serve(functions, lifespan="off") as endpoint:
            settings = GatewaySettings(endpoint=endpoint, region=REGION, account=ACCOUNT)
            credentials = OutboundCredentials(
                resources=resources,
                access=access,
                transport=Transport(client),
                clock=clock,
                settings=settings,
            )
            outbound = Outbound(
                upstream=upstream,
                credentials=credentials,
                schemas=SchemaSource(Objects(), account=ACCOUNT),
                recorder=HopList(),
                clock=clock,
            )
            await upstream.start()
            yield Around(HttpInterceptors(Calls(outbound, settings)), functions)
            await upstream.close()


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.behaviour("ICP-HTTP-REQUEST")
@pytest.mark.parametrize("passed", [True, False])
async def test_it_gets_the_real_path_and_a_base64_body(around: Around, passed: bool) -> None:
    changed = {"headers": {"X-One": "2"}, "body": encoded(b"bye")}
    output = {**OUTPUT, "http": {"transformedGatewayRequest": changed}}
    request = around.request(
        "REQUEST", function=lambda e, c: output, inputs={"passRequestHeaders": passed}, source_ip="127.0.0.1"
    )
    found, response = await around.interceptors.before(request)
    (call,) = around.functions.invocations
    told = {"path": "/my-target/invocations", "httpMethod": "POST", "body": encoded(b"\x00hello")}
    told |= {"headers": {"x-one": "1"}} if passed else {}
    assert call.event == {"interceptorInputVersion": "1.0", "http": {"gatewayRequest": told}}
    assert call.custom == {
        "GATEWAY_ARN": ARN,
        "GATEWAY_ACCOUNT_ID": ACCOUNT,
        "REQUEST_ID": "request-1",
        "SOURCE_IP": "127.0.0.1",
    }
    assert response is None
    assert (found.body, list(found.headers), found.injected) == (b"bye", [("x-one", "2")], {"x-one": "2"})


@pytest.mark.behaviour("ICP-HTTP-REQUEST")
async def test_an_empty_output_changes_nothing(around: Around) -> None:
    request = around.request("REQUEST", "RESPONSE", function=lambda e, c: {**OUTPUT, "http": {}})
    assert await around.interceptors.before(request) == (request, None)
    response = HttpResponse(status=201, body=b"x", content_type="text/plain")
    assert await around.interceptors.after(request, response) == response
    assert "SOURCE_IP" not in around.functions.invocations[0].custom


@pytest.mark.behaviour("ICP-HTTP-RESPONSE")
async def test_its_own_response_is_the_answer(around: Around) -> None:
    given = {
        "contentType": "text/plain",
        "statusCode": 418,
        "headers": {"X-A": "1"},
        "body": encoded(b"short"),
    }
    output = {**OUTPUT, "http": {"transformedGatewayResponse": given}}
    _, response = await around.interceptors.before(around.request("REQUEST", function=lambda e, c: output))
    assert response == HttpResponse(
        status=418, body=b"short", headers=(("x-a", "1"),), content_type="text/plain"
    )


@pytest.mark.behaviour("ICP-HTTP-RESPONSE")
@pytest.mark.parametrize("kept", [True, False])
async def test_the_response_interceptor_gets_the_whole_response(around: Around, kept: bool) -> None:
    inputs = {"passRequestHeaders": False, "payloadFilter": {"exclude": [{"field": "RESPONSE_BODY"}]}}
    output = {**OUTPUT, "http": {"transformedGatewayResponse": {"statusCode": 202, "body": None}}}
    request = around.request("RESPONSE", function=lambda e, c: output, inputs=inputs if kept else None)
    found = await around.interceptors.after(request, HttpResponse(body=b"big", content_type="text/plain"))
    assert found == HttpResponse(status=202, body=b"big", content_type="text/plain")
    (call,) = around.functions.invocations
    assert call.event["http"] == {
        "gatewayRequest": None,
        "gatewayResponse": {
            "statusCode": 200,
            "headers": None,
            "body": None if kept else encoded(b"big"),
            "contentType": "text/plain",
        },
    }


@pytest.mark.behaviour("ICP-FAILURE")
@pytest.mark.parametrize("body", ["not base64!", 5, {}])
async def test_a_body_that_is_no_base64_lets_nothing_past(around: Around, body: Any) -> None:
    output = {**OUTPUT, "http": {"transformedGatewayRequest": {"body": body}}}
    with pytest.raises(TargetError, match="base64"):
        await around.interceptors.before(around.request("REQUEST", function=lambda e, c: output))
    assert json.dumps(around.functions.invocations[0].event)
