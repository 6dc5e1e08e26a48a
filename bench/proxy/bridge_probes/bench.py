"""What a probe of bridges is given."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.proxy.bridge import Bridge
from bench.proxy.commands import bridge_command
from bench.proxy.probing import Outcome, Probes
from bench.proxy.servers import free_port


@dataclass
class Bench:
    """One bridge under test; every open() starts a fresh one."""

    name: str
    spec: Mapping[str, Any]
    args: Namespace
    logs: Path

    def open(self, **env: str) -> Bridge:
        port = free_port()
        command = bridge_command(self.name, self.spec, port, self.args, env=env)
        return Bridge(command, port, self.log)

    @property
    def log(self) -> Path:
        """Where the bridge's own output goes."""
        return self.logs / f"bridge-{self.name}.log"


Probe = Callable[[Bench], Awaitable[Outcome]]
PROBES: Probes[Bench] = Probes()
probe = PROBES.add
