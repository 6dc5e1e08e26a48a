"""The clock of sessions, which people move; what a session is warned of; limits a second; the end of a session."""

import asyncio
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.clock import SystemClock
from skerry.local.rate import Rate, rate
from skerry.local.runtime.inspection import MAX_ADVANCE, inspection, seconds
from skerry.local.runtime.sessions.moved import MovedClock
from skerry.local.runtime.settings import Unknowns
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.clock import FakeClock
from tests.kit.runtime_plane import record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("plain"))
        yield running


async def about(running, session=ONE, name="plain"):
    answer = await running.invoke(name, {"do": "about"}, session=session)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def ping(running, session=ONE, **body):
    answer = await running.invoke("plain", {"do": "ping", "ping": {"body": body}}, session=session)
    assert 200 == answer.status_code


# --- ids


@pytest.mark.behaviour("RT-SID-RULES")
@pytest.mark.parametrize(("length", "status"), [(32, 400), (33, 200), (256, 200), (257, 400)])
async def test_a_session_id_has_33_to_256_characters(running, length, status):
    answer = await running.invoke("plain", b"{}", session="s" * length)
    assert status == answer.status_code
    if status == 200:
        assert "s" * length == answer.headers[RUNTIME_SESSION_ID]
    else:
        assert "ValidationException" == answer.headers["x-amzn-errortype"]


@pytest.mark.behaviour("RT-SID-RULES")
async def test_ids_are_compared_with_their_case_and_belong_to_an_endpoint(running):
    running.resources.put(record("plain"), qualifier="prod")
    first = await about(running, ONE)
    assert first["pid"] != (await about(running, ONE.upper()))["pid"]
    other = await running.invoke("plain", {"do": "about"}, session=ONE, qualifier="prod")
    assert first["pid"] != other.json()["pid"]


# --- the clock


@pytest.mark.behaviour("RT-CLOCK")
async def test_a_moved_clock_ends_idle_sessions_at_once_and_signatures_stay_valid(running):
    paths = inspection(running.plane.sessions)
    first = await about(running)
    seen = await paths["POST", "clock"](b'{"advance": 899}')
    assert ([ONE], [], 899) == ([item["session"] for item in seen["sessions"]], seen["ended"], seen["moved"])
    seen = await paths["POST", "clock"](b'{"advance": 1}')
    assert [] == seen["sessions"]
    assert [(ONE, "idle")] == [(item["session"], item["reason"]) for item in seen["ended"]]
    assert first["pid"] != (await about(running))["pid"]  # signed with the real time


@pytest.mark.behaviour("RT-CLOCK")
async def test_a_moved_clock_reaches_the_maximum_lifetime_of_a_busy_session(running):
    await ping(running, status="HealthyBusy", time_of_last_update=int(running.clock.time()))
    paths = inspection(running.plane.sessions)
    assert 1 == len((await paths["POST", "clock"](b'{"advance": 28799}'))["sessions"])
    ended = (await paths["POST", "clock"](b'{"advance": 1}'))["ended"]
    assert ["maximum lifetime"] == [item["reason"] for item in ended]


@pytest.mark.behaviour("RT-CLOCK")
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"advance": 0}', b'{"advance": -1}', b'{"advance": true}', b'{"advance": "1"}'],
)
async def test_what_is_no_time_to_let_pass_is_refused(running, body):
    with pytest.raises(ServiceError) as caught:
        await inspection(running.plane.sessions)["POST", "clock"](body)
    assert 400 == caught.value.status


@given(st.binary(max_size=40) | st.floats().map(lambda value: f'{{"advance": {value}}}'.encode()))
def test_any_body_is_a_time_or_a_400(body):
    try:
        assert 0 < seconds(body) <= MAX_ADVANCE
    except ServiceError as problem:
        assert 400 == problem.status


@pytest.mark.behaviour("RT-SESSIONS-LIST")
async def test_the_sessions_are_listed_with_their_ages(running):
    await about(running)
    running.clock.advance(100)
    await about(running)
    running.clock.advance(7)
    (seen,) = (await inspection(running.plane.sessions)["GET", "sessions"](b""))["sessions"]
    pid = (await about(running))["pid"]
    assert {
        "session": ONE,
        "runtime": "plain",
        "endpoint": "DEFAULT",
        "version": "1",
        "state": "ready",
        "calls": 2,
        "in_flight": 0,
        "age": 107,
        "idle": 7,
        "idle_timeout": 900,
        "max_lifetime": 28800,
        "pid": pid,
    } == seen


