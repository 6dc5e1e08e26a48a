"""`skerry up --background`: a stack that another process starts and leaves behind when it is ready.

What `skerry up --detach` starts. Until the stack is ready its standard streams are pipes of the starter's: a
line that it prints is a JSON object, `{"progress": TEXT}`, `{"ready": FACTS}` or `{"error": …}` (cli.py), or
else something that is for whoever looks on. The end of its standard input ends it, so that nothing is left
behind however the starter ends. Then it lets go of them, and prints to `logs/up.log`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skerry import stdin
from skerry.local.state import private
from skerry.stack.summary import public

OPTION = "--background"


def log_of(state: Path) -> Path:
    """Where a stack in the background prints to."""
    return state / "logs" / "up.log"


class Starter:
    """The process that waits for the stack on `state`. Standard input is watched from the first moment on."""

    def __init__(self, state: Path) -> None:
        self._log = log_of(state.resolve())
        self._left = threading.Event()
        stdin.when_it_ends(self._gone)

    def progress(self, line: str) -> None:
        """Tells the starter; when it has left, the log."""
        print(line if self._left.is_set() else json.dumps({"progress": line}), flush=True)

    def ready(self, facts: Mapping[str, Any], seconds: float) -> None:  # noqa: ARG002  (the starter's clock counts)
        """Tells the starter what runs, without secrets, and lets go of it."""
        with private.appending(self._log) as log:
            self._left.set()
            print(json.dumps({"ready": public(facts)}), flush=True)
            sys.stderr.flush()
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)

    def _gone(self) -> None:
        """Ends this process, in order once it can, when the starter goes before the stack is ready."""
        if not self._left.is_set():
            signal.raise_signal(signal.SIGTERM)
