"""The life of a session: begun, busy, idle, stopped, too old, deleted."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from skerry.local.runtime.settings import Unknowns
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.runtime_plane import record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28
INIT = "Runtime initialization time exceeded. Please make sure that initialization completes in {}s."


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("plain"))
        yield running


async def about(running, session=ONE, name="plain"):
    answer = await running.invoke(name, {"do": "about"}, session=session)
    assert 200 == answer.status_code, answer.text
    return answer.json()


# --- beginning


@pytest.mark.behaviour("RT-409")
async def test_a_second_request_while_a_session_begins_is_a_409(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("gate", environmentVariables={"GATE": str(gate)}))
        first = asyncio.create_task(running.invoke("gate", b"{}", session=ONE))
        begun = await asyncio.to_thread(gate.open, "w")  # returns when the program waits at the gate
        second = await running.invoke("gate", b"{}", session=ONE)
        begun.close()
        assert (409, "RetryableConflictException", "Session operation in progress, please retry") == (
            second.status_code,
            second.headers["x-amzn-errortype"],
            second.json()["message"],
        )
        assert 200 == (await first).status_code


async def test_a_second_request_can_wait_instead(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with runtime_plane(tmp_path / "state", unknowns=Unknowns(wait_for_start=True)) as running:
        running.resources.put(record("gate", environmentVariables={"GATE": str(gate)}))
        first = asyncio.create_task(running.invoke("gate", b"{}", session=ONE))
        begun = await asyncio.to_thread(gate.open, "w")
        second = asyncio.create_task(running.invoke("gate", b"{}", session=ONE))
        begun.close()
        assert [200, 200] == [(await first).status_code, (await second).status_code]


async def test_a_client_that_leaves_does_not_stop_a_session_from_beginning(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with runtime_plane(tmp_path / "state", unknowns=Unknowns(wait_for_start=True)) as running:
        running.resources.put(record("gate", environmentVariables={"GATE": str(gate)}))
        first = asyncio.create_task(running.invoke("gate", b"{}", session=ONE))
        begun = await asyncio.to_thread(gate.open, "w")
        first.cancel()
        second = asyncio.create_task(running.invoke("gate", b"{}", session=ONE))
        begun.close()
        assert 200 == (await second).status_code


@pytest.mark.behaviour("RT-INIT-CRASH")
async def test_a_crash_at_import_is_told_at_once_with_its_last_line(running):
    running.resources.put(record("crash"))
    answer = await running.invoke("crash", b"{}", session=ONE)
    assert (424, "RuntimeClientError") == (answer.status_code, answer.headers["x-amzn-errortype"])
    message = answer.json()["message"]
    assert message.startswith(INIT.format(30))
    assert "No module named 'a_package_that_nobody_has'" in message
    assert "Traceback" not in message


@pytest.mark.behaviour("RT-INIT-TIMEOUT")
async def test_a_program_that_never_listens_is_given_up(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("silent", environmentVariables={"GATE": str(gate)}))
        invoked = asyncio.create_task(running.invoke("silent", b"{}", session=ONE))
        await asyncio.to_thread(gate.read_text)  # returns when the program has said its line
        running.clock.advance(29)
        await running.plane.sessions.sweep()
        assert not invoked.done()
        running.clock.advance(1)
        await running.plane.sessions.sweep()
        answer = await invoked
        assert 424 == answer.status_code
        assert answer.json()["message"].startswith(INIT.format(30))
        assert "waiting for something that does not come" in answer.json()["message"]
        assert [] == list(running.plane.sessions._sessions)


@pytest.mark.behaviour("RT-HEALTH")
async def test_a_program_that_listens_but_is_not_well_is_given_up_in_time(running, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    running.resources.put(record("unhealthy", environmentVariables={"GATE": str(gate)}))
    invoked = asyncio.create_task(running.invoke("unhealthy", b"{}", session=ONE))
    asked = await asyncio.to_thread(gate.open, "w")  # returns when the program is asked for its health
    running.clock.advance(30)
    await running.plane.sessions.sweep()
    answer = await invoked
    asked.close()
    assert 424 == answer.status_code
    assert answer.json()["message"].startswith("Runtime health check failed or timed out.")


@pytest.mark.behaviour("RT-HEALTH-WAIT")
async def test_a_program_that_becomes_well_in_time_is_waited_for(running):
    running.resources.put(record("unhealthy", environmentVariables={"UNWELL": "2"}))
    answer = await running.invoke("unhealthy", b"{}", session=ONE)
    assert (200, "3") == (answer.status_code, answer.text)


@pytest.mark.behaviour("RT-HEALTH-REFUSED")
@pytest.mark.parametrize(("status", "hint"), [(404, "serverProtocol MCP"), (403, "carries no token")])
async def test_a_program_that_refuses_the_health_check_is_told_at_once_with_the_likely_mistake(
    running, status, hint
):
    running.resources.put(record("unhealthy", environmentVariables={"STATUS": str(status)}))
    answer = await running.invoke("unhealthy", b"{}", session=ONE)
    assert 424 == answer.status_code
    assert answer.json()["message"].startswith("Runtime health check failed or timed out.")
    assert hint in answer.json()["message"]


def hook(**action):
    return {"build": {"warmup": {"action": {"httpPost": action}}}}


@pytest.mark.behaviour("RT-HOOK-WARMUP")
async def test_a_warm_up_hook_is_called_before_the_first_request(running):
    running.resources.put(record("hostile", hooksConfiguration=hook(path="/warm", port=8080)))
    answer = await running.invoke("hostile", {"run": "ASKED"}, session=ONE)
    assert ["/warm", "/invocations"] == answer.json()["value"]


@pytest.mark.behaviour("RT-HOOK-WARMUP")
async def test_a_warm_up_hook_that_fails_is_told(running):
    running.resources.put(record("hostile", hooksConfiguration=hook(path="/not-warm")))
    answer = await running.invoke("hostile", b"{}", session=ONE)
    assert 424 == answer.status_code
    assert "The warm-up hook POST /not-warm answers 503" in answer.json()["message"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"path": "/nowhere/at/all"}, "neither a folder nor a zip"),
        ({"entry": "missing.py"}, "is not in the code"),
        ({"entry": "../echo/main.py"}, "is outside the code"),
        ({"environmentVariables": {"SKERRY_PYTHON": "/nowhere/python"}}, "cannot be started"),
        ({"agentRuntimeArtifact": {"containerConfiguration": {"containerUri": "x"}}}, "container engine"),
    ],
)
async def test_what_cannot_run_says_why(running, members, said):
    running.resources.put(record("plain", name="broken", **members))
    answer = await running.invoke("broken", b"{}", session=ONE)
    assert 424 == answer.status_code
    assert said in answer.json()["message"]


@pytest.mark.behaviour("RT-AGUI")
async def test_agui_is_http_with_its_own_errors(running):
    running.resources.put(record("plain", name="events", protocol="AGUI"))
    assert b"hello" == (await running.invoke("events", b"hello", session=ONE)).content
    answer = await running.invoke("events", {"do": "answer", "status": 500}, session=ONE)
    assert (200, "text/event-stream") == (answer.status_code, answer.headers["content-type"])
    event = json.loads(answer.text.removeprefix("data: "))
    assert ("RUN_ERROR", "AGENT_ERROR") == (event["type"], event["code"])


# --- limits


@pytest.mark.behaviour("RT-QUOTA")
async def test_more_sessions_than_allowed_are_refused(tmp_path):
    async with runtime_plane(tmp_path / "state", sessions=2) as running:
        running.resources.put(record("plain"))
        await about(running, ONE)
        await about(running, TWO)
        answer = await running.invoke("plain", b"{}", session="session-three-" + "3" * 28)
        assert (402, "ServiceQuotaExceededException") == (
            answer.status_code,
            answer.headers["x-amzn-errortype"],
        )
        assert "maxVms" in answer.json()["message"]


async def test_a_session_that_nobody_named_makes_room(tmp_path):
    async with runtime_plane(tmp_path / "state", sessions=2) as running:
        running.resources.put(record("plain"))
        await about(running, ONE)
        for _ in range(3):
            assert 200 == (await running.invoke("plain", b"{}")).status_code
        assert 2 == (await about(running, ONE))["calls"]


# --- idle, busy, old


@pytest.mark.behaviour("RT-IDLE")
async def test_an_idle_session_ends_and_its_id_begins_anew(running):
    first = await about(running)
    running.clock.advance(899)
    await running.plane.sessions.sweep()
    assert first["pid"] == (await about(running))["pid"]
    running.clock.advance(900)
    await running.plane.sessions.sweep()
    again = await about(running)
    assert (1, True) == (again["calls"], again["pid"] != first["pid"])
    assert not Path(first["environment"]["HOME"]).exists()


@pytest.mark.behaviour("RT-LIFETIME")
async def test_a_session_ends_at_its_maximum_age_however_busy(running):
    first = await about(running)
    for _ in range(36):
        running.clock.advance(800)
        await running.plane.sessions.sweep()
        latest = await about(running)
    assert first["pid"] != latest["pid"]


@pytest.mark.behaviour("RT-BUSY")
async def test_a_busy_session_outlives_its_idle_time(running):
    first = await about(running)
    busy = {"do": "ping", "ping": {"body": {"status": "HealthyBusy"}}}
    await running.invoke("plain", busy, session=ONE)
    for _ in range(3):
        running.clock.advance(2000)
        await running.plane.sessions.sweep()
    assert first["pid"] == (await about(running))["pid"]


async def test_busy_without_a_time_can_be_ignored(tmp_path):
    async with runtime_plane(tmp_path / "state", unknowns=Unknowns(busy_needs_time=True)) as running:
        running.resources.put(record("plain"))
        await running.invoke(
            "plain", {"do": "ping", "ping": {"body": {"status": "HealthyBusy"}}}, session=ONE
        )
        running.clock.advance(900)
        await running.plane.sessions.sweep()
        assert 1 == (await about(running))["calls"]


@pytest.mark.behaviour("RT-PING-TIME")
async def test_the_programs_own_time_counts_and_an_ever_newer_one_is_warned_of(running, caplog):
    first = await about(running)
    for _ in range(5):
        running.clock.advance(1000)
        body = {"status": "Healthy", "time_of_last_update": int(running.clock.time())}
        session = next(iter(running.plane.sessions._sessions.values()))
        # The program moves its time by itself, without being invoked.
        await running.http.post(f"{session.base}/x", json={"do": "ping", "ping": {"body": body}})
        await running.plane.sessions.sweep()
    assert first["pid"] == (await about(running))["pid"]
    assert 1 == sum("never idle" in entry.getMessage() for entry in caplog.records)


async def test_a_session_past_its_idle_time_that_is_not_well_ends(running):
    await running.invoke("plain", {"do": "ping", "ping": {"status": 503}}, session=ONE)
    running.clock.advance(900)
    await running.plane.sessions.sweep()
    assert [] == list(running.plane.sessions._sessions)


async def test_a_request_in_flight_is_no_idle_time(running, tmp_path):
    url = running.url_of("plain")
    body = json.dumps({"do": "hang", "file": str(tmp_path / "closed")}).encode()
    headers = running.signed("POST", url, {RUNTIME_SESSION_ID: ONE}, body)
    async with running.http.stream("POST", url, content=body, headers=headers) as answer:
        await anext(answer.aiter_raw())
        running.clock.advance(10_000)
        await running.plane.sessions.sweep()
        assert 1 == len(running.plane.sessions._sessions)


# --- stop, update, delete


@pytest.mark.behaviour("RT-STOP")
async def test_stop_ends_the_session_and_gives_its_id_back(running):
    first = await about(running)
    answer = await running.stop("plain", ONE)
    assert (200, ONE) == (answer.status_code, answer.headers[RUNTIME_SESSION_ID])
    assert first["pid"] != (await about(running))["pid"]
    assert "StopRuntimeSession" in [hop.operation for hop in running.recorder.hops]


async def test_stopping_what_does_not_run_is_no_error(running):
    assert 200 == (await running.stop("plain", TWO)).status_code


@pytest.mark.behaviour("RT-STOP")
async def test_stop_needs_a_session_id(running):
    answer = await running.stop("plain", "")
    assert (400, "ValidationException") == (answer.status_code, answer.headers["x-amzn-errortype"])


@pytest.mark.behaviour("RT-VERSION")
async def test_a_session_keeps_its_version_and_a_new_one_gets_the_new(running):
    running.resources.put(record("plain", environmentVariables={"V": "1"}), tell=True)
    assert "1" == (await about(running, ONE))["environment"]["V"]
    second = record("plain", agentRuntimeVersion="2", environmentVariables={"V": "2"})
    running.resources.put(second, tell=True)
    assert ["1", "2"] == [(await about(running, name))["environment"]["V"] for name in (ONE, TWO)]
    versions = [hop.detail["version"] for hop in running.recorder.hops]
    assert ["1", "1", "2"] == versions
    await running.stop("plain", ONE)
    assert "2" == (await about(running, ONE))["environment"]["V"]


async def test_an_endpoint_serves_its_own_version(running):
    running.resources.put(record("plain", environmentVariables={"V": "1"}), qualifier="prod")
    running.resources.put(record("plain", agentRuntimeVersion="2", environmentVariables={"V": "2"}))
    answers = [
        await running.invoke("plain", {"do": "about"}, session=ONE, qualifier=name)
        for name in ("prod", "DEFAULT")
    ]
    assert ["1", "2"] == [answer.json()["environment"]["V"] for answer in answers]


@pytest.mark.behaviour("RT-DELETE")
async def test_deleting_a_runtime_ends_its_sessions(running):
    item = running.resources.put(record("plain"), tell=True)
    await about(running)
    ended = next(iter(running.plane.sessions._sessions.values())).process.ended
    running.resources.delete(item)
    await asyncio.shield(ended)
    assert 404 == (await running.invoke("plain", b"{}", session=ONE)).status_code


# --- isolation


@pytest.mark.behaviour("RT-ISOLATION")
async def test_a_session_has_its_own_home_key_and_nothing_of_ours(running, monkeypatch):
    monkeypatch.setenv("A_SECRET_OF_THE_STACK", "x")
    running.resources.put(record("plain", environmentVariables={"MINE": "1", "DOCKER_CONTAINER": "1"}))
    one, two = await about(running, ONE), await about(running, TWO)
    seen = one["environment"]
    assert "1" == seen["MINE"]
    assert not {"A_SECRET_OF_THE_STACK", "DOCKER_CONTAINER", "SKERRY_PYTHON"} & set(seen)
    for name in ("HOME", "TMPDIR", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert seen[name] != two["environment"][name]
    assert 0o700 == Path(seen["HOME"]).stat().st_mode & 0o777
    assert seen["TMPDIR"] == one["temporary"]
    assert one["random"] != two["random"]
    assert one["group"] == one["pid"]
    assert (running.url, "us-east-1", "us-east-1") == tuple(
        seen[name] for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION")
    )


@pytest.mark.behaviour("RT-CREDENTIALS")
async def test_a_sessions_key_is_its_own_and_ends_with_it(running):
    from skerry.auth.aws.sigv4 import Credentials, sign

    seen = (await about(running))["environment"]
    own = Credentials(seen["AWS_ACCESS_KEY_ID"], seen["AWS_SECRET_ACCESS_KEY"], seen["AWS_SESSION_TOKEN"])
    url = running.url_of("plain")

    async def call():
        headers = {RUNTIME_SESSION_ID: TWO}
        place = {"region": "us-east-1", "service": "bedrock-agentcore", "now": running.clock.time()}
        headers |= sign("POST", url, headers, b"{}", credentials=own, **place)
        return await running.http.post(url, content=b"{}", headers=headers)

    assert 200 == (await call()).status_code
    assert f"arn:aws:sts::123456789012:assumed-role/plain-role/{ONE}" == running.recorder.hops[-1].identity
    await running.stop("plain", ONE)
    assert 403 == (await call()).status_code


async def test_the_program_runs_as_python_would_run_it(running):
    seen = await about(running)
    folder = Path(__file__).parents[1] / "programs" / "plain"
    assert ("__main__", str(folder), str(folder)) == (seen["name"], seen["path"], seen["cwd"])
    assert [str(folder / "main.py")] == seen["argv"]
    assert sys.executable == seen["interpreter"]
    assert not [name for name in seen["modules"] if name.startswith("skerry")]


async def test_what_a_killed_stack_left_is_removed(tmp_path):
    left = tmp_path / "state" / "sessions" / "old" / "home"
    left.mkdir(parents=True)
    async with runtime_plane(tmp_path / "state"):
        assert not left.exists()
