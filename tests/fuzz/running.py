"""Real `skerry` processes for the black-box properties: what they print, and how much memory they take."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOREIGN = ("AWS_", "AGENT", "MCP_", "SKERRY_", "RUNTIME_", "SERVER_", "LOG_LEVEL", "HTTP", "ALL_", "PYTHON")
WITHIN = 60.0
"""Seconds for anything that must happen; the processes' own limits are far shorter."""
MEMORY = 200_000_000


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "skerry", *words]


def environment() -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    return found | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "SKERRY_STATE": f"{os.devnull}/none",
    }


def peak(pid: int) -> int:
    """The most memory that a process ever had, in bytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class Host:
    """An MCP host in front of a stdio process: every line that it prints is a message, or it is an error."""

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment()
        )
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, **members: Any) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", **members}).encode() + b"\n")

    def next(self) -> dict[str, Any]:
        """The next message. Fails when the process ended, says nothing, or prints what is none."""
        line = self.lines.get(timeout=WITHIN)
        assert line is not None, f"the process ended with {self.process.wait()}"
        message = json.loads(line)
        assert isinstance(message, dict)
        assert message["jsonrpc"] == "2.0"
        return message

    def close(self) -> int:
        """Ends the input; the exit code."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.close()
            return self.process.wait(WITHIN)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.log.close()
