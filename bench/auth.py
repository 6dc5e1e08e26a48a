"""Tokens: how fast they are checked and given, and whether somebody holds up the event loop meanwhile.

    python -m bench.auth [--tokens 400] [--grants 1500] [--check]

    verify     tokens.verify of an RS256 token with a warm key: one never seen before, and one seen before
               (its signature is remembered, everything else is checked again)
    grants     client credentials at a provider that is a process of its own, 8 connections that stay open,
               secret in the body; the client is a bare socket
    loop       steps of an asyncio loop in debug mode that take 10 ms or more, per 1000 requests: the provider
               beside an application that does nothing, and a FastMCP server behind ResourceAuth beside the
               same without. Counted are those that computed that long, or waited for something with the loop
               in their hand; not those from which a busy machine took the processor

Client and servers share the machine. `--check` fails past the goals.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastmcp import FastMCP

from skerry.auth.jwt import dialects, tokens
from skerry.auth.jwt.keys import Keys
from skerry.idp import Client, Realm
from skerry.idp.app import create_app
from skerry.idp.provider import make_provider
from skerry.idp.server import base_url, bind
from skerry.servers.resource_auth import ResourceAuth
from skerry.serving import Server
from tests.kit.clock import WallClock
from tests.kit.issuer import FakeIssuer
from tests.kit.served_issuer import served_issuer

SECRET = "a long random string of the bench"
CONNECTIONS = 8
SLOW = 0.010
"""Seconds after which asyncio reports a step."""
FORM = urlencode({"grant_type": "client_credentials", "client_id": "bench", "client_secret": SECRET}).encode()
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"touch","arguments":{}}}'


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `goal` is its bound, `most` tells whether that is an upper one."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    most: bool = True

    @property
    def good(self) -> bool:
        if self.goal is None:
            return True
        return self.value <= self.goal if self.most else self.value >= self.goal


async def verify(count: int) -> list[Row]:
    """The median times of verification, in microseconds."""
    issuer = FakeIssuer(WallClock())
    keys = Keys(issuer.discovery_url, fetch=issuer.fetch, clock=issuer.clock)
    minted = [issuer.mint(issuer.claims(jti=f"t-{number}")) for number in range(count)]

    async def one(token: str) -> float:
        began = time.perf_counter()
        await tokens.verify(
            token,
            keys=keys,
            issuer=issuer.issuer,
            dialect=dialects.OAUTH,
            now=time.time(),
            audience="accounts",
        )
        return (time.perf_counter() - began) * 1e6

    await one(issuer.mint())
    fresh = [await one(token) for token in minted]
    known = [await one(minted[-1]) for _ in range(count)]
    return [
        Row("verify, not seen before, p50", statistics.median(fresh), "µs", 150),
        Row("verify, seen before, p50", statistics.median(known), "µs", 150),
    ]


async def load(url: str, body: bytes, headers: Sequence[str], count: int) -> float:
    """Requests per second over connections that stay open. Raises RuntimeError for an answer but 200."""
    parts = urlsplit(url)
    left = iter(range(count))
    head = [
        f"POST {parts.path or '/'} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    request = "\r\n".join([*head, "", ""]).encode() + body

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for _ in left:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode("latin-1"))
            length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
            if length is not None:
                await reader.readexactly(int(length[1]))
            else:  # one chunk after another until the empty one
                while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
                    await reader.readexactly(size + 2)
                await reader.readexactly(2)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return count / (time.perf_counter() - began)


def grants(count: int) -> Row:
    """Grants per second of a provider that is a process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "realms.json"
        client = {"secret": SECRET, "audiences": ["accounts"], "scopes": ["desk/use"]}
        config.write_text(json.dumps({"realms": {"desk": {"clients": {"bench": client}}}}), encoding="utf-8")
        config.chmod(0o600)
        command = ["-m", "skerry.idp", "--state", str(folder / "state"), "--config", str(config)]
        with subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                endpoint = json.loads(process.stdout.readline())["issuers"]["desk"] + "/oauth2/token"
                form = ["Content-Type: application/x-www-form-urlencoded"]
                asyncio.run(load(endpoint, FORM, form, 50))
                found = asyncio.run(load(endpoint, FORM, form, count))
            finally:
                process.terminate()
    return Row(f"client credentials, {CONNECTIONS} connections", found, "grants/s", 300, most=False)


