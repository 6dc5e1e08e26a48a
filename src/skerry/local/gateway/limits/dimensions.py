"""What a request is, in the words of rate limits: the values of its dimensions.

Names of targets and tools come from the body that is acted on, never from a header that repeats them. Only
what was proved counts of the caller: verified claims and the principal of a signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from skerry.local.gateway import tools
from skerry.local.gateway.messages import Request
from skerry.local.ports.callers import Caller
from skerry.wire.arn import role_of

_JWT = "$.context.jwt."
_HEADER = "$.context.request.header."
_BODY = "$.context.request.body."
_LONGEST = 256
"""Characters of a value that an entry can name; a longer one is told apart by its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A request as rate limits see it.

    `headers` have lower-case names, `body` gives the parsed JSON body or None. `target` and `tool` are
    empty for a request that is for none.
    """

    caller: Caller
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: Callable[[], object] = field(default=lambda: None, repr=False)
    target: str = ""
    tool: str = ""


def mcp_subject(request: Request) -> Subject:
    """The subject of an MCP request."""
    message = request.message
    name = message.params.get("name")
    public = name if message.method in ("tools/call", "prompts/get") and isinstance(name, str) else ""
    parts = tools.split(public)
    return Subject(
        caller=request.caller,
        headers=request.headers,
        body=lambda: {
            "jsonrpc": "2.0",
            "id": message.id,
            "method": message.method,
            "params": message.params,
        },
        target=parts[0] if parts else "",
        tool=public if message.method == "tools/call" else "",
    )


def values(keys: Sequence[str], subject: Subject, *, by_role: bool) -> tuple[str, ...] | None:
    """The values of these dimension keys, or None when the request lacks one.

    `by_role` names a caller with temporary credentials after its role.
    """
    found = []
    for key in keys:
        value = _value(key, subject, by_role=by_role)
        if not value:
            return None
        long = len(value) > _LONGEST
        found.append(hashlib.sha256(value.encode("utf-8", "replace")).hexdigest() if long else value)
    return tuple(found)


def _value(key: str, subject: Subject, *, by_role: bool) -> str:
    if key == "targetName":
        return subject.target
    if key == "toolName":
        return subject.tool
    if key == "$.context.iam.principal":
        arn = subject.caller.arn if subject.caller.kind == "iam" else ""
        return (role_of(arn) if by_role else "") or arn
    if key == "$.context.iam.sourceIdentity":
        return subject.caller.limits.source_identity if subject.caller.limits is not None else ""
    if key.startswith(_JWT):
        return _member(subject.caller.claims, key.removeprefix(_JWT))
    if key.startswith(_HEADER):
        wanted = key.removeprefix(_HEADER).lower()
        return next((value for name, value in subject.headers if name == wanted), "")
    if key.startswith(_BODY):
        return _member(subject.body(), key.removeprefix(_BODY))
    return ""  # qualifiedModelId is of inference targets


def _member(value: object, path: str) -> str:
    """The scalar at a dotted path, as text; a member whose own name has dots comes first."""
    if isinstance(value, Mapping) and path in value:
        return _text(value[path])
    found: object = value
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return ""
        found = found[name]
    return _text(found)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
