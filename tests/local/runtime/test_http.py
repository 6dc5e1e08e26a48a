"""InvokeAgentRuntime of HTTP programs: bytes both ways, sessions, errors as AWS says them."""

import asyncio
import json
import os
import signal

import httpx2
import pytest

from skerry.wire.endpoints import invocation_url
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.runtime_plane import record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("plain"))
        yield running


@pytest.mark.behaviour("RT-BODY-OPAQUE")
async def test_the_body_and_its_type_pass_byte_for_byte(running):
    body = b'\x00\xff {"not": json'
    answer = await running.invoke("plain", body, headers={"Content-Type": "application/x-anything"})
    assert (200, body) == (answer.status_code, answer.content)


@pytest.mark.behaviour("RT-SID-ALLOCATED")
async def test_without_a_session_id_one_is_made_and_returned(running):
    first = await running.invoke("plain", {"do": "about"})
    second = await running.invoke("plain", {"do": "about"})
    ids = {answer.headers[RUNTIME_SESSION_ID] for answer in (first, second)}
    assert len(ids) == 2
    assert all(33 <= len(name) <= 100 for name in ids)
    assert first.json()["pid"] != second.json()["pid"]


@pytest.mark.behaviour("RT-SID-ISOLATED")
async def test_an_id_is_a_process_and_keeps_its_memory(running):
    pids = [
        (await running.invoke("plain", {"do": "about"}, session=session)).json()
        for session in (ONE, ONE, TWO)
    ]
    assert pids[0]["pid"] == pids[1]["pid"] != pids[2]["pid"]
    assert [1, 2, 1] == [about["calls"] for about in pids]


@pytest.mark.behaviour("RT-SID-LENGTH")
@pytest.mark.parametrize(("length", "status"), [(32, 400), (33, 200), (256, 200), (257, 400)])
async def test_session_ids_have_33_to_256_characters(running, length, status):
    answer = await running.invoke("plain", b"{}", session="s" * length)
    assert status == answer.status_code
    if status == 400:
        assert "ValidationException" == answer.headers["x-amzn-errortype"]
        limit = "greater than or equal to 33" if length == 32 else "less than or equal to 256"
        assert (
            f"'runtimeSessionId' failed to satisfy constraint: Member must have length {limit}"
            in (answer.json()["message"])
        )
        assert "FieldValidationFailed" == answer.json()["reason"]


@pytest.mark.behaviour("RT-BARE-ID")
async def test_a_bare_id_needs_the_account(running):
    async def call(query):
        url = f"{running.url}/runtimes/plain-0123456789/invocations?{query}"
        headers = running.signed("POST", url, {}, b"{}")
        return await running.http.post(url, content=b"{}", headers=headers)

    assert 200 == (await call("qualifier=DEFAULT&accountId=123456789012")).status_code
    assert 404 == (await call("accountId=210987654321")).status_code
    without = await call("qualifier=DEFAULT")
    assert (400, "accountID required") == (without.status_code, without.json()["message"])


@pytest.mark.behaviour("RT-404")
@pytest.mark.parametrize(("name", "qualifier"), [("plain", "default"), ("unknown", "DEFAULT")])
async def test_an_unknown_runtime_or_endpoint_is_named_in_the_404(running, name, qualifier):
    answer = await running.invoke(name, b"{}", qualifier=qualifier)
    assert (404, "ResourceNotFoundException") == (answer.status_code, answer.headers["x-amzn-errortype"])
    arn = f"arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{name}-0123456789"
    assert (
        f"No endpoint or agent found with qualifier '{qualifier}' for agent '{arn}'"
        == (answer.json()["message"])
    )


@pytest.mark.behaviour("RT-METHODS")
async def test_get_and_delete_are_no_stream(running):
    for method in ("GET", "DELETE"):
        answer = await running.http.request(method, running.url_of("plain"))
        assert (405, "POST") == (answer.status_code, answer.headers["allow"])


@pytest.mark.behaviour("RT-METHODS")
@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/invocations", "OPTIONS", "POST"),
        ("/commands", "GET", "POST"),
        ("/stopruntimesession", "DELETE", "POST"),
        ("/invocations/.well-known/agent-card.json", "POST", "GET"),
    ],
)
async def test_another_method_names_the_right_one(running, path, method, allow):
    url = running.url_of("plain").replace("/invocations", path)
    answer = await running.http.request(method, url)
    assert (405, allow) == (answer.status_code, answer.headers["allow"])


@pytest.mark.behaviour("RT-HARNESS")
@pytest.mark.parametrize("resource", ["harness/mine-0123456789", "agent/1b2c:1", "runtime/other-0123456789"])
async def test_an_arn_of_something_else_is_not_found(running, resource):
    arn = f"arn:aws:bedrock-agentcore:us-east-1:123456789012:{resource}"
    url = invocation_url(running.url, arn)
    answer = await running.http.post(url, content=b"{}", headers=running.signed("POST", url, {}, b"{}"))
    assert (404, "ResourceNotFoundException") == (answer.status_code, answer.headers["x-amzn-errortype"])
    assert (
        f"No endpoint or agent found with qualifier 'DEFAULT' for agent '{arn}'" == answer.json()["message"]
    )


