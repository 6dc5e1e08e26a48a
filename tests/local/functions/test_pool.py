"""Environments: started ahead, ended when idle, replaced when code changes, gone when the stack goes."""

import asyncio
import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ServiceError
from skerry.local.functions import FunctionSettings, FunctionsSettings
from skerry.local.functions.environment import StaleError
from skerry.local.functions.function import Function
from skerry.local.functions.invocation import Invocation
from skerry.local.functions.pool import Pool
from tests.kit.function_monitor import KeptMonitor
from tests.kit.plane import ACCOUNT, REGION, RealClock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="awslambdaric is not there for Windows")

HANDLERS = Path(__file__).parent / "handlers"
PATIENCE = 30.0


class Keys:
    """Implements the part of `ports.Access` that environments use; knows which keys are still good."""

    def __init__(self) -> None:
        self.good: dict[str, tuple[str, str]] = {}

    def assume(self, role_arn: str, session_name: str) -> Credentials:
        key = f"ASIA{len(self.good)}{time.monotonic_ns()}"
        self.good[key] = (role_arn, session_name)
        return Credentials(key, "secret", "token")

    def revoke(self, credentials: Credentials) -> None:
        del self.good[credentials.access_key_id]


def make(
    state,
    handler="app.describe",
    *,
    keys=None,
    monitor=None,
    path=HANDLERS,
    python="",
    timeout=20.0,
    role="",
    **options,
):
    settings = FunctionSettings(path=path, handler=handler, python=python, timeout=timeout, role=role)
    plane = FunctionsSettings(
        state=state, endpoint="http://127.0.0.1:9", region=REGION, account=ACCOUNT, **options
    )
    function = Function(name="f", arn="arn:f", settings=settings, plane=plane)
    return Pool(function, access=keys or Keys(), clock=RealClock(), monitor=monitor)


async def run(pool, event=None, **options):
    invocation = Invocation(
        payload=json.dumps(event).encode(), arn="arn:f", timeout=pool.function.settings.timeout
    )
    outcome = await pool.invoke(invocation, **options)
    return json.loads(outcome.payload)


