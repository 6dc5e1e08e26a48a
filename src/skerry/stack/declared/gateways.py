"""`[gateways.NAME]` of skerry.toml: a gateway, what is behind it, and what stands before that.

authorizer, description           who may call
instructions, debug, streaming, session_timeout
search                            the tool that finds tools
policies, policy_mode             files of Cedar statements
interceptors                      functions that see requests and answers
rate_limits                       how much of what for whom
[….targets.TARGET]                runtime | url | function, tools | openapi, server | http
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.stack.declared.access import Authorizer, Credentials, authorizer, credentials
from skerry.stack.declared.table import Table

NAME = re.compile(r"([0-9a-zA-Z]-?){1,48}")
TARGET_NAME = re.compile(r"([0-9a-zA-Z]-?){1,100}")
KINDS = ("runtime", "url", "function", "openapi", "http")
"""Keys of a target that say what it is."""
RATE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)/(second|minute)")
POLICY_MODES = ("enforce", "log_only")


@dataclass(frozen=True, slots=True)
class Target:
    """What is behind a gateway: exactly one of KINDS. `server` replaces the servers of a document."""

    name: str
    runtime: str
    url: str
    function: str
    tools: Path | None
    openapi: Path | None
    server: str
    http: str
    credentials: Credentials
    headers: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class Interceptor:
    """A function that sees what passes at `point` ("REQUEST", "RESPONSE"), and `headers` if told so."""

    function: str
    point: str
    headers: bool


@dataclass(frozen=True, slots=True)
class RateLimit:
    """An entry of a rate limit: `requests` and `connections` as (rate, "second" or "minute"), if limited."""

    dimensions: Mapping[str, str]
    requests: tuple[float, str] | None
    connections: tuple[float, str] | None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway and its targets. `session_timeout` is in seconds, 0 for a gateway without sessions."""

    name: str
    authorizer: Authorizer
    targets: Mapping[str, Target]
    instructions: str
    debug: bool
    session_timeout: int
    streaming: bool
    search: bool
    policies: tuple[Path, ...]
    policy_mode: str
    interceptors: tuple[Interceptor, ...]
    rate_limits: tuple[RateLimit, ...]
    description: str


def read(part: Table, name: str) -> Gateway:
    """The gateway of a table. Raises ConfigurationError, which names table and key."""
    if not NAME.fullmatch(name):
        raise part.problem("", "is no gateway name: letters, digits and single hyphens (48 at most)")
    gateway = Gateway(
        name=name,
        authorizer=authorizer(part),
        targets={key: _target(target, key) for key, target in part.tables("targets")},
        instructions=part.text("instructions", ""),
        debug=part.flag("debug", default=False),
        session_timeout=_session_timeout(part),
        streaming=part.flag("streaming", default=False),
        search=part.flag("search", default=False),
        policies=tuple(_file(part, "policies", item) for item in part.texts("policies")),
        policy_mode=part.choice("policy_mode", POLICY_MODES, "enforce"),
        interceptors=_interceptors(part),
        rate_limits=tuple(_rate_limit(limit) for limit in part.each("rate_limits")),
        description=part.text("description", ""),
    )
    if part.has("policy_mode") and not gateway.policies:
        raise part.problem("policy_mode", 'needs policies, for example policies = ["tools.cedar"]')
    part.finish()
    return gateway


def _session_timeout(part: Table) -> int:
    seconds = part.count("session_timeout", 0)
    if seconds and not 900 <= seconds <= 28800:
        raise part.problem("session_timeout", "must be 900 to 28800 seconds")
    return seconds


def _interceptors(part: Table) -> tuple[Interceptor, ...]:
    inner = part.table("interceptors")
    named = {point: inner.text(point.lower(), "") for point in ("REQUEST", "RESPONSE")}
    headers = inner.flag("headers", default=False)
    inner.finish()
    if part.has("interceptors") and not any(named.values()):
        raise inner.problem("", 'needs request or response, for example request = "FUNCTION"')
    return tuple(
        Interceptor(function=function, point=point, headers=headers)
        for point, function in named.items()
        if function
    )


def _rate_limit(part: Table) -> RateLimit:
    dimensions = part.texts_by_name("dimensions")
    limit = RateLimit(
        dimensions=dimensions,
        requests=_rate(part, "requests"),
        connections=_rate(part, "connections"),
    )
    if not dimensions:
        raise part.problem("dimensions", 'is missing; write for example { targetName = "*" }')
    if limit.requests is None and limit.connections is None:
        raise part.problem("", 'needs requests or connections, for example requests = "5/second"')
    part.finish()
    return limit


def _rate(part: Table, key: str) -> tuple[float, str] | None:
    text = part.text(key, "")
    if not text:
        return None
    match = RATE.fullmatch(text)
    if match is None:
        raise part.problem(key, f"is '{text}', but must look like 5/second or 100/minute")
    return float(match[1]), match[2]


def _target(part: Table, name: str) -> Target:
    if not TARGET_NAME.fullmatch(name):
        raise part.problem("", "is no target name: letters, digits and single hyphens (no underscore)")
    given = {kind: part.text(kind, "") for kind in KINDS}
    tools = part.text("tools", "")
    target = Target(
        name=name,
        runtime=given["runtime"],
        url=given["url"],
        function=given["function"],
        tools=part.path(tools) if tools else None,
        openapi=_file(part, "openapi", given["openapi"]) if given["openapi"] else None,
        server=part.text("server", ""),
        http=given["http"],
        credentials=credentials(part),
        headers=part.texts("headers"),
        description=part.text("description", ""),
    )
    if sum(1 for value in given.values() if value) != 1:
        raise part.problem("", f"needs exactly one of {', '.join(KINDS[:-1])} and {KINDS[-1]}")
    _check(part, target)
    part.finish()
    return target


def _check(part: Table, target: Target) -> None:
    """What fits to which kind of target. Raises ConfigurationError."""
    kind = target.credentials.kind
    if target.function and target.tools is None:
        raise part.problem("tools", "is missing: a function target needs the file of its tool schema")
    if target.tools is not None and not target.function:
        raise part.problem("tools", "belongs to a function; every other target has its tools by itself")
    if target.server and target.openapi is None:
        raise part.problem("server", "belongs to openapi: it replaces the servers of the document")
    if kind == "caller" and not (target.http or target.runtime):
        raise part.problem("credentials", '"caller" is for http and for runtimes that are no MCP servers')
    if kind == "api-key" and not (target.http or target.openapi or target.url):
        raise part.problem("credentials", "an api_key is for openapi, url and http")


def _file(part: Table, key: str, name: str) -> Path:
    path = part.path(name)
    if not path.is_file():
        raise part.problem(key, f"names {path}, which is no file")
    return path


def protocol(gateway: Gateway) -> dict[str, Any]:
    """What a gateway is told of MCP, as `protocolConfiguration.mcp` has it."""
    mcp: dict[str, Any] = {}
    if gateway.instructions:
        mcp["instructions"] = gateway.instructions
    if gateway.search:
        mcp["searchType"] = "SEMANTIC"
    if gateway.session_timeout:
        mcp["sessionConfiguration"] = {"sessionTimeoutInSeconds": gateway.session_timeout}
    if gateway.streaming:
        mcp["streamingConfiguration"] = {"enableResponseStreaming": True}
    return mcp
