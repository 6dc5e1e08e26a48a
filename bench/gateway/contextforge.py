"""ContextForge as a peer: started from an environment of its own, with the echo backend as its one server.

`make bench-peers` installs it. One worker, SQLite in a temporary folder, authentication on; UI, catalog,
plugins and telemetry off. Its rate limits are off, since their defaults (100 requests a minute, then a
lock-out) end any measurement.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.proxy.commands import PEERS

HOME = PEERS / "contextforge"
_ADMIN = "admin@example.com"
_READY = 120.0


def installed() -> bool:
    """Whether the peer can be started."""
    return (HOME / "bin" / "mcpgateway").exists()


@contextlib.contextmanager
def running(folder: Path, port: int, backend: str) -> Iterator[dict[str, Any]]:
    """ContextForge with sessions, as the load generator needs to know it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings(port)
    command = [str(HOME / "bin" / "mcpgateway"), "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "contextforge.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, "--log-level", "warning", "--no-access-log"],
            cwd=folder,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base, process, log)
        token = _token(folder, settings)
        url, tool = _publish(base, token, backend)
        yield {"url": url, "tool": tool, "token": token, "pid": process.pid, "sessions": True}
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _settings(port: int) -> dict[str, str]:
    password = f"{secrets.token_urlsafe(24)}aA1!"
    off = (
        "MCPGATEWAY_UI_ENABLED MCPGATEWAY_CATALOG_ENABLED LLMCHAT_ENABLED PLUGINS_ENABLED"
        " SSRF_DNS_FAIL_CLOSED OBSERVABILITY_ENABLED OTEL_ENABLE_OBSERVABILITY"
        " RATE_LIMITING_ENABLED RATE_LIMIT_LOCKOUT_ENABLED"
    )
    on = "MCPGATEWAY_ADMIN_API_ENABLED SSRF_ALLOW_LOCALHOST SSRF_ALLOW_PRIVATE_NETWORKS USE_STATEFUL_SESSIONS"
    return {
        **dict.fromkeys(off.split(), "false"),
        **dict.fromkeys(on.split(), "true"),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "AUTH_ENCRYPTION_SECRET": secrets.token_urlsafe(48),
        "PLATFORM_ADMIN_EMAIL": _ADMIN,
        "PLATFORM_ADMIN_PASSWORD": password,
        "DEFAULT_USER_PASSWORD": password,
        "DATABASE_URL": "sqlite:///./mcp.db",
        "CACHE_TYPE": "memory",
        "LOG_LEVEL": "ERROR",
        "TOOL_RATE_LIMIT": "100000000",
        "TOOL_CONCURRENT_LIMIT": "1000",
    }


def _wait(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/health", timeout=2):
            time.sleep(2)  # it answers a little before it can be written to
            return
        time.sleep(0.5)
    raise SystemExit(f"ContextForge did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _token(folder: Path, settings: dict[str, str]) -> str:
    command = [str(HOME / "bin" / "python"), "-m", "mcpgateway.utils.create_jwt_token"]
    command += ["--username", _ADMIN, "--admin", "--exp", "10080"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1].strip()


def _publish(base: str, token: str, backend: str) -> tuple[str, str]:
    """Registers the backend; the URL of a virtual server with its tool, and the tool's name."""

    def call(method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as problem:
            detail = problem.read()[:300].decode("utf-8", "replace")
            raise SystemExit(f"ContextForge {method} {path}: HTTP {problem.code} {detail}") from None

    call(
        "POST",
        "/gateways",
        {"name": "echo", "url": backend, "transport": "STREAMABLEHTTP", "visibility": "public"},
    )
    time.sleep(2)  # it lists the backend's tools on its own time
    found = call("GET", "/tools")
    tools = found if isinstance(found, list) else found["tools"]
    server = {"name": "bench", "description": "bench", "associated_tools": [tool["id"] for tool in tools]}
    made = call("POST", "/servers", {"server": server, "visibility": "public"})
    return f"{base}/servers/{made['id']}/mcp", str(tools[0]["name"])
