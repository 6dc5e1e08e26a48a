"""Node code: every session is a `node` of its own, with what a Python session has."""

import asyncio
import json
import logging
import os
import stat
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest

from skerry.errors import ProgramError
from skerry.local.runtime.hosts import nodejs
from skerry.local.runtime.hosts.hosts import open_host
from skerry.local.runtime.hosts.pool import PoolHost
from skerry.local.runtime.hosts.program import Program
from tests.kit.node import NODE, VERSION, needs_node
from tests.kit.processes import ended, is_running
from tests.kit.runtime_plane import PROGRAMS, record, runtime_plane
from tests.local.runtime.hosts.test_code import zipped
from tests.local.runtime.hosts.test_sandbox import separating

ONE, TWO = "session-one-" + "1" * 28, "session-two-" + "2" * 28
BASE = {"PATH": os.environ["PATH"]}
posix = pytest.mark.skipif(sys.platform == "win32", reason="Node code is not run on Windows")
pytestmark = posix


def node_record(program="node_plain", *, entry="main.mjs", **members):
    made = record(program, entry=entry, **members)
    made["agentRuntimeArtifact"]["codeConfiguration"]["runtime"] = "NODE_22"
    return made


def written(folder, text, name="main.mjs"):
    """A record for a program of this text."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text))
    return node_record(name="written", path=folder, entry=name)


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state", node=NODE) as running:
        running.resources.put(node_record())
        yield running


async def ask(running, do="about", *, session=ONE, name="node_plain", **more):
    answer = await running.invoke(name, {"do": do, **more}, session=session)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def refused(running, name="written"):
    answer = await running.invoke(name, b"{}", session=ONE)
    assert 424 == answer.status_code, answer.text
    return answer.json()["message"]


# --- what a session has


@needs_node
@pytest.mark.behaviour("NODE-RUNS")
async def test_every_session_is_a_process_that_lives_from_call_to_call(running):
    first, again, other = await ask(running), await ask(running), await ask(running, session=TWO)
    assert (1, 2, 1) == (first["calls"], again["calls"], other["calls"])
    assert first["pid"] == again["pid"] != other["pid"]
    assert int(first["version"].removeprefix("v").partition(".")[0]) >= 22


@needs_node
@pytest.mark.behaviour("NODE-RUNS")
async def test_a_zip_runs_like_a_folder(running, tmp_path):
    (tmp_path / "code.zip").write_bytes(
        zipped(
            {
                "package.json": b'{"type": "module"}',
                "dist/app.js": (PROGRAMS / "node_plain" / "main.mjs").read_bytes(),
            }
        )
    )
    running.resources.put(node_record(name="zipped", path=tmp_path / "code.zip", entry="dist/app.js"))
    about = await ask(running, name="zipped")
    assert about["cwd"].startswith(str(tmp_path / "state" / "code"))
    assert f"{about['cwd']}/dist/app.js" == about["argv"][1]


@needs_node
@pytest.mark.behaviour("NODE-SURROUNDINGS")
async def test_a_session_has_its_own_folders_and_credentials_and_nothing_of_the_bootstrap(running):
    running.resources.put(node_record(environmentVariables={"OWN": "1", "SKERRY_NODE": NODE}))
    one, two = await ask(running), await ask(running, session=TWO)
    assert [str(Path(NODE).resolve()), str(PROGRAMS / "node_plain" / "main.mjs")] == one["argv"]
    assert str(PROGRAMS / "node_plain") == one["cwd"]
    for about in (one, two):
        seen = about["environment"]
        assert (about["home"], about["temporary"]) == (seen["HOME"], seen["TMPDIR"])
        assert ("1", running.url) == (seen["OWN"], seen["AWS_ENDPOINT_URL"])
        assert not {"SKERRY_LISTEN", "SKERRY_NODE", "PYTHONUNBUFFERED", "PORT"} & set(seen)
    for name in ("HOME", "TMPDIR", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"):
        assert one["environment"][name] != two["environment"][name]


@needs_node
@pytest.mark.skipif(sys.platform != "linux", reason="the limits are read from /proc")
@pytest.mark.behaviour("NODE-SURROUNDINGS")
async def test_a_session_has_the_limits_of_every_session(tmp_path):
    limits = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 777, "RLIMIT_DATA": 3 << 30}
    async with runtime_plane(tmp_path / "state", node=NODE, limits=limits) as running:
        running.resources.put(node_record())
        lines = (await ask(running))["limits"].splitlines()
    found = {line[:26].strip(): line[26:].split()[:2] for line in lines}
    assert ["777", "777"] == found["Max open files"]
    assert [str(3 << 30)] * 2 == found["Max data size"]


@needs_node
@pytest.mark.behaviour("NODE-SURROUNDINGS")
async def test_what_it_prints_goes_where_a_python_session_prints(running, caplog):
    caplog.set_level(logging.INFO, "skerry.runtime.output")
    await ask(running, "print", text="one\ntwo")
    await running.stop("node_plain", ONE)
    said = [line.getMessage() for line in caplog.records if line.name == "skerry.runtime.output"]
    assert [f"node_plain {ONE}: one", f"node_plain {ONE}: two"] == said


@needs_node
@pytest.mark.skipif(VERSION < (22, 10), reason="this Node keeps nothing before it ends by itself")
@pytest.mark.behaviour("NODE-CACHE")
async def test_what_one_session_compiled_the_next_one_finds(running, tmp_path):
    folder = Path((await ask(running))["environment"]["NODE_COMPILE_CACHE"])
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert kept
    await ask(running, session=TWO)
    assert kept == {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert folder.is_relative_to(tmp_path / "state")


@needs_node
@separating
@pytest.mark.behaviour("NODE-SANDBOX")
async def test_in_a_sandbox_it_sees_no_keys_and_writes_only_to_its_own_folders(tmp_path):
    (tmp_path / "home").mkdir()
    secret = tmp_path / "home" / "credentials"
    secret.write_text("the key of the user")
    async with runtime_plane(
        tmp_path / "state",
        node=NODE,
        sandbox="namespaces",
        hidden=(tmp_path / "home", nodejs.PRELOAD.parents[3]),
        processes=64,
    ) as running:
        running.resources.put(node_record())
        about = await ask(running)
        assert 10 > about["pid"]  # of a namespace of its own
        for path in (secret, Path(nodejs.__file__)):
            assert {"error": "ENOENT"} == await ask(running, "read", path=str(path))
        assert {"value": "written"} == await ask(running, "write", path=f"{about['home']}/mine")
        for path in (str(PROGRAMS / "node_plain" / "main.mjs"), str(nodejs.PRELOAD), "/usr/x"):
            assert {"error": "EROFS"} == await ask(running, "write", path=path)
        assert {"error": "ENOENT"} == await ask(running, "read", path=f"{about['home']}/mine", session=TWO)


@needs_node
@separating
@pytest.mark.behaviour("NODE-SANDBOX")
async def test_in_a_sandbox_packages_of_a_folder_above_are_there(tmp_path):
    home = tmp_path / "home"
    package = home / "project" / "node_modules" / "above"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"main": "main.js"}')
    (package / "main.js").write_text('module.exports = \'{"status": "Healthy"}\'')
    made = written(
        home / "project" / "agent",
        """
        const http = require('node:http')
        http.createServer((_, response) => response.end(require('above'))).listen(8080)
        """,
        "main.cjs",
    )
    async with runtime_plane(
        tmp_path / "state", node=NODE, sandbox="namespaces", hidden=(home,), processes=64
    ) as running:
        running.resources.put(made)
        answer = await running.invoke("written", b"{}", session=ONE)
        assert (200, b'{"status": "Healthy"}') == (answer.status_code, answer.content)


# --- protocols


@needs_node
@pytest.mark.behaviour("NODE-PROTOCOLS")
async def test_mcp_is_port_8000(running):
    made = node_record(
        "node_protocols", entry="main.cjs", protocol="MCP", environmentVariables={"PORT": "8000"}
    )
    running.resources.put(made)
    answer = await running.rpc("node_protocols", "tools/list", session=ONE)
    assert {"method": "tools/list"} == answer.json()["result"]


@needs_node
@pytest.mark.behaviour("NODE-PROTOCOLS")
async def test_a2a_is_port_9000_and_its_card_is_the_programs(running):
    made = node_record(
        "node_protocols", entry="main.cjs", protocol="A2A", environmentVariables={"PORT": "9000"}
    )
    running.resources.put(made)
    message = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {}}
    answer = await running.invoke("node_protocols", message, session=ONE)
    assert {"jsonrpc": "2.0", "id": 1, "result": {"port": "9000"}} == answer.json()
    url = running.url_of("node_protocols")
    card = url.replace("/invocations?", "/invocations/.well-known/agent-card.json?")
    found = await running.http.get(card, headers=running.signed("GET", card, {}, b""))
    assert ("a card", url.removesuffix("?qualifier=DEFAULT")) == (found.json()["name"], found.json()["url"])


@needs_node
@pytest.mark.behaviour("NODE-PROTOCOLS")
async def test_agui_streams_its_events(running):
    made = node_record(
        "node_protocols", entry="main.cjs", protocol="AGUI", environmentVariables={"PORT": "8080"}
    )
    running.resources.put(made)
    answer = await running.invoke("node_protocols", {}, session=ONE)
    assert "text/event-stream" == answer.headers["content-type"]
    assert ["RUN_STARTED", "RUN_FINISHED"] == [
        json.loads(line.removeprefix("data: "))["type"] for line in answer.text.splitlines() if line
    ]


@needs_node
@pytest.mark.skipif(VERSION < (22, 18), reason="this Node does not strip types by itself")
@pytest.mark.behaviour("NODE-TYPESCRIPT")
async def test_typescript_runs_as_far_as_node_takes_types_out(running):
    running.resources.put(node_record("node_typed", entry="main.ts"))
    assert {"typed": True} == (await running.invoke("node_typed", b"{}", session=ONE)).json()


# --- the contract port


def program(folder, text, name="main.mjs", port=8080):
    (folder / name).write_text(textwrap.dedent(text))
    return Program(
        python=sys.executable,
        folder=folder,
        entry=folder / name,
        port=port,
        environment=BASE,
        command=nodejs.command(NODE),
        read=nodejs.read(NODE, folder),
    )


async def started(made, lines=None):
    host = open_host(made, mode="auto", size=0)
    process = await host.take((lines if lines is not None else []).append)
    return host, process, await process.run(BASE, {})


async def get(address):
    return await asyncio.to_thread(lambda: urllib.request.urlopen(address.base, timeout=20).read())


@needs_node
@pytest.mark.behaviour("NODE-PORT")
@pytest.mark.parametrize(
    "listens",
    [
        "listen(8080)",
        "listen('8080')",
        "listen(8080, '0.0.0.0')",
        "listen(8080, '0.0.0.0', 100, heard)",
        "listen(8080, 100, heard)",
        "listen(8080, heard)",
        "listen({ port: 8080 })",
        "listen({ port: '8080', host: '::', ipv6Only: true }, heard)",
    ],
)
async def test_however_it_listens_on_the_contract_port_it_gets_a_free_one_of_the_loopback(tmp_path, listens):
    text = f"""
        import {{ createServer }} from 'node:http'
        let times = 0
        const heard = () => (times += 1)
        const server = createServer((_, response) => response.end(JSON.stringify([times, server.address()])))
        server.{listens}
    """
    host, _, address = await started(program(tmp_path, text))
    times, found = json.loads(await get(address))
    await host.close()
    assert int("heard" in listens) == times
    assert ("127.0.0.1", "127.0.0.1", address.port) == (address.host, found["address"], found["port"])
    assert 8080 != address.port


@needs_node
@pytest.mark.behaviour("NODE-PORT")
async def test_a_thread_of_the_program_may_listen_too(tmp_path):
    (tmp_path / "serve.mjs").write_text(
        "import { createServer } from 'node:http'\n"
        "createServer((_, response) => response.end('served')).listen(8080, '0.0.0.0')\n"
    )
    text = "import { Worker } from 'node:worker_threads'\nnew Worker(new URL('serve.mjs', import.meta.url))"
    host, _, address = await started(program(tmp_path, text))
    assert b"served" == await get(address)
    assert ("127.0.0.1", True) == (address.host, address.port != 8080)
    await host.close()


@needs_node
@pytest.mark.behaviour("NODE-PORT")
async def test_other_ports_and_sockets_are_left_alone(tmp_path):
    """A program is served by what listens on its contract port, whatever listens before it."""
    text = """
        import { createServer } from 'node:http'
        const other = createServer(() => {}).listen(0, '::', () => {
          const file = createServer(() => {}).listen('8080.sock', () => {
            const server = createServer((_, response) => {
              response.end(JSON.stringify([other.address().address, file.address()]))
            }).listen(8081)
          })
        })
    """
    host, _, address = await started(program(tmp_path, text, port=8081))
    assert ["::", "8080.sock"] == json.loads(await get(address))
    await host.close()


# --- its end


@needs_node
@pytest.mark.behaviour("NODE-END")
async def test_what_a_session_started_ends_with_it(running):
    pids = [(await ask(running))["pid"], (await ask(running, "child"))["pid"]]
    assert all(map(is_running, pids))
    await running.stop("node_plain", ONE)
    assert all([await ended(pid) for pid in pids])


@needs_node
@pytest.mark.behaviour("NODE-END")
async def test_a_session_ends_when_whoever_ordered_it_is_gone(tmp_path):
    """The channel closes, as it does when the stack is killed."""
    text = """
        import { spawn } from 'node:child_process'
        import { createServer } from 'node:http'
        const child = spawn('sleep', ['600'])
        createServer((_, response) => response.end(String(child.pid))).listen(8080)
    """
    host = PoolHost(program(tmp_path, text), size=0)
    process = await host.take(lambda _: None)
    address = await process.run(BASE, {})
    child = int(await get(address))
    process._writer.close()
    assert -9 == await process.ended
    assert await ended(child)
    await host.close()


@needs_node
@pytest.mark.behaviour("NODE-END")
async def test_the_channel_is_no_business_of_what_the_program_starts(tmp_path):
    text = """
        import { execFileSync } from 'node:child_process'
        import { createServer } from 'node:http'
        const seen = execFileSync('/bin/sh', ['-c', 'ls /dev/fd; env']).toString()
        createServer((_, response) => response.end(seen)).listen(8080)
    """
    host, _, address = await started(program(tmp_path, text))
    seen = (await get(address)).decode().split()
    await host.close()
    assert not [line for line in seen if "SKERRY" in line]
    assert 4 >= len([line for line in seen if line.isdigit()])  # of ls itself: three streams and the folder


# --- what does not work says why


@needs_node
@pytest.mark.behaviour("NODE-FAILS")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import 'nothing-of-that-name'",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'nothing-of-that-name'",
        ),
        (
            "throw new TypeError('the reason')",
            "exit code 1 before it listened on its port. TypeError: the reason",
        ),
        ("await Promise.reject(new Error('later', { cause: new Error('first') }))", "port. Error: later"),
        ("const = 1", "SyntaxError: Unexpected token '='"),
        ("export const handler = () => {}", "exit code 0 before it listened on its port"),
    ],
)
async def test_a_program_that_does_not_start_is_a_424_with_its_error(running, tmp_path, text, said):
    running.resources.put(written(tmp_path / "code", text))
    message = await refused(running)
    assert said in message
    assert "[SKY-107]" in message
    assert "Node.js v" not in message


@needs_node
@pytest.mark.behaviour("NODE-FAILS")
async def test_a_program_that_never_listens_has_the_time_of_every_program(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    text = f"""
        import {{ closeSync, openSync }} from 'node:fs'
        console.log('busy')
        closeSync(openSync({str(gate)!r}, 'w'))
        setInterval(() => {{}}, 1000)
    """
    async with runtime_plane(tmp_path / "state", node=NODE) as running:
        running.resources.put(written(tmp_path / "code", text))
        asked = asyncio.create_task(refused(running))
        await asyncio.to_thread(gate.read_text)  # returns when the program has said its line
        running.clock.advance(30)
        await running.plane.sessions.sweep()
        message = await asked
    assert "did not listen on its contract port within 30 s. It said last: busy" in message


@needs_node
@pytest.mark.behaviour("NODE-FAILS")
async def test_the_same_health_probe_decides(running, tmp_path):
    text = "import http from 'node:http'\nhttp.createServer((_, r) => r.writeHead(404).end()).listen(8080)"
    running.resources.put(written(tmp_path / "code", text))
    assert "GET /ping answers 404" in await refused(running)


def pretends(folder, version):
    """A program that is `node` by name and tells this version."""
    folder.mkdir(exist_ok=True)
    path = folder / "node"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.behaviour("NODE-NEEDED")
async def test_without_node_the_first_invocation_names_the_next_move(tmp_path):
    async with runtime_plane(tmp_path / "state", node="no-node-of-that-name") as running:
        running.resources.put(node_record())
        message = await refused(running, "node_plain")
        assert "this code needs 'no-node-of-that-name', and there is none on PATH. Install Node 22" in message
        assert "SKERRY_NODE in its environmentVariables. [SKY-107]" in message
        running.resources.put(
            node_record(environmentVariables={"SKERRY_NODE": pretends(tmp_path / "old", "v20.20.2")})
        )
        message = await refused(running, "node_plain")
        assert f"this code needs Node 22 or newer, and {tmp_path}/old/node is v20.20.2. Install" in message


@needs_node
@pytest.mark.behaviour("NODE-NEEDED")
async def test_a_node_that_is_installed_later_is_found_by_the_next_call(tmp_path):
    later = tmp_path / "later" / "node"
    async with runtime_plane(tmp_path / "state", node=str(later)) as running:
        running.resources.put(node_record())
        assert f"this code needs '{later}', and there is no such program." in await refused(
            running, "node_plain"
        )
        later.parent.mkdir()
        later.symlink_to(NODE)
        assert str(Path(NODE).resolve()) == (await ask(running))["argv"][0]


@pytest.mark.behaviour("NODE-NEEDED")
async def test_what_is_no_node_is_not_run(tmp_path):
    with pytest.raises(ProgramError, match=r"is no Node: asked for its version it says 'hello'"):
        await nodejs.find(pretends(tmp_path / "other", "hello"), BASE)
    broken = Path(pretends(tmp_path / "broken", "v24.0.0"))
    broken.write_text("#!/no/such/interpreter\n")
    with pytest.raises(ProgramError, match="cannot be started"):
        await nodejs.find(str(broken), BASE)


@pytest.mark.behaviour("NODE-NEEDED")
@pytest.mark.parametrize(("version", "good"), [("v21.9.9", False), ("v22.0.0", True), ("v30.1.2", True)])
async def test_node_22_and_newer_are_taken(tmp_path, version, good):
    named = pretends(tmp_path / "some", version)
    if good:
        assert named == await nodejs.find("node", {"PATH": str(tmp_path / "some")})
    else:
        with pytest.raises(ProgramError, match="22 or newer"):
            await nodejs.find(named, BASE)


@pytest.mark.behaviour("NODE-NEEDED")
async def test_code_of_the_other_language_is_named(tmp_path):
    async with runtime_plane(tmp_path / "state", node=NODE or "node") as running:
        running.resources.put(record("node_plain", entry="main.mjs"))
        message = await refused(running, "node_plain")
        assert "the entry point 'main.mjs' is no Python file." in message
        assert "`runtime` of its codeConfiguration should begin with NODE_" in message
        running.resources.put(node_record("plain", entry="main.py"))
        assert "the entry point 'main.py' is no Node file." in await refused(running, "plain")