async def ended(environment):
    """Waits until the process of an environment has ended and everything of it is given back."""
    gone = asyncio.Event()
    before = environment.on_end

    def end():
        before()
        gone.set()

    environment.on_end = end
    if environment.running:
        await asyncio.wait_for(gone.wait(), PATIENCE)


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
async def test_a_retired_pool_lets_what_runs_come_to_its_end(tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    os.mkfifo(started)
    os.mkfifo(go)
    keys = Keys()
    pool = make(tmp_path, "app.waits", keys=keys, warm=0)
    running = asyncio.create_task(run(pool, {"started": str(started), "go": str(go)}))
    assert await asyncio.to_thread(started.read_text) == "x"
    retired = asyncio.create_task(pool.retire())
    await asyncio.to_thread(go.write_text, "")
    assert await running == "gone on"
    await retired
    assert (pool.environments, keys.good) == (frozenset(), {})


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
async def test_a_retired_pool_ends_what_rests_at_once(tmp_path):
    pool = make(tmp_path, warm=0)
    await run(pool)
    (resting,) = pool.environments
    pool.hold()
    retired = asyncio.create_task(pool.retire())
    await ended(resting)
    assert not retired.done()
    pool.release()
    await retired


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
async def test_a_retired_pool_waits_for_who_holds_it(tmp_path):
    pool = make(tmp_path, warm=0)
    pool.hold()
    await run(pool)
    retired = asyncio.create_task(pool.retire())
    assert (await run(pool))["pid"]
    assert not retired.done()
    pool.release()
    await retired
    assert pool.environments == frozenset()


@pytest.mark.behaviour("FN-WARM")
async def test_one_environment_is_started_ahead(tmp_path):
    pool = make(tmp_path, warm=1)
    pool.start()
    await asyncio.sleep(0)  # lets the start begin on this event loop; no time passes
    [environment] = pool.environments
    await asyncio.wait_for(environment.ready.wait(), PATIENCE)
    assert (await run(pool))["pid"] == environment.pid
    await pool.close()


@pytest.mark.behaviour("FN-IDLE")
async def test_an_idle_environment_ends_and_gives_everything_back(tmp_path):
    keys = Keys()
    pool = make(tmp_path, warm=0, idle=0.05, keys=keys, role="arn:aws:iam::123456789012:role/own")
    await run(pool)
    [environment] = pool.environments
    assert list(keys.good.values()) == [("arn:aws:iam::123456789012:role/own", "f")]
    await ended(environment)
    assert pool.environments == frozenset()
    assert keys.good == {}
    assert list((tmp_path / "functions").iterdir()) == []
    await pool.close()


async def test_closing_ends_a_handler_in_the_middle(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    keys = Keys()
    pool = make(tmp_path, "app.hangs", warm=0, keys=keys)
    busy = asyncio.create_task(run(pool, {"fifo": str(fifo)}))
    with await asyncio.to_thread(fifo.open, "rb") as reader:
        assert await asyncio.to_thread(reader.read, 4) == b"here"
        await pool.close()
        assert (
            await asyncio.wait_for(asyncio.to_thread(reader.read), PATIENCE) == b""
        )  # handler and child are gone
    assert (await busy)["errorType"] == "Runtime.ExitError"
    assert keys.good == {}


@pytest.mark.behaviour("FN-DIES-WITH-STACK")
def test_a_stack_that_is_killed_takes_its_handlers_with_it(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    program = Path(__file__).parent / "stack_program.py"
    stack = subprocess.Popen([sys.executable, str(program), str(tmp_path), str(fifo)], start_new_session=True)
    try:
        with fifo.open("rb") as reader:
            assert reader.read(4) == b"here"
            stack.kill()
            assert reader.read() == b""  # ends only when the handler and its child have ended
    finally:
        stack.kill()
        stack.wait(PATIENCE)


@pytest.mark.behaviour("FN-RELOAD")
async def test_changed_code_is_loaded_anew(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def handler(event, context):\n    return 'old'\n")
    pool = make(tmp_path, "mine.handler", path=tmp_path, warm=0)
    assert await run(pool) == "old"
    file.write_text("def handler(event, context):\n    return 'new!'\n")
    later = time.time() + 5
    os.utime(file, (later, later))
    assert await run(pool) == "new!"
    await pool.close()


async def test_code_that_was_broken_works_once_it_is_mended(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def handler(event, context)\n")
    pool = make(tmp_path, "mine.handler", path=tmp_path, warm=0)
    assert (await run(pool))["errorType"] == "Runtime.UserCodeSyntaxError"
    file.write_text("def handler(event, context):\n    return 'good'\n")
    assert await run(pool) == "good"
    await pool.close()


async def test_an_environment_that_died_at_rest_gets_no_event(tmp_path):
    pool = make(tmp_path, warm=0)
    first = await run(pool, settle=True)
    [environment] = pool.environments
    gone = asyncio.create_task(ended(environment))
    await asyncio.sleep(0)  # lets `ended` begin to watch; no time passes
    os.kill(first["pid"], 9)
    await gone
    with pytest.raises(StaleError):
        await environment.invoke(Invocation(payload=b"{}", arn="arn:f", timeout=5))
    assert (await run(pool))["pid"] != first["pid"]
    await pool.close()


@pytest.mark.behaviour("LL-METRICS")
async def test_an_invocation_too_many_is_told_as_a_throttle(tmp_path):
    monitor = KeptMonitor()
    pool = make(tmp_path, monitor=monitor, warm=0, concurrency=0)
    with pytest.raises(ServiceError, match="Rate Exceeded"):
        await run(pool)
    assert ([invoked.function for invoked in monitor.refused], monitor.runs) == (["f"], [])
    await pool.close()


@pytest.mark.behaviour("LL-ENDED")
async def test_the_log_of_a_handler_that_took_too_long(tmp_path):
    monitor = KeptMonitor()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    pool = make(tmp_path, "app.hangs", monitor=monitor, warm=0, timeout=0.5)
    await run(pool, {"fifo": str(fifo)})
    os.close(reader)
    *_, told, end, report = monitor.lines
    assert told.endswith("Task timed out after 0.50 seconds")
    assert end.startswith("END RequestId: ")
    assert report.endswith("\tStatus: timeout")
    assert ("Max Memory Used: " in report) is (sys.platform == "linux")
    assert monitor.open == 0
    await pool.close()


@pytest.mark.behaviour("LL-ENDED")
async def test_the_log_of_a_module_that_cannot_be_loaded(tmp_path):
    monitor = KeptMonitor()
    pool = make(tmp_path, "nowhere.handler", monitor=monitor, warm=0)
    await run(pool)
    told, start, end, report = monitor.lines[-4:]
    assert "Runtime.ImportModuleError" in told
    assert [line.split()[0] for line in (start, end, report)] == ["START", "END", "REPORT"]
    ((_, _, _, failed),) = monitor.runs
    assert failed
    await pool.close()


@pytest.mark.behaviour("LL-STREAM")
async def test_a_handler_is_told_the_stream_that_has_its_lines(tmp_path):
    monitor = KeptMonitor()
    pool = make(tmp_path, monitor=monitor, warm=0)
    value = await run(pool)
    assert monitor.place == (REGION, *value["log"])
    await pool.close()


@pytest.mark.behaviour("FN-INIT-TIMEOUT")
async def test_a_module_that_is_never_ready(tmp_path):
    pool = make(tmp_path, "slow_start.handler", warm=0, init=0.5)
    value = await run(pool)
    assert value["errorType"] == "Sandbox.Timedout"
    assert "Initialization timed out after 0.50 seconds" in value["errorMessage"]
    assert pool.environments == frozenset()
    await pool.close()


@pytest.mark.behaviour("LL-METRICS")
async def test_events_wait_for_their_turn_and_the_queue_is_bounded(tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    for fifo in (started, go):
        os.mkfifo(fifo)
    monitor = KeptMonitor()
    pool = make(tmp_path, "app.waits", monitor=monitor, warm=0, environments=1, queue=2)
    event = json.dumps({"started": str(started), "go": str(go)}).encode()
    done: asyncio.Queue = asyncio.Queue()
    for _ in range(2):
        pool.enqueue(Invocation(payload=event, arn="a", timeout=20), done.put_nowait)
    with pytest.raises(ServiceError) as caught:
        pool.enqueue(Invocation(payload=event, arn="a", timeout=20), done.put_nowait)
    assert caught.value.name == "TooManyRequestsException"
    assert [invoked.function for invoked in monitor.refused] == ["f"]
    for _ in range(2):
        assert await asyncio.to_thread(started.read_text) == "x"
        assert done.empty()
        await asyncio.to_thread(go.write_text, "")
        assert (await asyncio.wait_for(done.get(), PATIENCE)).payload == b'"gone on"'
    await pool.close()


@pytest.mark.behaviour("FN-ENVIRONMENTS")
async def test_invocations_wait_for_an_environment(tmp_path):
    pool = make(tmp_path, warm=0, environments=2)
    answers = await asyncio.gather(*(run(pool) for _ in range(8)))
    assert 1 <= len({answer["pid"] for answer in answers}) <= 2
    assert len(pool.environments) <= 2
    await pool.close()


@pytest.mark.behaviour("FN-NO-RUNTIME")
async def test_an_interpreter_without_the_runtime_client_says_what_to_install(tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / "bin" / "python")
    pool = make(
        tmp_path, "app.echo", path=tmp_path, warm=0, python="bare/bin/python"
    )  # relative to the folder
    with pytest.raises(ServiceError) as caught:
        await run(pool)
    assert caught.value.name == "InvalidRuntimeException"
    assert f"{python} -m pip install awslambdaric" in str(caught.value)
    await pool.close()


async def test_a_state_directory_that_cannot_be_used(tmp_path):
    taken = tmp_path / "file"
    taken.write_text("")
    keys = Keys()
    pool = make(taken, "app.echo", warm=0, keys=keys)
    with pytest.raises(ServiceError) as caught:
        await run(pool)
    assert (caught.value.name, caught.value.status) == ("ServiceException", 500)
    assert str(taken / "functions") in str(caught.value)
    assert keys.good == {}
    await pool.close()


async def test_closing_while_an_environment_starts_leaves_nothing(tmp_path):
    keys = Keys()
    pool = make(tmp_path, "app.echo", warm=2, keys=keys)
    pool.start()
    await asyncio.sleep(0)  # lets the starts begin on this event loop; no time passes
    assert len(pool.environments) == 2
    await pool.close()
    assert pool.environments == frozenset()
    assert keys.good == {}
    assert list((tmp_path / "functions").iterdir()) == []


async def test_an_interpreter_that_is_not_there(tmp_path):
    pool = make(tmp_path, warm=0, python=str(tmp_path / "nothing"))
    with pytest.raises(ServiceError) as caught:
        await run(pool)
    assert caught.value.name == "InvalidRuntimeException"
    assert pool.environments == frozenset()
    await pool.close()


async def test_another_interpreter_runs_the_handler(tmp_path):
    pool = make(tmp_path, warm=0, python=sys.executable)
    found = (await run(pool))["environment"]
    assert "AWS_EXECUTION_ENV" not in found  # what that interpreter is, is not known
    await pool.close()
