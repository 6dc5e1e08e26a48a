"""`skerry up --detach`: starts the stack in a process of its own and waits until it is ready."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from skerry.errors import ProgramError, reported
from skerry.local.state import private
from skerry.stack.background import log_of
from skerry.stack.state import State


@dataclass(frozen=True, slots=True)
class Detached:
    """A stack that is ready and runs on by itself: its process, and what `skerry up --json` prints."""

    process: subprocess.Popen[bytes]
    facts: Mapping[str, Any]


def start(words: Sequence[str], folder: Path, progress: Callable[[str], None]) -> Detached:
    """Starts `skerry` with `words`, those of a stack in the background, on the state directory `folder`.

    Whatever ends the wait, Ctrl-C too, ends what was started. Raises AlreadyRunningError, StateError, what
    the stack says is wrong (a SkerryError with its code), and ProgramError when it ends without a word.
    """
    state = State(folder)
    with state.lock():  # whether somebody has it is told at once; the stack takes it for itself
        pass
    log = log_of(state.folder)
    with private.appending(log) as written, _started(words) as process:
        assert process.stdout is not None
        said = _answer(process.stdout, written, progress)
        if "ready" in said:
            return Detached(process, said["ready"])
        code = process.wait()
        if "error" in said:
            told = said["error"]
            raise reported(told["code"], told["message"], hint=told["hint"], exit_code=code)
        raise ProgramError(f"the stack ended with code {code} before it was ready.", hint=f"Its log: {log}")


@contextlib.contextmanager
def _started(words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process; where the block fails, it has ended when this ends."""
    # Isolated from modules in the working directory (-P), as the command `skerry` is.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-m", "skerry", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **_apart(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    except BaseException:
        process.stdin.close()  # which ends it
        if any("ready" in _object(line) for line in process.stdout):  # too late for that
            process.terminate()
        process.wait()
        raise
    finally:
        process.stdin.close()
        process.stdout.close()


def _apart() -> dict[str, Any]:
    """A session without a terminal, whose end is then nothing to the stack; on Windows an unseen console."""
    if (
        sys.platform == "win32"
    ):  # not DETACHED_PROCESS: programs of the stack would open consoles of their own
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _answer(lines: Iterable[bytes], log: IO[bytes], progress: Callable[[str], None]) -> Mapping[str, Any]:
    """How the start ended; nothing when nobody said so. What is said before goes to the log and is shown."""
    for line in lines:
        said = _object(line)
        text = _text(said) or line.decode("utf-8", "replace").rstrip()
        log.write(f"{text}\n".encode())
        log.flush()
        if "ready" in said or "error" in said:
            return said
        if "progress" in said:
            progress(text)
        else:
            print(text, file=sys.stderr, flush=True)
    return {}


def _text(said: Mapping[str, Any]) -> str:
    match said:
        case {"progress": text} | {"error": {"message": text}}:
            return str(text)
        case {"ready": {"endpoint": where}}:
            return f"ready at {where}"
    return ""


def _object(line: bytes) -> Mapping[str, Any]:
    """The JSON object of a line; nothing where it holds something else."""
    with contextlib.suppress(ValueError):
        said = json.loads(line)
        if isinstance(said, dict):
            return said
    return {}
