"""The HTTP side: statuses, sessions, streams, and what the platform does."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from tests.kit.bridge import Client, bridge, program

DESK = program("desk")


@pytest.fixture
async def running():
    async with bridge(command=DESK) as started:
        yield started


@pytest.mark.behaviour("BRIDGE-HTTP")
async def test_a_request_that_is_none_gets_the_status_of_its_mistake(running):
    async with Client(running.base) as client:
        await client.initialize()
        echo = client.call("echo", text="x")
        cases = {
            "foreign origin": (403, {"origin": "https://evil.example"}),
            "origin null": (403, {"origin": "null"}),
            "foreign host": (403, {"host": "evil.example"}),
            "json only": (406, {"accept": "application/json"}),
            "no json": (415, {"content-type": "text/plain"}),
            "no utf-8": (415, {"content-type": "application/json; charset=latin-1"}),
            "no session": (400, {"mcp-session-id": None}),
            "unknown session": (404, {"mcp-session-id": "nobody"}),
            "strange session": (400, {"mcp-session-id": "a b"}),
            "unknown version": (400, {"mcp-protocol-version": "1999-01-01"}),
        }
        for name, (status, headers) in cases.items():
            session = client.session
            answer = await client.send(echo, headers=headers)
            assert status == answer.status, name
            assert answer.error["message"], name
            client.session = session
        for headers in (
            {"accept": "*/*"},
            {"accept": None},
            {"accept": "text/event-stream;q=0.5, application/json"},
            {"origin": running.base},
            {"origin": "http://localhost:3000"},
            {"host": "localhost:1"},
            {"content-type": "application/json; charset=UTF-8"},
            {"mcp-protocol-version": None},
        ):
            assert 200 == (await client.send(echo, headers=headers)).status, headers


@pytest.mark.behaviour("BRIDGE-HTTP")
async def test_methods_and_paths(running):
    async with Client(running.base) as client:
        assert "GET, POST, DELETE" == (await client.http.put("/mcp")).headers["allow"]
        for method in ("get", "delete", "put"):
            answer = await getattr(client.http, method)("/invocations")
            assert (405, "POST") == (answer.status_code, answer.headers["allow"])
        assert 405 == (await client.http.post("/ping")).status_code
        assert 404 == (await client.http.get("/other")).status_code
        assert 400 == (await client.http.get("/mcp", headers={"accept": "text/event-stream"})).status_code
        modern = {"accept": "text/event-stream", "mcp-protocol-version": "2026-07-28"}
        assert 405 == (await client.http.get("/mcp", headers=modern)).status_code


@pytest.mark.behaviour("BRIDGE-JSON")
async def test_json_when_only_the_answer_comes_and_a_stream_when_something_precedes_it(running):
    async with Client(running.base) as client:
        await client.initialize()
        assert not (await client.tool("echo", text="x")).streamed
        assert (await client.tool("say", times=1)).streamed
        async with client.open(client.call("hold", name="quiet")) as quiet:  # silence: comments keep it awake
            assert quiet.streamed
            await client.tool("release", name="quiet")
            assert "held quiet" == (await quiet.rest()).text


@pytest.mark.behaviour("BRIDGE-JSON")
async def test_a_caller_of_the_http_contract_may_take_json_alone(running):
    async with Client(running.base, "/invocations") as client:
        await client.initialize(headers={"accept": "application/json"})
        answer = await client.send(client.call("say", times=2), headers={"accept": "application/json"})
        assert not answer.streamed
        assert "done" == answer.text


@pytest.mark.behaviour("BRIDGE-SESSION")
async def test_a_session_ends_with_delete(running):
    async with Client(running.base) as client:
        await client.initialize()
        assert 32 == len(client.session)
        async with client.open(client.call("hold", token="t", name="x")) as held:
            await held.until("notifications/progress")
            assert 200 == (await client.send(b"", method="DELETE")).status
            assert "closed" == (await held.rest()).error["data"]["reason"]
        assert 404 == (await client.tool("echo", text="x")).status


@pytest.mark.behaviour("BRIDGE-INJECTED")
async def test_a_session_id_of_the_platform_is_taken_as_it_is(running):
    async with Client(running.base) as client:
        client.session = "platform-session-" + "0" * 30
        answer = await client.initialize()
        assert client.session == answer.headers["mcp-session-id"] == "platform-session-" + "0" * 30
        first = (await client.state())["pid"]
        await client.initialize()  # a client that starts anew under the same id
        assert first != (await client.state())["pid"]


@pytest.mark.behaviour("BRIDGE-INJECTED")
async def test_the_http_contract_needs_no_initialize_and_no_header(running):
    async with Client(running.base, "/invocations") as client, Client(running.base, "/invocations") as other:
        state, again = await asyncio.gather(client.state(), other.state())
        assert state["pid"] == again["pid"]  # both have no session header: it is the same session


@pytest.mark.behaviour("BRIDGE-STREAM")
async def test_what_belongs_to_no_call_goes_to_the_get_stream(running):
    async with Client(running.base) as client:
        await client.initialize()
        async with client.open(b"", method="GET") as stream:
            assert stream.streamed
            changed = await client.tool("changed")
            assert [] == changed.methods()
            await stream.until("notifications/tools/list_changed")
            async with client.open(b"", method="GET") as second:  # the newest stream counts
                await stream.rest()
                await client.tool("changed")
                await second.until("notifications/tools/list_changed")
        # Until the bridge has seen that the stream is closed, what comes is for that stream.
        while ["notifications/tools/list_changed"] != (await client.tool("changed")).methods():
            pass


@pytest.mark.behaviour("BRIDGE-ASK")
async def test_a_question_outside_any_call_waits_for_the_get_stream():
    async with bridge(command=program("desk", "--ask-at-once")) as running, Client(running.base) as client:
        await client.initialize({"roots": {}})
        async with client.open(b"", method="GET") as stream:
            assert "roots" == (await stream.until("roots/list"))["id"]
            assert 202 == (await client.respond("roots", {"roots": []})).status


@pytest.mark.behaviour("BRIDGE-ASK")
async def test_a_question_outside_any_call_goes_with_the_next_call_where_there_is_no_get_stream():
    command = program("desk", "--ask-at-once")
    async with bridge(command=command) as running, Client(running.base, "/invocations") as client:
        await client.initialize({"roots": {}})
        while "roots/list" not in (await client.tool("echo", text="x")).methods():
            pass
        assert 202 == (await client.respond("roots", {"roots": []})).status


@pytest.mark.behaviour("BRIDGE-ASK")
async def test_an_answer_to_what_nobody_asked_does_not_reach_the_program():
    async with (
        bridge("--shared", command=DESK) as running,
        Client(running.base) as one,
        Client(running.base) as two,
    ):
        await one.initialize()
        await two.initialize()
        await two.tool("echo", text="x")
        async with one.open(one.call("ask", id="secret")) as asks:
            await asks.until("sampling/createMessage")
            assert 202 == (await two.respond("secret", {"forged": True})).status
            await one.respond("secret", {"forged": False})
            assert '{"forged": false}' == (await asks.rest()).text


@pytest.mark.behaviour("BRIDGE-GONE")
async def test_a_legacy_client_that_leaves_does_not_cancel(running):
    async with Client(running.base) as client:
        await client.initialize()
        async with client.open(client.call("hold", token="t", name="L")) as held:
            await held.until("notifications/progress")
        assert [] == (await client.state())["cancelled"]
        await client.tool("release", name="L")
        assert "x" == (await client.tool("echo", text="x")).text


@pytest.mark.behaviour("BRIDGE-DEADLINE")
async def test_a_call_past_its_deadline_gets_an_error_and_the_program_is_told():
    async with bridge("--call-timeout", "0.3", command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        late = await client.tool("hold", name="never")
        assert "timeout" == late.error["data"]["reason"]
        assert 1 == len((await client.state())["cancelled"])


@pytest.mark.behaviour("BRIDGE-SHARED")
async def test_shared_gives_all_sessions_one_program_and_keeps_them_apart():
    async with (
        bridge("--shared", command=DESK) as running,
        Client(running.base) as one,
        Client(running.base) as two,
    ):
        await one.initialize({"sampling": {}})
        await two.initialize()
        state = await two.state()
        assert ((await one.state())["pid"], 1, 1) == (state["pid"], state["initialize"], state["initialized"])
        async with (
            one.open(one.call("hold", 1, token="same", name="one")) as first,
            two.open(two.call("hold", 1, token="same", name="two")) as second,
        ):
            assert "same" == (await first.until("notifications/progress"))["params"]["progressToken"]
            assert "same" == (await second.until("notifications/progress"))["params"]["progressToken"]
            cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
            await two.send(cancel)
            await one.tool("release", name="one")
            await one.tool("release", name="two")
            assert ("held one", "held two") == ((await first.rest()).text, (await second.rest()).text)
        assert 1 == len((await one.state())["cancelled"])
        await one.send(b"", method="DELETE")
        assert "still here" == (await two.tool("echo", text="still here")).text


@pytest.mark.behaviour("BRIDGE-LIMITS")
async def test_when_there_are_too_many_programs_the_idle_session_ends():
    async with (
        bridge("--max-children", "1", command=DESK) as running,
        Client(running.base) as one,
        Client(running.base) as two,
    ):
        await one.initialize()
        async with one.open(one.call("hold", token="t", name="busy")) as held:
            await held.until("notifications/progress")
            refused = await two.initialize()
            assert (503, "throttled") == (refused.status, refused.error["data"]["reason"])
            assert "--max-children" in refused.error["message"]
            await one.tool("release", name="busy")
            await held.rest()
        assert 200 == (await two.initialize()).status
        assert 404 == (await one.tool("echo", text="x")).status


@pytest.mark.behaviour("BRIDGE-LIMITS")
async def test_an_idle_session_ends_by_itself():
    async with bridge("--idle", "0.3", command=DESK) as running, Client(running.base) as client:
        await client.initialize()
        await running.until_said("ends after")
        assert 404 == (await client.tool("echo", text="x")).status


@pytest.mark.behaviour("BRIDGE-PING")
async def test_ping_tells_busy_from_idle_and_being_asked_is_no_use(running):
    async with Client(running.base) as client:
        await client.initialize()

        async def ping():
            return json.loads((await client.http.get("/ping")).content)

        async with client.open(client.call("hold", token="t", name="b")) as held:
            await held.until("notifications/progress")
            assert "HealthyBusy" == (await ping())["status"]
            await client.tool("release", name="b")
            await held.rest()
        while (before := await ping())["status"] != "Healthy":
            pass
        probe = {"jsonrpc": "2.0", "id": "health", "method": "ping"}
        answer = await client.send(probe, headers={"mcp-session-id": None})
        assert (200, {}) == (answer.status, answer.final["result"])
        assert before == await ping()


@pytest.mark.behaviour("BRIDGE-PING")
async def test_ping_says_when_the_program_only_crashes_and_calls_say_why():
    command = [DESK[0], "-c", "import sys; sys.exit('no licence found')"]
    async with bridge(command=command) as running, Client(running.base) as client:
        await running.until_said("it cannot serve")
        ping = await client.http.get("/ping")
        assert (503, "Unhealthy") == (ping.status_code, json.loads(ping.content)["status"])
        refused = await client.initialize()
        assert "no licence found" in refused.error["message"]
        probe = {"jsonrpc": "2.0", "id": "health", "method": "ping"}
        assert 503 == (await client.send(probe, headers={"mcp-session-id": None})).status


@pytest.mark.behaviour("BRIDGE-PORTS")
async def test_each_contract_has_its_port():
    flags = ["--http-port", "0", "--mcp-port", "0"]
    async with bridge(*flags, command=DESK, port=None) as running:
        http, mcp = (url.rsplit("/", 1)[0] for url in running.urls)
        assert http != mcp
        async with Client(http, "/invocations") as one, Client(mcp, "/mcp") as two:
            await one.initialize()
            await two.initialize()
            assert 404 == (await one.http.post("/mcp")).status_code
            assert 404 == (await two.http.post("/invocations")).status_code
            assert 200 == (await one.http.get("/ping")).status_code


@pytest.mark.behaviour("BRIDGE-PORTS")
async def test_one_protocol_alone():
    flags = ["--mcp-port", "0", "--protocol", "mcp"]
    async with bridge(*flags, command=DESK, port=None) as running:
        assert [True] == [url.endswith("/mcp") for url in running.urls]


@pytest.mark.behaviour("BRIDGE-END")
async def test_a_bridge_without_calls_ends_at_once_and_get_streams_do_not_hold_it(running):
    async with Client(running.base) as client:
        await client.initialize()
        async with client.open(b"", method="GET") as stream:
            running.signal(signal.SIGTERM)
            await stream.rest()
        assert 0 == await running.end()
