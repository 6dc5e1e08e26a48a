"""What a target is: the URL behind an ARN, a URL or a name of the running stack, and how it is signed for.

Pure but for the stack's own file. Sources: botocore endpoint rules of `bedrock-agentcore`; AWS developer
guide, gateway endpoints.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from skerry.errors import ConfigurationError
from skerry.wire.arn import GATEWAY_ID, Arn
from skerry.wire.endpoints import data_plane, gateway_base, gateway_url, invocation_url, signing_scope

SERVICE = "bedrock-agentcore"
_LOOPBACK = re.compile(r"(?:127(?:\.[0-9]{1,3}){3}|localhost|::1|.*\.localhost)\Z", re.IGNORECASE)

Kind = Literal["runtime", "gateway", "mcp"]
Method = Literal["iam", "jwt", "none", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where messages go. `method` is how the stack says that callers prove themselves, if it says so.

    `sign` tells whether a signature may be tried there unasked: in AWS, at the endpoint that was given, and
    on this machine, but not at any other server, which would learn a key id and a session token.
    """

    kind: Kind
    url: str
    region: str
    sign: bool
    method: Method = ""
    name: str = ""
    stack: Mapping[str, Any] | None = field(default=None, repr=False)


def resolve(target: str, *, qualifier: str, endpoint_url: str, region: str, state: Path) -> Target:
    """The target of a word: an ARN of a runtime or gateway, a URL, or a name of the running stack.

    The region of an ARN or an AWS host wins over `region`. Raises ConfigurationError, NotRunningError,
    ProtocolError, each with the next move.
    """
    target = target.strip()
    if target.startswith("arn:"):
        arn = Arn.parse(target)
        running = None if endpoint_url else _running(target, qualifier=qualifier, state=state)
        return running or _by_arn(arn, qualifier=qualifier, endpoint_url=endpoint_url)
    if "://" in target:
        known = None if endpoint_url else _running_at(target, state=state)
        return known or _by_url(target, region=region, endpoint_url=endpoint_url)
    return _by_name(target, qualifier=qualifier, state=state)


def _by_arn(arn: Arn, *, qualifier: str, endpoint_url: str) -> Target:
    if not arn.region:
        raise ConfigurationError(f"{arn} names no region.", hint="Copy the whole ARN of the runtime.")
    if arn.resource_type == "gateway":
        if GATEWAY_ID.fullmatch(arn.resource_id) is None:
            raise ConfigurationError(f"{arn} is no gateway ARN.", hint="It ends in gateway/NAME-ID.")
        url = (
            gateway_url(endpoint_url, arn.resource_id)
            if endpoint_url
            else gateway_base(arn.region, arn.resource_id) + "/mcp"
        )
        return Target(kind="gateway", url=url, region=arn.region, sign=True)
    if not arn.resource_type.endswith("runtime"):
        raise ConfigurationError(
            f"{arn} is neither a runtime nor a gateway.",
            hint="Give arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/ID or …:gateway/ID.",
        )
    url = invocation_url(endpoint_url or data_plane(arn.region), str(arn), qualifier=qualifier)
    return Target(kind="runtime", url=url, region=arn.region, sign=True)


def _by_url(url: str, *, region: str, endpoint_url: str) -> Target:
    parts = urlsplit(url)
    scope = signing_scope(url)
    runtime = "/runtimes/" in parts.path and "/invocations" in parts.path
    gateway = "/gateway/" in parts.path or (scope is not None and ".gateway." in (parts.hostname or ""))
    kind: Kind = "runtime" if runtime else "gateway" if gateway else "mcp"
    if scope is not None:
        return Target(kind=kind, url=url, region=scope[1], sign=True)
    ours = bool(endpoint_url) and _origin(url) == _origin(endpoint_url)
    near = _LOOPBACK.match(parts.hostname or "") is not None
    return Target(kind=kind, url=url, region=region, sign=ours or near)


def _by_name(name: str, *, qualifier: str, state: Path) -> Target:
    from skerry.auth import local

    stack = local.read(state)
    kind, entry = local.runtime_or_gateway(stack, name, state=state)
    assert stack is not None
    return _of_stack(stack, kind, entry, qualifier)


def _running(arn: str, *, qualifier: str, state: Path) -> Target | None:
    """The target of an ARN that the running stack made, as `skerry call` and `skerry chat` find it."""
    if not (state / "stack.json").is_file():
        return None
    from skerry.auth import local

    stack = local.read(state)
    entry = local.by_arn(stack, arn)
    if stack is None or entry is None:
        return None
    return _of_stack(stack, "gateway" if ":gateway/" in arn else "runtime", entry, qualifier)


def _running_at(url: str, *, state: Path) -> Target | None:
    """The same for a URL, which stays as it was given."""
    if not (state / "stack.json").is_file():
        return None
    from skerry.auth import local

    stack = local.read(state)
    entry = local.by_url(stack, url)
    if stack is None or entry is None:
        return None
    kind: Kind = "gateway" if "/gateway/" in urlsplit(url).path else "runtime"
    return Target(
        kind=kind,
        url=url,
        region=str(stack["region"]),
        sign=True,
        method=entry.get("auth", ""),
        name=str(entry["name"]),
        stack=stack,
    )


def _of_stack(stack: Mapping[str, Any], kind: Kind, entry: Mapping[str, Any], qualifier: str) -> Target:
    url = str(entry.get("url", ""))
    if kind == "runtime":
        url = invocation_url(str(stack["endpoint"]), str(entry["arn"]), qualifier=qualifier)
    return Target(
        kind=kind,
        url=url,
        region=str(stack["region"]),
        sign=True,
        method=entry.get("auth", ""),
        name=str(entry["name"]),
        stack=stack,
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """The HTTP proxies of the environment by scheme, and `no` for the hosts that need none."""
    found = {}
    for scheme in ("http", "https", "no", "all"):
        value = environment.get(f"{scheme}_proxy") or environment.get(f"{scheme.upper()}_PROXY", "")
        if value.strip():
            found[scheme] = value.strip()
    return found


def bypassed(host: str, without: str) -> bool:
    """Whether a host is reached without the HTTP proxy: loopback, or named by NO_PROXY."""
    if _LOOPBACK.match(host):
        return True
    host = host.lower()
    for entry in without.lower().split(","):
        suffix = entry.strip().lstrip("*").lstrip(".").partition(":")[0]
        if entry.strip() == "*" or (suffix and (host == suffix or host.endswith("." + suffix))):
            return True
    return False


def shown(target: Target) -> str:
    """The target as one JSON line for the log; a URL holds no secret here."""
    return json.dumps({"kind": target.kind, "url": target.url, "region": target.region})
