"""The parts of the bridge by themselves."""

from __future__ import annotations

import asyncio
import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.bridge import guard, routing
from skerry.bridge.calls import Call, Suspects
from skerry.bridge.environment import for_program, looks_secret
from skerry.bridge.guard import RefusedError
from skerry.bridge.health import Health
from skerry.bridge.lane import Gate, Lane
from skerry.bridge.logbook import Logbook
from skerry.bridge.stdin import Stdin
from skerry.errors import ConfigurationError
from skerry.relay.ports import RelayError
from skerry.settings import BridgeSettings
from skerry.wire import jsonrpc


def message(size=0):
    return jsonrpc.parse(jsonrpc.notification("notifications/message", {"data": "x" * size}))


class Pipe:
    """Stands in for a write transport: what was written, and whether it is closed."""

    def __init__(self):
        self.written = []
        self.closed = False

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.closed = True


class Tap:
    """Counts how often the output was held back and let go."""

    def __init__(self):
        self.log = []

    def gate(self, patience=60.0):
        return Gate(lambda: self.log.append("shut"), lambda: self.log.append("open"), patience=patience)


# ── lanes ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_full_lane_holds_the_output_back_until_its_reader_has_caught_up():
    tap = Tap()
    gate = tap.gate()
    slow, other = Lane(gate, limit=10_000), Lane(gate, limit=10_000)
    for _ in range(3):
        assert slow.put(message(5000))
        assert other.put(message(5000))
    assert ["shut"] == tap.log
    for _ in range(3):
        await slow.get()
    assert ["shut"] == tap.log  # the other one is still full
    for _ in range(3):
        await other.get()
    assert ["shut", "open"] == tap.log


async def test_a_reader_that_never_comes_is_given_up():
    tap = Tap()
    lane = Lane(tap.gate(patience=0), limit=100)
    assert lane.put(message(200))
    while "open" not in tap.log:
        await asyncio.sleep(0)
    assert not lane.put(message())
    await lane.get()  # it has come after all
    assert lane.put(message())


async def test_a_lane_ends_behind_what_is_in_it():
    lane = Lane(Tap().gate())
    waiting = asyncio.create_task(lane.get())
    await asyncio.sleep(0)
    lane.put(message())
    lane.end()
    assert await waiting is not None
    assert await lane.get() is None
    assert not lane.put(message())


async def test_a_lane_that_nobody_reads_any_more_lets_the_output_go():
    tap = Tap()
    lane = Lane(tap.gate(), limit=100)
    lane.put(message(200))
    lane.drop()
    assert ["shut", "open"] == tap.log


# ── standard input ──────────────────────────────────────────────────────────────────────────────


@given(
    st.lists(st.one_of(st.binary(min_size=1, max_size=20), st.sampled_from(["pause", "resume"])), max_size=40)
)
def test_lines_are_written_in_their_order_whatever_the_program_does(steps):
    pipe, stdin = Pipe(), Stdin(limit=1 << 20, on_lost=lambda: None)
    stdin.connection_made(pipe)
    sent = []
    for step in steps:
        if step == "pause":
            stdin.pause_writing()
        elif step == "resume":
            stdin.resume_writing()
        else:
            stdin.write(step)
            sent.append(step)
    stdin.resume_writing()
    assert sent == pipe.written


def test_what_waits_for_a_program_that_does_not_read_is_bounded():
    pipe, stdin = Pipe(), Stdin(limit=100, on_lost=lambda: None)
    stdin.connection_made(pipe)
    stdin.pause_writing()
    first = stdin.write(b"a" * 500)  # one always has room
    with pytest.raises(RelayError) as refused:
        stdin.write(b"b")
    assert refused.value.unsent
    assert stdin.withdraw(first)
    assert not stdin.withdraw(first)
    second = stdin.write(b"c")
    stdin.resume_writing()
    assert [b"c"] == pipe.written
    assert not stdin.withdraw(second)


def test_a_closed_input_refuses_what_it_cannot_deliver():
    lost = []
    stdin = Stdin(limit=100, on_lost=lambda: lost.append(1))
    stdin.connection_made(Pipe())
    stdin.connection_lost(None)
    with pytest.raises(RelayError) as refused:
        stdin.write(b"x")
    assert ("unreachable", [1]) == (refused.value.reason, lost)


# ── lost answers ────────────────────────────────────────────────────────────────────────────────


@given(st.integers(2, 6), st.data())
def test_the_owner_of_a_lost_answer_is_found_when_all_others_have_theirs(count, data):
    calls = dict.fromkeys(range(count))
    suspects = Suspects(calls)
    owner = data.draw(st.integers(0, count - 1))
    error = RelayError("size", "too large")
    assert [] == list(suspects.add(error))
    found = []
    for number in data.draw(st.permutations([n for n in range(count) if n != owner])):
        assert [] == found
        del calls[number]
        calls[100 + number] = None  # a call that began later cannot be the one
        found = suspects.without(number)
    assert [(owner, error)] == found


def test_the_only_call_owns_what_is_lost():
    assert [3] == list(Suspects({3: None}).add(RelayError("size", "too large")))


# ── routing ─────────────────────────────────────────────────────────────────────────────────────


def call(method, number):
    request = jsonrpc.parse(jsonrpc.request(number, method, {"name": "x"}))
    return Call(channel=None, request=request, number=number, lane=None)


def test_the_newest_call_that_may_ask_is_the_one():
    calls = [call("tools/call", 1), call("resources/read", 2), call("tools/list", 3)]
    assert 2 == routing.newest_asking(calls).number
    assert routing.newest_asking(calls[2:]) is None


