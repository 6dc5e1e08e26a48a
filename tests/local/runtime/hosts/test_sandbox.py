"""Hostile programs: what one session can do to another, to the stack and to its user, with and without sandbox."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from skerry.local.runtime.hosts import sandbox
from tests.kit.processes import ended, is_running
from tests.kit.runtime_plane import PROGRAMS, record, runtime_plane

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28
TRY = ["unshare", "-Urmpif", "--mount-proc", "true"]


def may_separate():
    """Whether this system lets a user make the namespaces of a sandbox."""
    return sys.platform == "linux" and subprocess.run(TRY, capture_output=True, check=False).returncode == 0


separating = pytest.mark.skipif(not may_separate(), reason="this system does not let users make namespaces")


@pytest.fixture(params=["fork", "pool"])
async def running(tmp_path, request):
    secret = tmp_path / "state" / "credentials.json"
    secret.parent.mkdir()
    secret.write_text("the key of the stack")
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("the key of the user")
    async with runtime_plane(
        tmp_path / "state" / "runtime",
        mode=request.param,
        sandbox="namespaces",
        hidden=(tmp_path / "state", home),
        processes=64,
    ) as running:
        running.resources.put(record("hostile"))
        yield running


async def run(running, expression, session=ONE, name="hostile"):
    answer = await running.invoke(name, {"run": expression}, session=session)
    assert 200 == answer.status_code, answer.text
    found = answer.json()
    return found["value"] if "value" in found else found["error"]


@separating
@pytest.mark.behaviour("RT-SANDBOX-FILES")
async def test_keys_and_other_sessions_files_are_not_there(running, tmp_path):
    await run(running, "open(os.environ['HOME'] + '/secret', 'w').write('of one')", session=ONE)
    home = await run(running, "os.environ['HOME']", session=ONE)
    for path in (
        tmp_path / "state" / "credentials.json",
        tmp_path / "home" / ".aws" / "credentials",
        f"{home}/secret",
    ):
        assert Path(path).exists()
        assert "FileNotFoundError" == await run(running, f"open({str(path)!r}).read()", session=TWO)
    found = await run(running, f"sum(1 for _ in os.walk({str(tmp_path)!r}))", session=TWO)
    assert 8 > found  # the folders on the way to its own


@separating
@pytest.mark.behaviour("RT-SANDBOX-FILES")
async def test_nothing_can_be_written_but_the_sessions_own_folders(running, tmp_path):
    for path in (
        str(PROGRAMS / "hostile" / "main.py"),
        "/etc/passwd",
        sys.executable,
        "/usr/x",
    ):
        assert await run(running, f"open({path!r}, 'a')") in (
            "OSError",
            "PermissionError",
            "FileNotFoundError",
        )
    for name in ("HOME", "TMPDIR"):
        assert 1 == await run(running, f"open(os.environ[{name!r}] + '/x', 'w').write('x')")
    assert 1 == await run(running, "open('/tmp/of-one-session', 'w').write('x')")
    assert not Path("/tmp/of-one-session").exists()
    assert "FileNotFoundError" == await run(running, "open('/tmp/of-one-session')", session=TWO)


@separating
@pytest.mark.behaviour("RT-SANDBOX-PROCESSES")
async def test_other_processes_are_not_seen_signalled_or_traced(running):
    await run(running, "os.getpid()", session=ONE)
    (victim,) = running.plane.sessions.listing()
    seen = await run(running, "[name for name in os.listdir('/proc') if name.isdigit()]", session=TWO)
    assert str(victim["pid"]) not in seen
    assert len(seen) <= 3
    for pid in (victim["pid"], os.getpid()):
        assert "ProcessLookupError" == await run(running, f"os.kill({pid}, 9)", session=TWO)
        assert "FileNotFoundError" == await run(running, f"open('/proc/{pid}/environ').read()", session=TWO)
    await run(running, "os.kill(-1, 9)", session=TWO)
    assert is_running(victim["pid"])
    assert 2 == await run(running, "os.getpid()", session=ONE)


@separating
@pytest.mark.behaviour("RT-SANDBOX-PRIVILEGES")
async def test_there_is_no_capability_and_no_way_out(running, tmp_path):
    status = await run(running, "open('/proc/self/status').read()")
    caps = {line.split()[1] for line in status.splitlines() if line.startswith("Cap")}
    assert {"0" * 16} == caps
    assert "NoNewPrivs:\t1" in status
    hidden = str(tmp_path / "state")
    umount = f"__import__('ctypes').CDLL(None).umount2({hidden!r}.encode(), 2)"
    assert -1 == await run(running, umount)
    again = "subprocess.run(['unshare', '-Urm', 'sh', '-c', {!r}], capture_output=True).returncode"
    assert 0 != await run(running, again.format(f"umount {hidden} && cat {hidden}/credentials.json"))


@separating
@pytest.mark.behaviour("RT-SANDBOX-ENDS")
async def test_everything_ends_with_the_session(running):
    running.resources.put(record("plain"))
    await running.invoke("plain", {"do": "children"}, session=ONE)
    (shown,) = running.plane.sessions.listing()
    below = descendants(shown["pid"])
    assert len(below) >= 5  # process 1, the program, and its three children
    await running.stop("plain", ONE)
    assert all([await ended(pid) for pid in [shown["pid"], *below]])


@separating
@pytest.mark.behaviour("RT-SANDBOX-ENDS")
async def test_a_program_that_ends_is_noticed_and_the_next_request_begins_anew(running):
    running.resources.put(record("plain"))
    answer = await running.invoke("plain", {"do": "exit", "code": 7}, session=ONE)
    assert 424 == answer.status_code
    assert 200 == (await running.invoke("plain", b"{}", session=ONE)).status_code


@separating
@pytest.mark.behaviour("RT-SANDBOX-ENDS")
@pytest.mark.parametrize("mode", ["fork", "pool"])
async def test_a_killed_stack_leaves_nothing_of_a_sandbox(tmp_path, mode):
    script = f"""
        import asyncio, os
        from pathlib import Path
        from tests.kit.runtime_plane import record, runtime_plane
        from tests.local.runtime.hosts.test_sandbox import descendants

        async def main():
            state = Path({str(tmp_path)!r}) / "state"
            async with runtime_plane(state, sandbox="namespaces", mode={mode!r}) as running:
                running.resources.put(record("plain"))
                await running.invoke("plain", {{"do": "children"}}, session="s" * 33)
                (shown,) = running.plane.sessions.listing()
                print(shown["pid"], *descendants(shown["pid"]), flush=True)
                os.kill(os.getpid(), 9)

        asyncio.run(main())
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAMS.parents[3])}
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    done = await asyncio.to_thread(
        subprocess.run, argv, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    pids = [int(word) for word in done.stdout.split()]
    assert (6, -9) == (len(pids), done.returncode), done.stderr
    assert all([await ended(pid) for pid in pids])


@separating
@pytest.mark.behaviour("RT-SANDBOX-LIMIT")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs a Python that any user may run")
def test_a_fork_bomb_hits_the_limit_of_its_session():
    """Without the plane, because root, as which tests may run, is not bound by RLIMIT_NPROC."""
    bomb = """
        import subprocess
        started = []
        try:
            while len(started) < 200:
                started.append(subprocess.Popen(["sleep", "60"]))
        except BlockingIOError:
            print("stopped at", len(started))
    """
    order = {"hide": [], "write": [], "processes": 20, "variable": "X"}
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    done = isolated(order, textwrap.dedent(bomb), python="/usr/bin/python3", **user)
    assert "stopped at 17" == done.stdout.strip(), done.stderr  # three Pythons are processes too


@pytest.mark.behaviour("RT-SANDBOX-CLOSED")
def test_where_there_can_be_no_sandbox_no_program_runs(tmp_path):
    """The folder to show is gone, so that the sandbox cannot be made."""
    missing = {"/mnt/x": str(tmp_path / "missing")}
    order = {"hide": [], "write": [], "processes": 9, "mounts": missing, "variable": "X"}
    done = isolated(order, "print('ran')")
    assert (1, "") == (done.returncode, done.stdout)
    assert "cannot be put into a sandbox here" in done.stderr


@pytest.mark.behaviour("RT-SANDBOX-CLOSED")
@pytest.mark.skipif(sys.platform != "linux", reason="namespaces need Linux")
def test_a_library_that_has_started_threads_is_named_as_the_reason():
    order = {"hide": [], "write": [], "processes": 9, "variable": "X"}
    before = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    done = isolated(order, "print('ran')", before=before)
    assert (1, "") == (done.returncode, done.stdout)
    assert "what it imports has started 1 threads already" in done.stderr


@pytest.mark.behaviour("RT-STORAGE-FALLBACK")
def test_without_mounts_storage_is_where_the_variable_says_and_the_program_is_told(tmp_path):
    """The kernel refuses a mount whose folder is missing, as it does where users may make none."""
    missing = {"/mnt/x": str(tmp_path / "missing")}
    done = isolated({"mounts": missing, "variable": "X"}, "import os; print(os.environ['X'])")
    assert str(tmp_path / "missing") == done.stdout.strip()
    assert "session storage is in $X, not at /mnt/x" in done.stderr


@pytest.mark.behaviour("RT-MEMORY-LIMIT")
async def test_memory_past_the_limit_of_a_session_is_refused_by_the_system(tmp_path):
    limits = {"RLIMIT_DATA": 256 << 20}
    async with runtime_plane(tmp_path / "state", limits=limits) as running:
        running.resources.put(record("hostile"))
        assert "MemoryError" == await run(running, "len(bytearray(512 << 20))")
        assert 1 << 20 == await run(running, "len(bytearray(1 << 20))")


def isolated(order, then, *, python=sys.executable, before="", **user):
    """Runs a script in a process that the bootstrap isolated as a session's."""
    folder = str(Path(sandbox.__file__).parent)
    script = f"import sys; sys.path.insert(0, {folder!r}); import sandbox\n{before}"
    script += f"sandbox.isolate({{'entry': '/usr/x', 'cwd': '/usr'}}, {order!r})\n{then}"
    argv = [python, "-c", script]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd="/", **user)


def descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found
