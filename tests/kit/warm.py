"""Other people's clients in processes of their own, whose libraries are imported once and not for each.

    done = warm.run("tests.journeys.oauth.clients.mcp_sdk", url, mode, environment=system.environment)

A process is a fork of one that has imported `LIBRARIES` and nothing of ours. For programs of skerry that
will not do: how they start is theirs to show.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = ["mcp.client", "mcp.client.auth", "mcp.client.stdio", "fastmcp.client", "fastmcp.client.auth"]
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