def test_a_program_that_reports_the_present_is_young_however_often_the_clock_was_moved():
    real = FakeClock()
    moved = MovedClock(real)
    at_start = real.time()
    for _ in range(3):
        moved.advance(900)
        assert 0 == moved.since(real.time())
        real.advance(10)
        assert 0 == moved.since(real.time())
    assert moved.since(at_start) >= 1800
    assert (real.time() + 2700, real.monotonic() + 2700) == (moved.time(), moved.monotonic())


def test_what_happened_before_a_move_is_older_by_it():
    real = FakeClock()
    moved = MovedClock(real)
    told = real.time()
    real.advance(5)
    moved.advance(900)
    real.advance(5)
    assert 910 == moved.since(told)


def test_a_time_in_whole_seconds_right_after_a_move_counts_as_after_it_for_a_second():
    real = FakeClock(1_800_000_000.7)
    moved = MovedClock(real)
    moved.advance(900)
    real.advance(0.2)
    assert moved.since(1_800_000_000) < 1
    real.advance(5)
    assert moved.since(1_800_000_000) > 900


def test_the_clock_of_a_stack_is_the_machines():
    clock = MovedClock(SystemClock())
    assert abs(clock.time() - time.time()) < 5


# --- what the ping says


@pytest.mark.behaviour("RT-BUSY-READINGS")
@pytest.mark.parametrize(
    ("unknowns", "body", "alive"),
    [
        (Unknowns(), {"status": "HealthyBusy"}, True),
        (Unknowns(), {"status": "HealthyBusy", "time_of_last_update": 1}, True),
        (Unknowns(), {"status": "Healthy", "time_of_last_update": 1}, False),
        (Unknowns(busy_needs_time=True), {"status": "HealthyBusy"}, False),
        (Unknowns(busy_needs_time=True), {"status": "HealthyBusy", "time_of_last_update": 1}, True),
        (Unknowns(busy_needs_recent_time=True), {"status": "HealthyBusy", "time_of_last_update": 1}, False),
    ],
)
async def test_the_readings_of_healthy_busy(tmp_path, unknowns, body, alive):
    async with runtime_plane(tmp_path / "state", unknowns=unknowns) as running:
        running.resources.put(record("plain"))
        await ping(running, **body)
        running.clock.advance(900)
        await running.plane.sessions.sweep()
        assert alive == bool(running.plane.sessions.listing())


@pytest.mark.behaviour("RT-PING-WARNINGS")
async def test_the_trap_of_an_ever_newer_time_is_a_hop_too(running, caplog):
    await about(running)
    (base,) = [session.base for session in running.plane.sessions._sessions.values()]
    for _ in range(5):
        running.clock.advance(1000)
        body = {"status": "Healthy", "time_of_last_update": int(running.clock.time())}
        await running.http.post(f"{base}/x", json={"do": "ping", "ping": {"body": body}})
        await running.plane.sessions.sweep()
    (hop,) = [hop for hop in running.recorder.hops if hop.operation == "Ping"]
    assert (ONE, "plain") == (hop.session, hop.target)
    assert "never idle" in hop.detail["warning"]


@pytest.mark.behaviour("RT-PING-WARNINGS")
async def test_busy_without_a_time_is_warned_of_once(running, caplog):
    await ping(running, status="HealthyBusy")
    for _ in range(3):
        running.clock.advance(1000)
        await running.plane.sessions.sweep()
    (hop,) = [hop for hop in running.recorder.hops if hop.operation == "Ping"]
    assert "without time_of_last_update" in hop.detail["warning"]
    assert 1 == sum("without time_of_last_update" in entry.getMessage() for entry in caplog.records)


# --- beginning and ending


@pytest.mark.behaviour("RT-INIT-LOG")
async def test_what_the_program_said_last_stands_in_the_log(running, caplog):
    running.resources.put(record("crash"))
    assert 424 == (await running.invoke("crash", b"{}", session=ONE)).status_code
    lines = [
        entry.getMessage()
        for entry in caplog.records
        if entry.name == "skerry.local.runtime.sessions.sessions"
    ]
    assert any("did not start" in line for line in lines)
    assert f"session {ONE}: about to import" in lines
    assert f"session {ONE}: ModuleNotFoundError: No module named 'a_package_that_nobody_has'" in lines
    (ended,) = running.plane.sessions.ended
    assert "did not start" == ended["reason"]


