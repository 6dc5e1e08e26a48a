"""Programs of tests in processes of their own, whose libraries are imported once and not for each.

    done = warm.run("tests.journeys.oauth.clients.mcp_sdk", url, mode, environment=system.environment)
    with warm.served() as command:
        subprocess.run([*command, "skerry.servers.demo", "stateless"])

A process is a fork of one that has imported `LIBRARIES` and nothing of ours. For a program of skerry that is
itself what a test is about it will not do: how it starts is its own to show.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import runpy
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

LIBRARIES = [
    "mcp.client",
    "mcp.client.auth",
    "mcp.client.stdio",
    "mcp.server.mcpserver",
    "fastmcp.client",
    "fastmcp.client.auth",
]
_PROCESSES = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Done:
    """How a program ended: its exit code, negative for a signal, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def run(module: str, *words: str, environment: Mapping[str, str], timeout: float = 90) -> Done:
    """`python -m module words` in this environment, without a standard input. It is ended after `timeout` s."""
    return _run(_module, module, words, environment, timeout)


def run_text(text: str, *words: str, environment: Mapping[str, str], timeout: float = 90) -> Done:
    """`python -c text words`, as `run`."""
    return _run(_text, text, words, environment, timeout)


def _run(
    how: Callable[[str], object],
    what: str,
    words: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
) -> Done:
    _PROCESSES.set_forkserver_preload(LIBRARIES)
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _PROCESSES.Process(target=_program, args=(how, what, words, dict(environment), out, err))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
        code = process.exitcode
        process.close()
        assert code is not None
        return Done(code, out.read_text(), err.read_text())


@contextlib.contextmanager
def served() -> Iterator[list[str]]:
    """The first words of a command line that goes on with a module and its arguments.

    Its process is one that takes no time to start. The streams, the environment and the exit code are those
    of the module's, which runs in a warm process and is killed when the first one ends.
    """
    _PROCESSES.set_forkserver_preload(LIBRARIES)
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = str(Path(folder, "warm"))
        listening.bind(path)
        listening.listen()
        threading.Thread(target=_serve, args=(listening,), daemon=True).start()
        yield [sys.executable, "-I", "-S", str(Path(__file__).with_name("warm_program.py")), path]
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):  # shut down
        while True:
            line, _ = listening.accept()
            threading.Thread(target=_stand_behind, args=(line,), daemon=True).start()


def _stand_behind(line: socket.socket) -> None:
    with line, contextlib.ExitStack() as streams:
        size, descriptors, _, _ = socket.recv_fds(line, 4, 3)
        given = [streams.enter_context(Connection(one)) for one in descriptors]  # which can be sent on
        with line.makefile("rb") as reading:
            asked = json.loads(reading.read(int.from_bytes(size)))
        process = _PROCESSES.Process(target=_with_streams, args=(asked["words"], asked["environment"], given))
        process.start()
        streams.close()
        wait([line, process.sentinel])
        process.kill()  # if whoever started it is gone
        process.join()
        with contextlib.suppress(OSError):
            line.sendall(bytes([(process.exitcode or 0) & 0xFF]))


def _with_streams(
    words: Sequence[str], environment: Mapping[str, str], streams: Sequence[Connection]
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (multiprocessing took it away)
    os.environ.clear()
    os.environ.update(environment)
    module, *arguments = words
    sys.argv = [module, *arguments]
    _module(module)


def _program(
    how: Callable[[str], object],
    what: str,
    words: Sequence[str],
    environment: Mapping[str, str],
    out: Path,
    err: Path,
) -> None:
    for number, file in ((1, out), (2, err)):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["program", *words]
    how(what)


def _module(name: str) -> None:
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _text(text: str) -> None:
    exec(compile(text, "<program>", "exec"), {"__name__": "__main__"})
