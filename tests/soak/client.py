"""Signed requests over a pool of connections."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from skerry.auth.aws import sigv4

REGION = "us-east-1"
SPARE = 8
"""Connections beside those of the workers."""


@dataclass(frozen=True)
class Answer:
    """Status and body of an answer, and the session it came from."""

    status: int
    body: bytes
    session: str

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Client:
    """One per stack process: `url` and credentials change with it."""

    def __init__(self, url: str, credentials: sigv4.Credentials, connections: int) -> None:
        self.url = url
        self._credentials = credentials
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections + SPARE), timeout=aiohttp.ClientTimeout(total=60)
        )

    async def close(self) -> None:
        """Ends the connections."""
        await self._session.close()

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request. Raises aiohttp.ClientError and TimeoutError when no whole answer comes."""
        raw = b"" if body is None else json.dumps(body).encode()
        url = self.url + path
        given = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        given |= sigv4.sign(
            method,
            url,
            given,
            raw,
            credentials=self._credentials,
            region=REGION,
            service="bedrock-agentcore",
            now=time.time(),
        )
        async with self._session.request(
            method, aiohttp.client.URL(url, encoded=True), data=raw, headers=given
        ) as reply:
            name = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
            return Answer(reply.status, await reply.read(), reply.headers.get(name, ""))
