"""The stack under test as processes: `skerry up` and one MCP server beside it, both killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.aws.sigv4 import Credentials
from skerry.sockets import spare_port
from tests.journeys.running import clean_environment
from tests.soak import processes
from tests.soak.client import Client

PROGRAMS = Path(__file__).parent / "stack"
READY = 90.0
GONE = 15.0
"""Seconds in which what belonged to a killed stack must be gone."""


class Stack:
    """Implements `load.Stack`. `folder` is empty; `connections` is how many the clients use together."""

    client: Client

    def __init__(self, folder: Path, *, connections: int) -> None:
        self.folder = folder / "stack"
        self.state = folder / "state"
        self.mark = str(os.getpid())
        self.gateway = self.gateway_id = self.runtime = ""
        self._connections = connections
        self._port = spare_port()
        self._server_port = spare_port()
        self.process: asyncio.subprocess.Process | None = None
        self._server: asyncio.subprocess.Process | None = None
        shutil.copytree(PROGRAMS, self.folder)
        file = self.folder / "skerry.toml"
        file.write_text(file.read_text().replace("@PORT@", str(self._server_port)))

    @property
    def pid(self) -> int:
        """The process of `skerry up`."""
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Starts the stack on the same port and state as before; returns when it is ready."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "skerry", "up", "--json", "--port", str(self._port)),
            *("--state", str(self.state)),
            cwd=self.folder,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), READY)
        if not line:
            raise AssertionError("skerry up did not get ready")
        told = await self._env()
        self.gateway = urlsplit(told["SKERRY_GATEWAY_URL"]).path
        self.gateway_id = self.gateway.split("/")[2]
        self.runtime = await self._runtime_arn(told)
        credentials = Credentials(told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"])
        before = getattr(self, "client", None)
        self.client = Client(told["AWS_ENDPOINT_URL"], credentials, self._connections)
        if before is not None:
            await before.close()

    async def kill(self) -> list[str]:
        """SIGKILL to `skerry up`; what of it outlives it."""
        assert self.process is not None
        server = {self._server.pid} if self._server is not None else set()
        self.process.kill()
        await self.process.wait()
        return await self._left(server)

    async def stop(self) -> list[str]:
        """The clean way, at the end; what is left."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 30)
        await self.client.close()
        if self._server is not None:
            self._server.kill()
            await self._server.wait()
        return await self._left(set())

    async def restart_server(self) -> None:
        """Kills the MCP server beside the stack, and starts another one on its port."""
        if self._server is not None:
            self._server.kill()
            await self._server.wait()
        self._server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.server", str(self._server_port)),
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
        )

    async def targets(self) -> dict[str, str]:
        """The ids of the gateway's targets by name, over all pages."""
        found: dict[str, str] = {}
        query = "?maxResults=100"
        while True:
            answer = await self.client.send("GET", f"/gateways/{self.gateway_id}/targets/{query}")
            assert answer.status == 200, answer.body
            page = answer.json()
            found |= {
                item["name"]: item["targetId"] for item in page["items"] if item["status"] != "DELETING"
            }
            if not page.get("nextToken"):
                return found
            query = f"?maxResults=100&nextToken={page['nextToken']}"

    async def _runtime_arn(self, told: dict[str, str]) -> str:
        client = Client(
            told["AWS_ENDPOINT_URL"],
            Credentials(told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"]),
            1,
        )
        try:
            answer = await client.send("POST", "/runtimes/")
        finally:
            await client.close()
        (arn,) = [
            each["agentRuntimeArn"]
            for each in answer.json()["agentRuntimes"]
            if each["agentRuntimeName"] == "speaker"
        ]
        return str(arn)

    async def _env(self) -> dict[str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "skerry", "env", "--json", "--state", str(self.state)),
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        told: dict[str, str] = json.loads(out)
        return told

    async def _left(self, allowed: set[int]) -> list[str]:
        """Processes that are still there after GONE seconds; they are ended then."""
        for _ in range(int(10 * GONE)):
            found = [each for each in processes.of(self.state, self.mark) if each.pid not in allowed]
            if not found:
                return []
            await asyncio.sleep(0.1)
        for each in found:
            processes.kill(each.pid)
        return [each.command for each in found]

    def _environment(self) -> dict[str, Any]:
        return clean_environment() | {processes.MARK: self.mark}
