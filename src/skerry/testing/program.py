"""`skerry` as a program of its own: a command to its end, or a stack that is started and ended.

Nothing here needs an event loop or disturbs one, so it serves plain and asynchronous tests alike.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from skerry import errors as known
from skerry.errors import ProgramError, SkerryError

GRACE = 10.0
"""Seconds that a stack has to end by itself."""
TAIL = 20
"""Lines of each log that an error has as notes."""

_PROGRAM = (sys.executable, "-P", "-m", "skerry")  # -P: nothing in the tests' folder is taken for a library
_SPOKEN = {"PYTHONIOENCODING": "utf-8"}  # what is read here, whatever the locale
_NEW_PROCESS_GROUP = 0x200  # CREATE_NEW_PROCESS_GROUP


def surroundings(own: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a stack: the tests' `own` without what steers AWS and skerry, and what was `given`.

    A developer's profile, keys or `SKERRY_STATE` must not decide how a test goes.
    """
    kept = {name: value for name, value in own.items() if not name.startswith(("AWS_", "SKERRY_"))}
    return kept | {"AWS_EC2_METADATA_DISABLED": "true"} | dict(given)


def run(words: Sequence[str], environment: Mapping[str, str], *, timeout: float) -> str:
    """Runs a command of skerry; what it printed.

    Raises the error that the command reports, ProgramError when it takes more than `timeout` seconds.
    """
    try:
        done = subprocess.run(  # noqa: S603 (our own program)
            [*_PROGRAM, *words],
            env={**environment, **_SPOKEN},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProgramError(
            f"skerry {words[0]} did not end within {timeout:g} s.",
            hint="Is the machine busy? Stack.skerry(…, timeout=…) waits longer.",
        ) from None
    if done.returncode != 0:
        raise reported(done.stderr) or ProgramError(
            f"skerry {words[0]} ended with {done.returncode}: {_last(done.stderr) or _last(done.stdout)}"
        )
    return done.stdout


@contextlib.contextmanager
def up(
    options: Sequence[str],
    environment: Mapping[str, str],
    *,
    state: Path,
    timeout: float,
    grace: float = GRACE,
) -> Iterator[dict[str, Any]]:
    """`skerry up` for as long as the block runs; yields what it prints when it is ready.

    It has a process group of its own, and ends with this process whatever ends that: its standard input is
    a pipe whose other end is here. Raises its own error where it does not get ready, with the end of its logs
    as notes; ProgramError when that takes more than `timeout` seconds. It is killed when it has not ended
    `grace` seconds after it was asked to.
    """
    argv = [*_PROGRAM, "up", "--json", "--port", "0", "--watch-stdin", "--state", str(state), *options]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(  # noqa: S603 (our own program)
            argv,
            env={**environment, **_SPOKEN},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            start_new_session=True,  # POSIX
            creationflags=_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
        )
        try:
            yield _ready(process, errors, state, timeout)
        finally:
            _end(process, grace)


def reported(text: str) -> SkerryError | None:
    """The error that a command reported in the last line of `text`, as `--json` has it; None for another."""
    try:
        told = json.loads(_last(text))["error"]
        return known.reported(told["code"], told["message"], hint=told["hint"])
    except (ValueError, TypeError, KeyError):
        return None


def _ready(process: subprocess.Popen[str], errors: IO[str], state: Path, timeout: float) -> dict[str, Any]:
    assert process.stdout is not None
    overdue = threading.Event()

    def end() -> None:
        overdue.set()
        _kill(process)

    patience = threading.Timer(timeout, end)
    patience.start()
    try:
        line = process.stdout.readline()
    finally:
        patience.cancel()
    if line and not overdue.is_set():
        facts: dict[str, Any] = json.loads(line)
        return facts
    process.wait()
    errors.seek(0)
    said = errors.read()
    problem = reported(said)
    if overdue.is_set():
        problem = ProgramError(
            f"the stack was not ready after {timeout:g} s.",
            hint="Give it longer: running(…, timeout=…). The end of its logs says what it waits for.",
        )
    if problem is None:
        why = _last(said) or "it said nothing"
        problem = ProgramError(
            f"skerry up ended with {process.returncode} before it was ready: {why}",
            hint="Start it in a terminal: skerry up",
        )
    raise with_logs(problem, state)


def with_logs(problem: SkerryError, state: Path) -> SkerryError:
    """The error with the end of each log of a stack as a note: the folder may be gone when it is read."""
    for file in sorted((state / "logs").glob("*.log")):
        with file.open(encoding="utf-8", errors="replace") as lines:
            tail = "".join(deque(lines, maxlen=TAIL)).rstrip()
        if tail:
            problem.add_note(f"{file.name}:\n{tail}")
    return problem


def _end(process: subprocess.Popen[str], grace: float) -> None:
    """Ends a stack with all that it started: asks, waits up to `grace` seconds, then forces."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(OSError):
            process.stdin.close()
        if sys.platform != "win32":  # where it ends a process at once
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    finally:
        _kill(process)
        process.stdout.close()


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        from skerry.processes import signal_group  # asyncio with it, which a test run may have no use for

        signal_group(process.pid, force=True)
        process.wait()


def _last(text: str) -> str:
    return text.strip().rpartition("\n")[2]
