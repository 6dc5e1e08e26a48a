"""`skerry proxy` as a host starts it: a process of its own, in an environment without anything of the caller's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from tests.kit.agentcore import KEY_ID, SECRET, AgentCore
from tests.kit.stdio_host import StdioHost

FOREIGN = (
    "AWS_",
    "AGENT",
    "MCP_",
    "SKERRY_",
    "RUNTIME_",
    "LOG_LEVEL",
    "HTTP_",
    "HTTPS_",
    "ALL_",
    "PYTHON",
    "SSL_",
)
"""Nothing of the caller's own AWS identity, proxies or Python settings may reach the process."""

PLAIN = ("--auth", "none")
"""For a plain MCP server, which wants no proof."""


def environment(server: AgentCore | None, **changes: str | None) -> dict[str, str]:
    """The environment of the process: fake keys, and `server` as every AWS endpoint. None removes a variable."""
    found = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    found |= {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "SKERRY_STATE": f"{os.devnull}/none",
    }
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ):
        found.pop(name, None)
    if server is not None:
        found["AWS_ENDPOINT_URL_STS"] = server.url
        found["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE"] = server.url
    for name, value in changes.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def command(words: Sequence[str]) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "skerry", "proxy", *words]


def proxy(
    server: AgentCore,
    *flags: str,
    target: str | None = None,
    env: Mapping[str, str | None] | None = None,
    within: float = 10.0,
) -> StdioHost:
    """A host in front of a proxy whose target is the runtime of `server`; `target` names another, "" none."""
    words = [server.arn if target is None else target, *flags]
    return StdioHost(
        command([word for word in words if word]), environment(server, **dict(env or {})), within=within
    )