@pytest.mark.behaviour("RT-HEADER-LIMITS")
@pytest.mark.parametrize(
    ("header", "member", "limit"),
    [
        ("Content-Type", "contentType", 256),
        ("Accept", "accept", 256),
        ("Mcp-Session-Id", "mcpSessionId", 1024),
        ("Mcp-Name", "mcpName", 1024),
        ("X-Amzn-Trace-Id", "traceId", 128),
        ("traceparent", "traceParent", 128),
        ("tracestate", "traceState", 512),
        ("baggage", "baggage", 8192),
    ],
)
async def test_headers_are_as_long_as_the_model_allows(running, header, member, limit):
    fits = await running.invoke("plain", b"{}", session=ONE, headers={header: "x" * limit})
    assert 200 == fits.status_code
    answer = await running.invoke("plain", b"{}", session=ONE, headers={header: "x" * (limit + 1)})
    assert (400, "ValidationException") == (answer.status_code, answer.headers["x-amzn-errortype"])
    assert [member] == [field["name"] for field in answer.json()["fieldList"]]


@pytest.mark.behaviour("RT-TRACE")
async def test_trace_headers_come_back_the_programs_own_first(running):
    sent = {"X-Amzn-Trace-Id": "Root=1-a", "traceparent": "00-b", "tracestate": "c=1", "baggage": "d=2"}
    answer = await running.invoke("plain", b"{}", session=ONE, headers=sent)
    assert sent == {name: answer.headers[name] for name in sent}
    own = {"do": "answer", "status": 200, "headers": {"traceparent": "00-own"}}
    answer = await running.invoke("plain", own, session=ONE, headers=sent)
    assert sent | {"traceparent": "00-own"} == {name: answer.headers[name] for name in sent}


async def test_a_path_that_does_not_exist_is_a_404(running):
    answer = await running.http.post(running.url_of("plain").replace("/invocations", "/nothing"))
    assert (404, "UnknownOperationException") == (answer.status_code, answer.headers["x-amzn-errortype"])


@pytest.mark.behaviour("RT-424")
@pytest.mark.parametrize("status", [400, 404, 422, 500, 503])
async def test_an_error_of_the_program_is_a_424(running, status):
    answer = await running.invoke(
        "plain", {"do": "answer", "status": status, "body": "a secret of the program"}, session=ONE
    )
    assert (424, "RuntimeClientError") == (answer.status_code, answer.headers["x-amzn-errortype"])
    text = f"Received error ({status}) from runtime. Please check your CloudWatch logs for more information."
    assert {"message": text} == answer.json()


async def test_other_success_statuses_pass(running):
    answer = await running.invoke("plain", {"do": "answer", "status": 202, "body": "later"}, session=ONE)
    assert (202, "later") == (answer.status_code, answer.text)


async def test_only_content_mcp_and_trace_headers_come_back(running):
    headers = {"X-Secret": "1", "Set-Cookie": "a=b", "Server": "x", "traceparent": "t", "Content-Type": "a/b"}
    answer = await running.invoke(
        "plain", {"do": "answer", "status": 200, "body": "x", "headers": headers}, session=ONE
    )
    assert {"content-type", "traceparent", "x-amzn-requestid"} <= set(answer.headers)
    assert not {"x-secret", "set-cookie"} & set(answer.headers)
    assert "a/b" == answer.headers["content-type"]


async def test_a_large_body_arrives_whole(running):
    body = os.urandom(3_000_000)
    assert body == (await running.invoke("plain", body, session=ONE)).content


@pytest.mark.behaviour("RT-PAYLOAD-LIMIT")
async def test_a_body_beyond_the_limit_is_refused(tmp_path):
    async with runtime_plane(tmp_path / "state", max_payload=1000) as running:
        running.resources.put(record("plain"))
        assert 200 == (await running.invoke("plain", b"x" * 1000, session=ONE)).status_code
        assert 413 == (await running.invoke("plain", b"x" * 1001, session=ONE)).status_code


@pytest.mark.behaviour("RT-STREAM")
async def test_an_event_reaches_the_client_before_the_answer_ends(running, tmp_path):
    url = running.url_of("plain")
    body = json.dumps({"do": "hang", "file": str(tmp_path / "closed")}).encode()
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
    async with running.http.stream("POST", url, content=body, headers=headers) as answer:
        assert "text/event-stream" == answer.headers["content-type"]
        pieces = answer.aiter_raw()
        assert b"data: begun\n\n" == await anext(pieces)