@pytest.mark.behaviour("RT-409-ENDING")
async def test_a_request_while_a_session_ends_is_a_409_and_the_next_begins_anew(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with runtime_plane(tmp_path / "state", grace=60) as running:
        running.resources.put(record("stubborn", environmentVariables={"GATE": str(gate)}))
        assert 200 == (await running.invoke("stubborn", b"{}", session=TWO)).status_code
        stopping = asyncio.create_task(running.stop("stubborn", TWO))
        ending = await asyncio.to_thread(gate.open, "w")  # returns when the program hears that it should end
        for answer in (
            await running.invoke("stubborn", b"{}", session=TWO),
            await running.stop("stubborn", TWO),
        ):
            assert 409 == answer.status_code
            assert "RetryableConflictException" == answer.headers["x-amzn-errortype"]
        ending.close()
        assert 200 == (await stopping).status_code
        running.resources.put(record("stubborn", agentRuntimeVersion="2"))
        assert 200 == (await running.invoke("stubborn", b"{}", session=TWO)).status_code


@pytest.mark.behaviour("RT-STOP-SEMANTICS")
async def test_stop_is_of_one_session_and_its_id_begins_anew_with_the_next_request(running):
    one, two = await about(running, ONE), await about(running, TWO)
    for _ in range(2):  # the second time it runs no more
        answer = await running.stop("plain", ONE)
        assert (200, ONE) == (answer.status_code, answer.headers[RUNTIME_SESSION_ID])
    assert two["pid"] == (await about(running, TWO))["pid"]
    again = await about(running, ONE)
    assert (True, 1) == (again["pid"] != one["pid"], again["calls"])
    assert ["stopped"] == [item["reason"] for item in running.plane.sessions.ended]


# --- limits a second


@pytest.mark.behaviour("RT-THROTTLE")
async def test_too_many_requests_a_second_are_a_429(tmp_path):
    async with runtime_plane(tmp_path / "state", requests=2) as running:
        running.resources.put(record("plain"))
        statuses = [(await running.invoke("plain", b"{}", session=ONE)).status_code for _ in range(3)]
        assert [200, 200, 429] == statuses
        refused = await running.invoke("plain", b"{}", session=ONE)
        assert "ThrottlingException" == refused.headers["x-amzn-errortype"]
        running.clock.advance(1)
        assert 200 == (await running.invoke("plain", b"{}", session=ONE)).status_code


@pytest.mark.behaviour("RT-THROTTLE")
async def test_too_many_new_sessions_a_second_are_a_429_and_live_ones_go_on(tmp_path):
    async with runtime_plane(tmp_path / "state", new_sessions=1) as running:
        running.resources.put(record("plain"))
        assert 200 == (await running.invoke("plain", b"{}", session=ONE)).status_code
        assert 429 == (await running.invoke("plain", b"{}", session=TWO)).status_code
        assert 200 == (await running.invoke("plain", b"{}", session=ONE)).status_code
        running.clock.advance(1)
        assert 200 == (await running.invoke("plain", b"{}", session=TWO)).status_code


@pytest.mark.behaviour("RT-THROTTLE")
async def test_an_mcp_runtime_is_throttled_with_a_json_rpc_error(tmp_path):
    async with runtime_plane(tmp_path / "state", new_sessions=1) as running:
        running.resources.put(record("stateless", entry="server.py", protocol="MCP"))
        assert 200 == (await running.rpc("stateless", "ping")).status_code
        answer = await running.rpc("stateless", "ping")
        assert (200, -32003) == (answer.status_code, answer.json()["error"]["code"])


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 3), max_size=30))
def test_a_rate_allows_no_more_than_its_limit_and_one_seconds_worth(limit, waits):
    clock = FakeClock()
    tested = Rate(limit, "things", clock=clock)
    taken = 0
    for wait in [*waits, 0.0]:
        clock.advance(wait)
        while True:
            try:
                tested.take()
            except ServiceError:
                break
            taken += 1
            assert taken <= limit * sum(waits) + max(limit, 1) + 1e-6
    assert taken >= 1


def test_no_limit_counts_nothing():
    assert rate(0, "things", FakeClock()) is None
