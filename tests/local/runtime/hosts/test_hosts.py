"""Where sessions come from: forks of a warm parent, or a pool; the contract port; what dies with what."""

import asyncio
import json
import os
import signal
import sys
import textwrap
import urllib.request
import venv
from pathlib import Path

import pytest

from skerry import processes
from skerry.errors import ProgramError
from skerry.local.runtime.hosts.hosts import open_host
from skerry.local.runtime.hosts.pool import PoolHost
from skerry.local.runtime.hosts.program import Program
from skerry.local.runtime.hosts.warm import ForkHost, WarmParent
from tests.kit.processes import ended, is_running
from tests.kit.runtime_plane import PROGRAMS, record, runtime_plane

BASE = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
forking = pytest.mark.skipif(sys.platform != "linux", reason="warm parents need Linux")
MODES = [pytest.param("fork", marks=forking), "pool"]


def program(name="plain", *, entry="main.py", folder=None, port=8080, python=sys.executable):
    folder = (folder or PROGRAMS / name).resolve()
    return Program(python=python, folder=folder, entry=folder / entry, port=port, environment=BASE)


@pytest.fixture(params=MODES)
async def host(request):
    made = open_host(program(), mode=request.param, size=1)
    yield made
    await made.close()


async def ask(address, do="about", **more):
    body = json.dumps({"do": do, **more}).encode()
    request = urllib.request.Request(f"{address.base}/invocations", body)
    return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=20).read()))


async def run(host, lines=None):
    started = await host.take((lines if lines is not None else []).append)
    return started, await started.run(BASE, {})


@pytest.mark.behaviour("RT-PORT")
async def test_many_sessions_bind_the_same_port_and_get_their_own(host):
    started = [await run(host) for _ in range(3)]
    addresses = {address for _, address in started}
    assert 3 == len(addresses)
    assert {"127.0.0.1"} == {address.host for address in addresses}
    assert 8080 not in {address.port for address in addresses}
    for process, address in started:
        assert process.pid == (await ask(address))["pid"]
        await process.stop(0)


@pytest.mark.behaviour("RT-KILL")
async def test_everything_a_session_started_ends_with_it(host):
    process, address = await run(host)
    children = await ask(address, "children")
    in_group = children[:1] if isinstance(host, PoolHost) else children
    assert all(map(is_running, children))
    await process.stop(0)
    try:
        assert all([await ended(pid) for pid in in_group])
    finally:
        for pid in set(children) - set(in_group):  # the pool is told from the fork by what it cannot do
            os.kill(pid, signal.SIGKILL)


@forking
@pytest.mark.behaviour("RT-KILL")
async def test_what_a_program_leaves_behind_when_it_ends_by_itself_ends_too():
    host = open_host(program(), mode="fork", size=1)
    process, address = await run(host)
    children = await ask(address, "children")
    with pytest.raises(OSError):
        await ask(address, "exit", code=7)
    assert 7 == await process.ended
    assert all([await ended(pid) for pid in children])
    await host.close()


async def test_output_is_read_line_by_line_and_its_last_lines_are_kept(host):
    lines = []
    process, address = await run(host, lines)
    await ask(address, "print", text="one\ntwo")
    await process.stop(0)
    assert ["one", "two"] == lines == list(process.output.lines)


async def test_a_program_that_ends_before_it_listens_is_told_with_its_last_line():
    for mode in ("fork", "pool"):
        host = open_host(program("crash"), mode=mode, size=0)
        process = await host.take(lambda _: None)
        with pytest.raises(ProgramError) as caught:
            await process.run(BASE, {})
        assert "ModuleNotFoundError: No module named 'a_package_that_nobody_has'" == caught.value.hint
        shown = "\n".join(process.output.lines)
        assert "bootstrap.py" not in shown
        assert "main.py" in shown
        await host.close()


@forking
@pytest.mark.behaviour("RT-WARM")
async def test_the_parent_imports_vendored_packages_and_never_the_programs_own():
    host = open_host(program("vendored"), mode="fork", size=1)
    pids = []
    for _ in range(2):
        process, address = await run(host)
        seen = await ask(address)
        pids.append((process.pid, seen["pid"], seen["own"], seen["leaflet"]))
        await process.stop(0)
    await host.close()
    for pid, served, own, leaflet in pids:
        assert pid == served == own != leaflet
    assert pids[0][3] == pids[1][3]


