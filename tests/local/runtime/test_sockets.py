"""WebSockets of agent runtimes: who may connect, frames both ways, their limits, and how either side closes."""

import asyncio
import base64
import gc
import json

import boto3
import pytest
import websockets
from bedrock_agentcore.runtime import AgentCoreRuntimeClient
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from skerry.local.clock import SystemClock
from skerry.local.http.frame_client import FrameClient
from skerry.local.http.frame_server import FrameServer, once
from skerry.local.http.frames import Close
from skerry.local.runtime.settings import Unknowns
from skerry.local.runtime.sockets import BEARER, Rate, offered, readable
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.clock import FakeClock
from tests.kit.issuer import FakeIssuer
from tests.kit.runtime_plane import DEVELOPER, record, runtime_plane

ONE = "session-one-" + "1" * 28
TOO_BIG = "message size limit of 64 KB for a message frame is exceeded"
AN_HOUR_HOP = "1008 by limit"
AN_HOUR = "Max connection duration of 1 hour is exceeded"


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(
            record("socket", allowlist=["X-Refuse", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Color"])
        )
        yield running


def url_of(running, name="socket", more=""):
    return running.url_of(name).replace("/invocations?", "/ws?") + more


def connect(running, name="socket", *, session=ONE, headers=(), sign=True, more="", **options):
    """A client's connection, signed like the SDK's: only host and date are covered."""
    url = url_of(running, name, more)
    sent = running.signed("GET", url, {}, b"") if sign else {}
    sent |= {RUNTIME_SESSION_ID: session} if session else {}
    return websockets.connect(
        url.replace("http", "ws", 1), additional_headers={**sent, **dict(headers)}, proxy=None, **options
    )


async def about(socket):
    await socket.send("about")
    return json.loads(await socket.recv())


@pytest.mark.behaviour("RT-WS-PRESIGNED-SESSION")
async def test_a_presigned_url_opens_the_session_that_it_was_signed_for_and_no_other(tmp_path):
    async with runtime_plane(tmp_path / "state", clock=SystemClock()) as running:
        running.resources.put(record("socket"))
        request = AWSRequest("GET", url_of(running, more=f"&{RUNTIME_SESSION_ID}={ONE}"))
        keys = Credentials(DEVELOPER.access_key_id, DEVELOPER.secret_access_key)
        SigV4QueryAuth(keys, "bedrock-agentcore", "us-east-1", expires=60).add_auth(request)
        url = request.url.replace("http", "ws", 1)

        def opened(session):
            return websockets.connect(url, additional_headers={RUNTIME_SESSION_ID: session}, proxy=None)

        assert 400 == (await refusal(opened("somebody-elses-" + "2" * 28))).status_code
        async with opened(ONE) as socket:
            assert ONE == (await about(socket))["session"]


async def hops(running, number):
    async with asyncio.timeout(30):
        return await running.recorder.until(number)


async def closed(socket):
    """Code and reason with which the other side closes."""
    async with asyncio.timeout(30):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


async def refusal(connection):
    with pytest.raises(InvalidStatus) as caught:
        await connection
    return caught.value.response


# --- frames


@pytest.mark.behaviour("RT-WS")
async def test_text_and_bytes_go_both_ways(running):
    async with connect(running) as socket:
        await socket.send("grüße")
        assert "grüße" == await socket.recv()
        await socket.send(b"\x00\xff")
        assert b"\x00\xff" == await socket.recv()
        seen = await about(socket)
    assert ONE == seen["session"]
    assert not {"authorization", "x-amz-date"} & {name for name, _ in seen["headers"]}


@pytest.mark.behaviour("RT-WS")
async def test_the_session_is_that_of_invocations(running):
    async with connect(running) as socket:
        assert ONE == socket.response.headers[RUNTIME_SESSION_ID]
        over_http = (await running.invoke("socket", {}, session=ONE)).json()
        assert over_http["pid"] == (await about(socket))["pid"]


@pytest.mark.behaviour("RT-WS")
async def test_without_a_session_id_one_is_made(running):
    async with connect(running, session="") as socket:
        assert socket.response.headers[RUNTIME_SESSION_ID] == (await about(socket))["session"]


@pytest.mark.behaviour("RT-WS-FRAME")
@pytest.mark.parametrize("size", [64 * 1024 + 1, 5_000_000])
async def test_a_frame_of_the_client_over_64_kb_closes_with_1009(running, size):
    socket = await connect(running)
    await socket.send(b"x" * size)
    assert (1009, TOO_BIG) == await closed(socket)
    await hops(running, 1)
    assert [[1009, TOO_BIG]] == (await running.invoke("socket", {}, session=ONE)).json()["closed"]


@pytest.mark.behaviour("RT-WS-FRAME")
async def test_a_frame_of_the_program_over_64_kb_closes_with_1009(running):
    async with connect(running) as socket:
        await socket.send(f"send {64 * 1024}")
        assert 64 * 1024 == len(await socket.recv())
        await socket.send(f"send {64 * 1024 + 1}")
        assert (1009, TOO_BIG) == await closed(socket)


@pytest.mark.behaviour("RT-WS-FRAGMENTS")
async def test_a_large_message_in_small_frames_passes(running):
    async with connect(running, max_size=None) as socket:
        await socket.send([b"a" * 48_000, b"b" * 48_000, b"c" * 10])
        # The program got one message and answers with one frame of the same size: too large for the way back.
        assert (1009, TOO_BIG) == await closed(socket)
    async with connect(running) as socket:
        await socket.send(["ab", "cd", "ef"])
        assert "abcdef" == await socket.recv()


@pytest.mark.behaviour("RT-WS-PRESSURE")
async def test_who_does_not_read_slows_the_program_down(running):
    async with connect(running, max_queue=1) as socket:
        await socket.send("flood 300")  # 18 MB, more than the sockets on the way hold
        numbers = [int.from_bytes((await socket.recv())[:4], "big") for _ in range(300)]
    assert list(range(300)) == numbers


@pytest.mark.behaviour("RT-WS-RATE")
async def test_more_than_250_frames_a_second_wait_or_close(tmp_path):
    strict = Unknowns(close_over_rate=True)
    async with runtime_plane(tmp_path / "state", unknowns=strict, socket_frames=5) as running:
        running.resources.put(record("socket"))
        async with connect(running) as socket:
            for number in range(6):
                await socket.send(str(number))
            assert 1008 == (await closed(socket))[0]


def test_the_rate_is_a_second_ahead_at_most():
    clock = FakeClock()
    rate = Rate(250, clock)
    assert [0.0] * 250 == [rate.wait() for _ in range(250)]
    assert 0.003 < rate.wait() < 0.005
    clock.advance(0.5)
    assert [0.0] * 124 == [rate.wait() for _ in range(124)]
    clock.advance(100)
    assert [0.0] * 250 == [rate.wait() for _ in range(250)]
    assert rate.wait() > 0


@pytest.mark.behaviour("RT-WS-PING")
async def test_a_ping_is_answered_while_the_program_is_busy(running):
    async with connect(running) as socket:
        await socket.send("sleep")
        async with asyncio.timeout(30):
            await (await socket.ping())


@pytest.mark.behaviour("RT-WS-AGUI")
async def test_an_agui_agent_of_the_sdk_sends_its_events(running):
    running.resources.put(record("agui", protocol="AGUI"))
    run = {"threadId": "t", "runId": "r", "messages": [], "state": {}, "tools": [], "context": []}
    async with connect(running, "agui") as socket:
        await socket.send(json.dumps({**run, "forwardedProps": {}}))
        found = [json.loads(message.removeprefix("data: "))["type"] async for message in socket]
    assert ["RUN_STARTED", "TEXT_MESSAGE_CONTENT", "RUN_FINISHED"] == found


@pytest.mark.behaviour("RT-WS-HOP")
async def test_a_socket_is_one_hop_with_what_it_carried(running):
    async with connect(running) as socket:
        await socket.send("hello")
        await socket.recv()
        await socket.send(b"12")
        await socket.recv()
    hop = (await hops(running, 1))[0]
    assert ("InvokeAgentRuntimeWithWebSocketStream", 101, ONE) == (hop.operation, hop.status, hop.session)
    counted = {"frames_in": "2", "bytes_in": "7", "frames_out": "2", "bytes_out": "7"}
    assert counted | {"close": "1000 by client", "start": "cold"} == {
        name: hop.detail[name] for name in (*counted, "close", "start")
    }


# --- the end


@pytest.mark.behaviour("RT-WS-HOUR")
async def test_after_an_hour_also_who_does_not_read_is_let_go(running):
    async with connect(running, max_queue=1) as socket:
        await socket.send("flood 300")
        # By type: isinstance asks what a weak proxy stood for, and raises when that is gone.
        servers = [found for found in gc.get_objects() if type(found) is FrameServer]
        (server,) = (found for found in servers if not found.disconnected)
        async with asyncio.timeout(30):
            while server.writable.is_set():
                await asyncio.sleep(0.01)
        running.clock.advance(3600)
        running.plane.sockets.sweep()
        assert [AN_HOUR_HOP] == [hop.detail["close"] for hop in await hops(running, 1)]
        (session,) = running.plane.sessions.listing()
        assert 0 == session["in_flight"]


@pytest.mark.behaviour("RT-WS-HOUR")
async def test_after_an_hour_it_is_closed_with_1008(running):
    async with connect(running) as socket:
        await about(socket)
        running.clock.advance(3599)
        running.plane.sockets.sweep()
        await about(socket)
        running.clock.advance(1)
        running.plane.sockets.sweep()
        assert (1008, AN_HOUR) == await closed(socket)
    assert [[1008, AN_HOUR]] == (await running.invoke("socket", {}, session=ONE)).json()["closed"]


@pytest.mark.behaviour("RT-WS-ALIVE")
async def test_a_live_socket_keeps_its_session_from_idling(running):
    async with connect(running) as socket:
        before = await about(socket)
        running.clock.advance(2000)
        await running.plane.sessions.sweep()
        assert before["pid"] == (await about(socket))["pid"]
    await hops(running, 1)
    running.clock.advance(2000)
    await running.plane.sessions.sweep()
    async with connect(running) as socket:
        assert before["pid"] != (await about(socket))["pid"]


@pytest.mark.behaviour("RT-WS-CLOSE")
async def test_the_close_of_either_side_reaches_the_other(running):
    async with connect(running) as socket:
        await socket.send("close 4321 that was all")
        assert (4321, "that was all") == await closed(socket)
    async with connect(running) as socket:
        await socket.close(4000, "bye")
    await hops(running, 2)
    seen = (await running.invoke("socket", {}, session=ONE)).json()["closed"]
    assert [[4321, "by myself"], [4000, "bye"]] == seen


@pytest.mark.behaviour("RT-WS-CLOSE")
async def test_a_client_that_vanishes_is_told_to_the_program(running):
    async with connect(running) as socket:
        await about(socket)
        socket.transport.abort()
    await hops(running, 1)
    assert [[1001, ""]] == (await running.invoke("socket", {}, session=ONE)).json()["closed"]


@pytest.mark.behaviour("RT-WS-CRASH")
async def test_a_program_that_crashes_closes_with_1011(running):
    async with connect(running) as socket:
        await socket.send("exit")
        assert 1011 == (await closed(socket))[0]


@pytest.mark.behaviour("RT-WS-CRASH")
async def test_a_stopped_session_closes_its_sockets(running):
    async with connect(running) as socket:
        await about(socket)
        assert 200 == (await running.stop("socket", ONE)).status_code
        assert (await closed(socket))[0] in (1011, 1012)


# --- who may connect


@pytest.mark.behaviour("RT-WS-REFUSED")
async def test_what_is_refused_is_refused_in_http(running):
    running.resources.put(record("stateless", protocol="MCP", entry="server.py"))
    running.resources.put(record("plain"))
    running.resources.put(record("crash"))
    cases = [
        (connect(running, sign=False), 403, "MissingAuthenticationTokenException"),
        (connect(running, "unknown"), 404, "ResourceNotFoundException"),
        (connect(running, session="short"), 400, "ValidationException"),
        (connect(running, "stateless"), 400, "ValidationException"),
        (connect(running, "plain"), 424, "RuntimeClientError"),  # it has no /ws
        (connect(running, "crash"), 424, "RuntimeClientError"),
        (connect(running, headers={"X-Refuse": "1"}), 424, "RuntimeClientError"),
    ]
    for connection, status, name in cases:
        answer = await refusal(connection)
        assert status == answer.status_code, answer.body
        assert name in answer.headers["x-amzn-errortype"], (status, answer.headers)
        assert json.loads(answer.body)["message"]


@pytest.mark.behaviour("RT-WS-UPGRADE")
async def test_a_plain_get_is_told_to_upgrade(running):
    answer = await running.http.get(url_of(running))
    assert (426, "websocket") == (answer.status_code, answer.headers["upgrade"])


@pytest.mark.behaviour("RT-WS-SDK")
@pytest.mark.parametrize("presigned", [False, True])
async def test_what_the_sdk_signs_is_accepted(tmp_path, presigned):
    """The SDK knows hosts of AWS only; so just the TCP connection is led here."""
    async with runtime_plane(tmp_path / "state", clock=SystemClock()) as running:
        item = running.resources.put(record("socket"))
        keys = DEVELOPER.access_key_id, DEVELOPER.secret_access_key
        client = AgentCoreRuntimeClient(
            region="us-east-1", session=boto3.Session(*keys, region_name="us-east-1")
        )
        arn, headers = item["agentRuntimeArn"], {}
        if presigned:
            url = client.generate_presigned_url(arn, session_id=ONE, endpoint_name="DEFAULT")
        else:
            url, headers = client.generate_ws_connection(arn, session_id=ONE)
        here = {"host": "127.0.0.1", "port": int(running.url.rpartition(":")[2]), "proxy": None}
        async with websockets.connect(
            url.replace("wss", "ws", 1), additional_headers=headers, **here
        ) as socket:
            assert ONE == (await about(socket))["session"]


@pytest.mark.behaviour("RT-WS-PRESIGNED")
@pytest.mark.parametrize(("expires", "late", "status"), [(300, 299, 101), (300, 301, 403), (301, 0, 403)])
async def test_a_presigned_url_lives_five_minutes(tmp_path, expires, late, status):
    clock = FakeClock(SystemClock().time())
    async with runtime_plane(tmp_path / "state", clock=clock) as running:
        running.resources.put(record("socket"))
        request = AWSRequest("GET", url_of(running, more=f"&{RUNTIME_SESSION_ID}={ONE}"))
        keys = Credentials(DEVELOPER.access_key_id, DEVELOPER.secret_access_key)
        SigV4QueryAuth(keys, "bedrock-agentcore", "us-east-1", expires=expires).add_auth(request)
        clock.advance(late)
        connection = websockets.connect(request.url.replace("http", "ws", 1), proxy=None)
        if status == 101:
            async with connection as socket:
                assert ONE == (await about(socket))["session"]
        else:
            assert status == (await refusal(connection)).status_code


@pytest.fixture
def issuer():
    return FakeIssuer(FakeClock())


@pytest.fixture
async def guarded(tmp_path, issuer):
    async with runtime_plane(tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch) as running:
        jwt = {"discoveryUrl": issuer.discovery_url, "allowedClients": ["chat"]}
        running.resources.put(record("socket", jwt=jwt, allowlist=["Authorization"]))
        yield running


def subprotocols(token):
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return [f"{BEARER}.{encoded}", BEARER]


@pytest.mark.behaviour("RT-WS-BEARER")
async def test_a_token_opens_a_runtime_with_an_authorizer(guarded, issuer):
    token = issuer.mint()
    async with connect(guarded, sign=False, headers={"Authorization": f"Bearer {token}"}) as socket:
        await about(socket)
    assert "jwt" == (await hops(guarded, 1))[0].auth


@pytest.mark.behaviour("RT-WS-SUBPROTOCOL")
async def test_a_browser_presents_its_token_as_a_subprotocol(guarded, issuer):
    token = issuer.mint()
    more = f"&{RUNTIME_SESSION_ID}={ONE}"
    async with connect(
        guarded, sign=False, session="", more=more, subprotocols=subprotocols(token)
    ) as socket:
        assert BEARER == socket.subprotocol
        seen = await about(socket)
    assert ONE == seen["session"]
    assert [] == seen["offered"]
    assert ["authorization", f"Bearer {token}"] in seen["headers"]  # its allow-list names it
    assert token not in repr(guarded.recorder.hops)
    both = [*subprotocols(token), "chat"]
    async with connect(guarded, sign=False, subprotocols=both) as socket:
        assert "chat" == socket.subprotocol
        assert ["chat"] == (await about(socket))["offered"]


@pytest.mark.behaviour("RT-WS-SUBPROTOCOL")
async def test_a_bad_or_missing_token_is_refused_before_the_upgrade(guarded, issuer):
    token = issuer.mint()
    for protocols, status in (
        (None, 401),
        (subprotocols("not.a.token"), 403),
        ([f"{BEARER}.!!!", BEARER], 403),
        (
            [*subprotocols(token), subprotocols(issuer.mint())[0]],
            400,
        ),  # which of them?
    ):
        answer = await refusal(connect(guarded, sign=False, subprotocols=protocols))
        assert status == answer.status_code
        assert ("www-authenticate" in answer.headers) == (status in (400, 401))
    assert 403 == (await refusal(connect(guarded))).status_code  # signed


@pytest.mark.behaviour("RT-WS-QUERY")
async def test_a_custom_header_may_stand_in_the_query(running):
    name = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"
    async with connect(running, more=f"&{name}Color=red&{name}Other=no") as socket:
        seen = dict((await about(socket))["headers"])
    assert "red" == seen[f"{name}Color".lower()]
    assert f"{name}Other".lower() not in seen


# --- parts


async def test_a_client_of_frames_sees_each_frame():
    async def serve(socket):
        await socket.send([b"one", b"two"])
        await socket.close(4001, "done")

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = await FrameClient.open(f"ws://127.0.0.1:{port}/ws", [], patience=30)
        seen = []
        while (frame := await client.receive()) is not None:
            seen.append((bytes(frame.data), frame.fin))
        assert [(b"one", False), (b"two", False), (b"", True)] == seen
        assert Close(4001, "done") == client.closed
        assert not await client.send(1, b"late", True)
        await client.close(Close(1000))


names = st.sampled_from([b"Host", b"upgrade", b"X-Note", b"Sec-WebSocket-Key", b"User-Agent"])


@given(
    st.lists(
        st.tuples(
            names, st.binary(max_size=8).filter(lambda value: b"\r" not in value and b"\n" not in value)
        )
    )
)
def test_a_handshake_keeps_the_first_of_its_own_headers(pairs):
    lines = [b"GET / HTTP/1.1", *(name + b": " + value for name, value in pairs), b"", b""]
    kept = once(b"\r\n".join(lines)).split(b"\r\n")
    assert lines[0] == kept[0]
    assert [b"", b""] == kept[-2:]
    found = [line.partition(b":")[0].lower() for line in kept[1:-2]]
    assert {name.lower() for name, _ in pairs} == set(found)
    assert all(found.count(name) == 1 for name in found if name != b"x-note")
    assert found.count(b"x-note") == sum(name == b"X-Note" for name, _ in pairs)


@given(st.lists(st.text(max_size=40)), st.binary(max_size=60))
def test_no_handshake_breaks_the_reading_of_it(protocols, query):
    scope = {"type": "websocket", "subprotocols": protocols, "query_string": query, "headers": []}
    shown = readable(scope)
    assert "GET" == shown["method"]
    assert all(isinstance(part, bytes) for pair in shown["headers"] for part in pair)
    assert not any(name == BEARER or name.startswith(f"{BEARER}.") for name in offered(protocols))