class _Loop(asyncio.SelectorEventLoop):
    """A loop that knows of each step how long it computed (CPU), and how often it waited by itself.

    In debug mode asyncio asks for the time before and after each step, and warns of slow ones right then.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: deque[tuple[float, float, int]] = deque(maxlen=1000)

    def time(self) -> float:
        now = time.monotonic()
        waits = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        self._seen.append((now, time.thread_time(), waits))
        return now

    def last_step(self, seconds: float) -> tuple[float, int]:
        """CPU seconds and voluntary waits of the step that took this long and has just ended."""
        ended, computed, waited = self._seen[-1]
        began = next(seen for seen in self._seen if seen[0] >= ended - seconds - 0.0006)
        return computed - began[1], waited - began[2]


class _Slow(logging.Handler):
    """What asyncio's debug mode says of long steps that were nobody else's fault, in milliseconds."""

    def __init__(self, loop: _Loop) -> None:
        super().__init__()
        self._loop = loop
        self.found: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        if said := re.search(r"took ([\d.]+) seconds", record.getMessage()):
            computed, waits = self._loop.last_step(float(said[1]))
            if computed >= SLOW or waits:
                self.found.append(float(said[1]) * 1000)


async def watched(work: Callable[[], Awaitable[None]]) -> list[float]:
    """The slow steps of this loop while `work` is done."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Loop)
    handler = _Slow(loop)
    log = logging.getLogger("asyncio")
    log.addHandler(handler)
    log.propagate = False
    loop.slow_callback_duration = SLOW
    loop.set_debug(True)
    try:
        await work()
        await asyncio.sleep(0)  # a step is reported after its end
    finally:
        loop.set_debug(False)
        log.removeHandler(handler)
    return handler.found


async def from_elsewhere(url: str, headers: Sequence[str], body: bytes, count: int) -> None:
    """The load of a client that is a process, so that its own steps are not counted."""
    words = json.dumps([url, list(headers), body.decode(), count])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.auth", "--client", stdin=asyncio.subprocess.PIPE
    )
    await process.communicate(words.encode())
    if process.returncode:
        raise RuntimeError("the client failed")


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads a request and answers."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def provider_loop(count: int) -> tuple[list[float], list[float]]:
    """Slow steps of an application that does nothing, and of the identity provider."""
    client = Client(id="bench", secret=SECRET, audiences=("accounts",), scopes=("desk/use",))
    form = ["Content-Type: application/x-www-form-urlencoded"]
    with bind(0) as sock:
        floor = run(served(nothing, sock, (base_url(sock), form, FORM), count))
    with bind(0) as sock:
        realm = Realm(name="desk", clients={"bench": client})
        provider = make_provider([realm], base_url=base_url(sock), state=None)
        with closing(provider):
            for issuer in provider.issuers.values():
                issuer.keys.ring()
            url = f"{provider.urls['desk']}/oauth2/token"
            return floor, run(served(create_app(provider), sock, (url, form, FORM), count))


async def touch() -> str:
    """A tool that takes no thread: waiting for the interpreter's lock would look like a step that waits."""
    return "touched"


def guarded_loop(count: int) -> tuple[list[float], list[float]]:
    """Slow steps of a FastMCP server, and of the same behind ResourceAuth, whose tool needs a scope."""
    found = []
    with served_issuer() as issuer:
        headers = [
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            f"Authorization: Bearer {issuer.mint()}",
        ]
        for guarded in (False, True):
            with bind(0) as sock:
                url = f"{base_url(sock)}/mcp"
                scopes = {"touch": ["desk/use"]}
                auth = ResourceAuth.of_issuer(
                    url, issuer=issuer.issuer, audience="accounts", tool_scopes=scopes
                )
                mcp: FastMCP = FastMCP("bench", auth=auth if guarded else None)
                mcp.tool(touch)
                app = mcp.http_app(path="/mcp", stateless_http=True, json_response=True)
                found.append(run(served(app, sock, (url, headers, CALL), count)))
    return found[0], found[1]


def run(work: Coroutine[Any, Any, list[float]]) -> list[float]:
    """Runs on a loop that can be watched."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)


async def served(
    app: Any, sock: socket.socket, asked: tuple[str, Sequence[str], bytes], count: int
) -> list[float]:
    """The slow steps of the loop that serves `app` while a client asks `count` times, after a warm-up."""
    url, headers, body = asked
    server = Server(app, loop="asyncio")
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        await from_elsewhere(url, headers, body, 50)
        gc.collect()
        gc.freeze()  # going through all that was imported is the interpreter's step, not the server's
        return await watched(lambda: from_elsewhere(url, headers, body, count))
    finally:
        server.stop()
        await serving


def _loop_rows(name: str, steps: tuple[list[float], list[float]], beside: str, count: int) -> list[Row]:
    floor, found = (1000 * len(slow) / count for slow in steps)
    return [
        Row(f"steps over 10 ms, {beside}", floor, "/1000"),
        Row(f"steps over 10 ms, {name}", found, "/1000"),
        Row(f"the longest of them: {name}", max(steps[1], default=0.0), "ms"),
    ]


def _client() -> int:
    url, headers, body, count = json.load(sys.stdin)
    asyncio.run(load(url, body.encode(), headers, count))
    return 0


def main() -> int:
    """Prints the figures; 1 with --check when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.auth", description=__doc__)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--grants", type=int, default=1500)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--client", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        return _client()
    count = max(options.grants // 3, 50)
    rows = [
        *asyncio.run(verify(options.tokens)),
        grants(options.grants),
        *_loop_rows("the provider", provider_loop(count), "nothing", count),
        *_loop_rows("behind ResourceAuth", guarded_loop(count), "FastMCP alone", count),
    ]
    for row in rows:
        bound = "" if row.goal is None else f"  goal {'≤' if row.most else '≥'} {row.goal:g}"
        print(f"{row.name:<58}{row.value:>9.1f} {row.unit:<9}{bound}{'' if row.good else '  MISSED'}")
    return 0 if not options.check or all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