@forking
async def test_an_edit_reaches_the_next_session_without_a_new_parent(tmp_path):
    (tmp_path / "main.py").write_text(
        (PROGRAMS / "vendored" / "main.py").read_text().replace("leaflet.L", "own.L")
    )
    (tmp_path / "main.py").write_text((tmp_path / "main.py").read_text().replace("import leaflet\n", ""))
    (tmp_path / "own.py").write_text("LOADED_BY = 'first'\n")
    host = open_host(program(folder=tmp_path), mode="fork", size=1)
    seen = []
    for text in ("first", "the second"):
        (tmp_path / "own.py").write_text(f"LOADED_BY = {text!r}\n")
        process, address = await run(host)
        seen.append((await ask(address))["own"])
        await process.stop(0)
    await host.close()
    assert ["first", "the second"] == seen


@forking
@pytest.mark.behaviour("RT-WARM-THREADS")
async def test_a_library_that_starts_threads_is_left_to_the_sessions(tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    (library / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    code = tmp_path / "code"
    code.mkdir()
    main = (PROGRAMS / "plain" / "main.py").read_text()
    (code / "main.py").write_text(main.replace("import json\n", "import json\nimport threaded\n", 1))
    environment = {**BASE, "PYTHONPATH": str(library)}
    made = Program(
        python=sys.executable, folder=code, entry=code / "main.py", port=8080, environment=environment
    )
    host = open_host(made, mode="fork", size=1)
    process = await host.take(lambda _: None)
    address = await process.run(environment, {})
    seen = await ask(address)
    await process.stop(0)
    assert isinstance(host, ForkHost)
    assert isinstance(await host._open(), WarmParent)
    await host.close()
    assert "threaded" in seen["modules"]


async def test_another_interpreter_runs_the_program_without_skerry(tmp_path):
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    async with runtime_plane(tmp_path / "state") as running:
        running.resources.put(record("plain", environmentVariables={"SKERRY_PYTHON": str(python)}))
        answer = (await running.invoke("plain", {"do": "about"})).json()
        assert str(python) == answer["interpreter"]


async def test_a_pool_serves_the_plane_too(tmp_path):
    async with runtime_plane(tmp_path / "state", mode="pool") as running:
        running.resources.put(record("plain"))
        one, two = [(await running.invoke("plain", {"do": "about"})).json() for _ in range(2)]
        assert one["pid"] != two["pid"]
        assert one["environment"]["HOME"] != two["environment"]["HOME"]


@pytest.mark.parametrize("mode", MODES)
async def test_servers_on_uvloop_and_on_asyncio_find_their_port(tmp_path, mode):
    for loop in ("uvloop", "asyncio"):
        folder = tmp_path / loop
        folder.mkdir()
        (folder / "main.py").write_text(
            textwrap.dedent(f"""
            import uvicorn

            async def app(scope, receive, send):
                if scope["type"] == "http":
                    body = b'{{"status": "Healthy"}}'
                    await send({{"type": "http.response.start", "status": 200, "headers": []}})
                    await send({{"type": "http.response.body", "body": body}})

            uvicorn.run(app, host="0.0.0.0", port=8080, loop="{loop}", lifespan="off")
            """)
        )
        host = open_host(program(folder=folder), mode=mode, size=1)
        process, address = await run(host)
        assert {"status": "Healthy"} == await ask(address)
        await process.stop(0)
        await host.close()


@forking
@pytest.mark.behaviour("RT-ORPHANS")
@pytest.mark.parametrize("mode", ["fork", "pool"])
async def test_nothing_is_left_when_the_stack_is_killed(tmp_path, mode):
    """A stack of its own process is killed with SIGKILL: programs, parents and their children end."""
    script = tmp_path / "stack.py"
    script.write_text(
        textwrap.dedent(f"""
        import asyncio, json, sys
        from pathlib import Path
        from tests.kit.runtime_plane import record, runtime_plane

        async def main():
            async with runtime_plane(Path({str(tmp_path)!r}) / "state", mode={mode!r}) as running:
                running.resources.put(record("plain"))
                about = (await running.invoke("plain", {{"do": "about"}}, session="s" * 33)).json()
                children = (await running.invoke("plain", {{"do": "children"}}, session="s" * 33)).json()
                parent = [int(name) for name in Path(f"/proc/{{about['pid']}}/stat").read_text().split()[3:4]]
                print(json.dumps([about["pid"], *parent, *children]), flush=True)
                await asyncio.Event().wait()

        asyncio.run(main())
        """)
    )
    stack = await processes.start(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**BASE, "PYTHONPATH": os.pathsep.join(str(PROGRAMS.parents[i]) for i in (3,))},
        control=True,
    )
    elsewhere = []
    try:
        async with asyncio.timeout(60):
            line = await stack.reader.readline()
        assert line, "\n".join(stack.output.lines)
        pid, parent, in_group, *elsewhere = json.loads(line)
        os.kill(stack.pid, signal.SIGKILL)
        gone = [pid, in_group, *([parent, *elsewhere] if mode == "fork" else [])]
        assert all([await ended(one) for one in gone])
    finally:
        stack.signal(force=True)
        for one in filter(is_running, elsewhere):
            os.kill(one, signal.SIGKILL)
        await stack.wait()


@forking
async def test_a_killed_parent_is_replaced():
    host = open_host(program(), mode="fork", size=1)
    process, address = await run(host)
    children = await ask(address, "children")
    os.kill((await host._open())._process.pid, signal.SIGKILL)
    assert -signal.SIGKILL == await process.ended
    assert await ended(children[0])
    again, address = await run(host)
    assert again.pid == (await ask(address))["pid"]
    await host.close()
    for pid in children[1:]:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


async def test_limits_are_set(host):
    process = await host.take(lambda _: None)
    await process.run(BASE, {"RLIMIT_NOFILE": 123, "RLIMIT_CORE": 0, "RLIMIT_OF_TOMORROW": 1})
    limits = Path(f"/proc/{process.pid}/limits")
    if not limits.exists():
        pytest.skip("this system does not show limits of other processes")
    text = limits.read_text()
    await process.stop(0)
    assert ["123", "123"] == next(row.split()[3:5] for row in text.splitlines() if "open files" in row)


@forking
@pytest.mark.behaviour("RT-WARM")
async def test_the_parent_learns_what_a_session_imports_late(tmp_path):
    main = (PROGRAMS / "plain" / "main.py").read_text()
    late = 'if __name__ == "__main__":\n    __import__("own_late")\n    __import__("wave")\n'
    (tmp_path / "main.py").write_text(main.replace('if __name__ == "__main__":\n', late))
    (tmp_path / "own_late.py").write_text("")
    host = open_host(program(folder=tmp_path), mode="fork", size=1)
    process, _ = await run(host)
    await process.stop(0)
    told = []
    again = await host.take(lambda _: None)  # forked after the parent has learned
    again._learn = told.append
    address = await again.run(BASE, {})
    assert {"wave", "own_late"} <= set((await ask(address))["modules"])
    await host.close()
    assert [[]] == told


@forking
@pytest.mark.behaviour("RT-WARM-THREADS")
async def test_a_late_import_that_starts_threads_is_not_learned(tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    (library / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    code = tmp_path / "code"
    code.mkdir()
    main = (PROGRAMS / "plain" / "main.py").read_text()
    late = 'if __name__ == "__main__":\n    __import__("threaded")\n'
    (code / "main.py").write_text(main.replace('if __name__ == "__main__":\n', late))
    environment = {**BASE, "PYTHONPATH": str(library)}
    made = Program(
        python=sys.executable, folder=code, entry=code / "main.py", port=8080, environment=environment
    )
    host = open_host(made, mode="fork", size=1)
    for _ in range(2):
        process = await host.take(lambda _: None)
        address = await process.run(environment, {})
        assert "threaded" in (await ask(address))["modules"]
    parent = await host._open()
    assert (True, None, False) == (parent.running, parent.threads, parent._learning)
    await host.close()
