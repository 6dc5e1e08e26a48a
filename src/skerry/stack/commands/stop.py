"""`skerry stop`: ends the stack on a state directory, as Ctrl-C in its terminal does."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from skerry.errors import NotRunningError, ProgramError
from skerry.stack.commands.env import add_state
from skerry.stack.state import State, running

PATIENCE, PAUSE = 30.0, 0.1
"""Seconds to wait for the end of a stack, and between two looks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")


def run(options: argparse.Namespace) -> int:
    """Returns 0 when the stack has ended. Raises NotRunningError when there was none, ProgramError."""
    pid = end(options.state)
    print(json.dumps({"stopped": pid}) if options.json else f"The stack (process {pid}) has ended.")
    return 0


def end(
    folder: Path,
    *,
    kill: Callable[[int, int], None] = os.kill,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = time.sleep,
) -> int:
    """Ends the stack and waits until its state is free; the number of its process.

    A number in a file is not believed by itself, as another program may have it by now: only a stack holds
    the lock. Raises NotRunningError, ProgramError.
    """
    pid = int(running(folder)["pid"])
    state = State(folder)
    if not state.held():
        raise NotRunningError(
            f"the stack on {state.folder} has ended without cleaning up.",
            hint="There is nothing to stop. Start it again with: skerry up",
        )
    with contextlib.suppress(ProcessLookupError):
        kill(pid, signal.SIGTERM)
    until = now() + PATIENCE
    while state.held():
        if now() > until:
            raise ProgramError(
                f"the stack (process {pid}) has not ended after {PATIENCE:.0f} s.",
                hint=f"End it by force, which loses nothing that was stored: kill -9 {pid}",
            )
        pause(PAUSE)
    return pid