@pytest.mark.behaviour("RT-STREAM-LIFETIME")
async def test_a_stream_is_cut_after_an_hour_and_not_before(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("plain"))
        pipe = tmp_path / "closed"
        os.mkfifo(pipe)
        url = running.url_of("plain")
        body = json.dumps({"do": "hang", "file": str(pipe)}).encode()
        headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
        async with running.http.stream("POST", url, content=body, headers=headers) as answer:
            pieces = answer.aiter_raw()
            assert b"data: begun\n\n" == await anext(pieces)
            running.clock.advance(3599)
            running.plane.streams.sweep()
            assert 200 == (await running.invoke("plain", b"{}", session=ONE)).status_code
            assert 1 == running.plane.streams.live
            running.clock.advance(1)
            running.plane.streams.sweep()
            with pytest.raises(httpx2.RemoteProtocolError):  # no end: what came is not the whole
                await anext(pieces)
        assert "closed" == await asyncio.to_thread(pipe.read_text)
        hops = [hop for hop in running.recorder.hops if "error" in hop.detail]
        assert ["The stream was cut after 3600 s."] == [hop.detail["error"] for hop in hops]
        assert 0 == running.plane.streams.live
        assert 200 == (await running.invoke("plain", b"{}", session=ONE)).status_code


@pytest.mark.behaviour("RT-DISCONNECT")
async def test_a_client_that_leaves_ends_the_request_at_the_program(running, tmp_path):
    pipe = tmp_path / "closed"
    os.mkfifo(pipe)
    url = running.url_of("plain")
    body = json.dumps({"do": "hang", "file": str(pipe)}).encode()
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
    async with running.http.stream("POST", url, content=body, headers=headers) as answer:
        await anext(answer.aiter_raw())
    assert "closed" == await asyncio.to_thread(pipe.read_text)
    # The session lives on.
    assert 200 == (await running.invoke("plain", b"{}", session=ONE)).status_code


@pytest.mark.behaviour("RT-STREAM")
async def test_a_generator_of_the_sdk_is_a_stream_of_events(running):
    running.resources.put(record("echo"))
    answer = await running.invoke("echo", {"stream": 3}, session=ONE)
    assert "text/event-stream" in answer.headers["content-type"]
    assert [f'data: {{"number": {number}}}' for number in range(3)] == answer.text.split("\n\n")[:-1]


async def test_the_sdk_learns_session_and_request_id(running):
    running.resources.put(record("echo"))
    answer = (await running.invoke("echo", {"a": 1}, session=ONE)).json()
    assert (ONE, {"a": 1}) == (answer["session"], answer["payload"])


@pytest.mark.behaviour("RT-HOP")
async def test_every_invocation_is_recorded_with_who_called(running):
    await running.invoke("plain", b"{}", session=ONE)
    await running.invoke("plain", {"do": "answer", "status": 500}, session=ONE)
    cold, warm = running.recorder.hops
    assert ("runtime", "InvokeAgentRuntime", "plain", ONE) == (
        cold.part,
        cold.operation,
        cold.target,
        cold.session,
    )
    assert ("arn:aws:iam::123456789012:user/skerry", "sigv4", 200) == (cold.identity, cold.auth, cold.status)
    assert ("cold", "HTTP", "1", "DEFAULT") == tuple(
        cold.detail[name] for name in ("start", "protocol", "version", "qualifier")
    )
    assert (424, "warm", "RuntimeClientError") == (warm.status, warm.detail["start"], warm.detail["error"])


async def test_hops_that_a_program_prints_are_recorded(running):
    from skerry.wire.hop import Hop, encode

    told = Hop("accounts", "get_email", "chat@idp", "jwt", 200, 1.0, 2.0, session=ONE)
    await running.invoke("plain", {"do": "print", "text": encode(told)}, session=ONE)
    await running.plane.sessions.close()  # what was printed has been read by then
    assert told in running.recorder.hops


@pytest.mark.behaviour("RT-CRASH")
async def test_a_program_that_ends_during_a_request_is_a_424_and_comes_back(running):
    first = await running.invoke("plain", {"do": "about"}, session=ONE)
    answer = await running.invoke("plain", {"do": "exit", "code": 3}, session=ONE)
    assert (424, "RuntimeClientError") == (answer.status_code, answer.headers["x-amzn-errortype"])
    again = await running.invoke("plain", {"do": "about"}, session=ONE)
    assert (200, 1) == (again.status_code, again.json()["calls"])
    assert first.json()["pid"] != again.json()["pid"]


async def test_a_killed_program_is_noticed(running):
    about = (await running.invoke("plain", {"do": "about"}, session=ONE)).json()
    ended = next(iter(running.plane.sessions._sessions.values())).process.ended
    os.kill(about["pid"], signal.SIGKILL)
    assert -signal.SIGKILL == await asyncio.shield(ended)


async def test_a_program_that_closed_its_port_is_replaced(running):
    first = (await running.invoke("plain", {"do": "about"}, session=ONE)).json()
    await running.invoke("plain", {"do": "deaf"}, session=ONE)
    assert 409 == (await running.invoke("plain", {"do": "about"}, session=ONE)).status_code
    assert first["pid"] != (await running.invoke("plain", {"do": "about"}, session=ONE)).json()["pid"]
