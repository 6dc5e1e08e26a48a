"""What a probe of proxies is given: a peer, the fake it talks to, and ways to ask."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.proxy.commands import proxy_command
from bench.proxy.figures import brief
from bench.proxy.probing import Outcome, Probes
from bench.proxy.servers import get_json
from bench.proxy.stdio import StdioClient, text_of

Json = dict[str, Any]


@dataclass
class Answer:
    """What came back for one request: kind is result, tool-error, error, none or exited."""

    kind: str
    seconds: float
    message: Json

    @property
    def text(self) -> str | None:
        return text_of(self.message)

    @property
    def code(self) -> Any:
        return self.message.get("error", {}).get("code")

    @property
    def failed(self) -> bool:
        """An error of either kind, and not silence."""
        return self.kind in ("error", "tool-error")

    def show(self) -> list[Any]:
        body = self.message.get("error") or self.message.get("result")
        return [self.kind, round(self.seconds, 2), brief(body) if body else None]


async def ask(
    client: StdioClient, tool: str, arguments: Json | None = None, timeout: float = 20, **options: Any
) -> Answer:
    start = time.monotonic()
    try:
        took, message = await client.call(tool, arguments, timeout, **options)
    except TimeoutError:
        return Answer("none", timeout, {})
    except EOFError:
        return Answer("exited", time.monotonic() - start, {})
    if "error" in message:
        return Answer("error", took, message)
    return Answer("tool-error" if message.get("result", {}).get("isError") else "result", took, message)


async def ready(
    client: StdioClient, capabilities: Json | None = None, timeout: float = 30, **options: Any
) -> Json:
    message = await client.initialize(capabilities, timeout=timeout, **options)
    await client.request("tools/list", timeout=timeout)
    return message


@dataclass
class Bench:
    """One peer under test, and the fake that it talks to."""

    name: str
    spec: Mapping[str, Any]
    port: int
    args: Namespace
    logs: Path

    def open(self, variant: str | None = None, port: int | None = None, **env: str) -> StdioClient:
        values = {
            "seconds": "1",
            "role_config": str(self.logs / "aws_config"),
            "token_file": str(self.logs / "token"),
            "credentials_file": str(self.logs / "credentials"),
        }
        command = proxy_command(
            self.name, self.spec, port or self.port, self.args, variant=variant, values=values, env=env
        )
        return StdioClient(command, self.logs / f"probe-{self.name}.stderr")

    def stats(self) -> Json:
        data: Json = get_json(self.port, "/__stats")
        return data

    def reset(self) -> None:
        get_json(self.port, "/__reset")

    def set(self, **values: Any) -> None:
        get_json(self.port, "/__set", **values)

    def executions(self, tool: str) -> int:
        return int(self.stats()["executions"].get(tool, 0))

    def lacks(self, variant: str) -> Outcome | None:
        """The outcome of a probe that needs this entry of a peer that has none."""
        return None if variant in self.spec else (None, {"skipped": f"no {variant} entry"})


Probe = Callable[[Bench], Awaitable[Outcome]]
PROBES: Probes[Bench] = Probes()
probe = PROBES.add