@given(st.one_of(st.text(max_size=30), st.integers(-(2**60), 2**60)), st.text(max_size=20))
def test_a_message_under_another_id_keeps_every_other_byte(identifier, text):
    answer = jsonrpc.parse(b'{ "result" : {"t": %s}, "id" : 17 , "jsonrpc":"2.0"}' % jsonrpc.encode(text))
    request = jsonrpc.parse(jsonrpc.request(identifier, "ping"))
    moved = answer.under(request)
    assert jsonrpc.parse(moved.body) == moved  # its id stands where it says
    assert identifier == moved.id
    assert answer.body == moved.with_id(17)


def test_one_and_true_and_the_string_are_different_ids():
    assert 3 == len({routing.key(1), routing.key(True), routing.key("1")})


# ── environment and settings ────────────────────────────────────────────────────────────────────


@pytest.mark.behaviour("BRIDGE-SECRETS")
@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "GH_PAT",
        "OPENAI_KEY",
        "db_password",
        "NPM_AUTH",
        "SSH_AUTH_SOCK",
        "STRIPE_APIKEY",
        "SENTRY_DSN",
        "COOKIE_JAR",
        "PGPASSWORD",
    ],
)
def test_names_that_look_secret(name):
    assert looks_secret(name, "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PATH", "/bin"), ("KEYBOARD", "us"), ("HOME", "/"), ("MONKEY", "1"), ("URL", "https://user@host/")],
)
def test_names_that_do_not(name, value):
    assert not looks_secret(name, value)


def test_what_is_named_is_passed_and_python_is_made_to_speak_utf8_at_once():
    kept, left = for_program({"A_TOKEN": "1", "B_TOKEN": "2", "PYTHONIOENCODING": "latin-1"}, ["A_TOKEN"])
    assert {"A_TOKEN": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "UTF-8"} == kept
    assert ("B_TOKEN",) == left


def test_settings_read_the_environment_of_the_container():
    env = {
        "MCP_SERVER_CMD": "python 'my server.py'",
        "MCP_SERVER_CWD": "/srv",
        "SERVER_HOST": "::1",
        "SERVER_PORT": "9000",
        "LOG_LEVEL": "debug",
        "DOCKER_CONTAINER": "1",
    }
    settings = BridgeSettings.from_env(env)
    assert ("python 'my server.py'", "/srv", "::1", 9000) == (
        settings.command,
        settings.folder,
        settings.host,
        settings.port,
    )
    assert ("debug", True) == (settings.log_level, settings.container)
    assert "my server" in settings.command
    with pytest.raises(ConfigurationError, match="SERVER_PORT"):
        BridgeSettings.from_env({"SERVER_PORT": "http"})


def test_the_environment_is_not_shown():
    assert "hunter2" not in repr(BridgeSettings.from_env({"PW": "hunter2"}))


# ── guard ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "origin", "loopback", "allowed"),
    [
        ("127.0.0.1:8000", None, True, True),
        ("[::1]:8000", None, True, True),
        ("LOCALHOST", None, True, True),
        ("127.0.0.1.evil.example", None, True, False),
        ("", None, True, False),
        ("10.0.0.7:8000", None, False, True),
        ("10.0.0.7:8000", "http://10.0.0.7:8000", False, True),
        ("10.0.0.7:8000", "http://10.0.0.8:8000", False, False),
        ("localhost", "http://localhost.evil.example", True, False),
        ("localhost", "http://evil.example#localhost", True, False),
        ("localhost", "null", True, False),
    ],
)
def test_who_may_call(host, origin, loopback, allowed):
    headers = {"host": host, **({"origin": origin} if origin is not None else {})}
    if allowed:
        guard.check_caller(headers, loopback=loopback)
    else:
        with pytest.raises(RefusedError) as refused:
            guard.check_caller(headers, loopback=loopback)
        assert 403 == refused.value.status


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=10), st.integers(0, 200))
async def test_a_body_is_read_whole_or_refused(pieces, limit):
    events = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    events[-1]["more_body"] = False
    source = iter(events)

    async def receive():
        return next(source)

    if sum(map(len, pieces)) > limit:
        with pytest.raises(RefusedError):
            await guard.read_body(receive, {}, limit)
    else:
        assert b"".join(pieces) == await guard.read_body(receive, {}, limit)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error():
    events = iter([{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}])

    async def receive():
        return next(events)

    assert await guard.read_body(receive, {}, 100) is None


# ── health and log ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.behaviour("BRIDGE-PING")
def test_the_time_of_the_last_update_is_that_of_the_last_use():
    now, trouble = [100.0], [""]
    health = Health(lambda: trouble[0], clock=lambda: now[0])

    def report():
        status, body = health.report()
        return status, json.loads(body)

    now[0] = 200.0
    assert (200, {"status": "Healthy", "time_of_last_update": 100}) == report()
    with health.busy():
        now[0] = 300.0
        assert (200, {"status": "HealthyBusy", "time_of_last_update": 200}) == report()
    now[0] = 400.0
    assert (200, {"status": "Healthy", "time_of_last_update": 300}) == report()
    trouble[0] = "it only crashes"
    assert 503 == report()[0]


def test_a_log_that_nobody_reads_stops_nobody():
    reads, writes = os.pipe()
    book = Logbook(writes, lines=10)
    import logging

    for number in range(100):
        book.handle(
            logging.makeLogRecord({"msg": f"{number} " + "x" * 10_000, "levelno": 20, "levelname": "INFO"})
        )
    book.finish()  # comes back although the pipe is full
    drained = threading.Thread(target=os.close, args=(reads,))
    drained.start()
    drained.join()
    os.close(writes)
