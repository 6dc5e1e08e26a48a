"""Questions that the tools do not answer by reading: what it would take, or why not.

A tool is asked by a name for an operation that it does not list. When that is the name of a writing API
call of its service, nothing is done: the answer names the call, the permission and the command line for a
person to use. When it hands out secrets, the answer says so. Everything else is left to the check of the
arguments, which suggests the nearest operation.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.errors import ServiceError
from skerry.servers.aws_ops import models, secrets
from skerry.servers.aws_ops.definition import ServiceTool
from skerry.servers.aws_ops.policy import PREFIXES, need

_READING = frozenset(
    {"describe", "download", "filter", "find", "get", "head", "list", "lookup", "query", "read", "scan",
     "search", "select", "show", "view"}
)  # fmt: skip

# Verbs of people, and those of AWS that may be meant.
_VERBS: Mapping[str, tuple[str, ...]] = {
    "add": ("create", "put", "attach", "add", "authorize"),
    "allow": ("authorize", "add", "put"),
    "attach": ("attach", "associate"),
    "boot": ("start",),
    "change": ("modify", "update", "change", "put", "set"),
    "clear": ("purge",),
    "destroy": ("delete", "terminate"),
    "detach": ("detach", "disassociate"),
    "disable": ("disable", "update", "put"),
    "drop": ("delete",),
    "edit": ("modify", "update", "put"),
    "empty": ("purge",),  # never delete: to empty a bucket is not to delete it
    "enable": ("enable", "update", "put"),
    "invoke": ("invoke",),
    "kill": ("terminate", "stop", "delete"),
    "launch": ("run", "start", "create"),
    "make": ("create",),
    "modify": ("modify", "update", "change"),
    "move": ("move", "copy"),
    "publish": ("publish", "send"),
    "reboot": ("reboot",),
    "remove": ("delete", "remove", "detach"),
    "resize": ("modify", "update"),
    "restart": ("reboot", "restart", "start"),
    "scale": ("update", "modify", "set"),
    "send": ("send", "publish"),
    "set": ("set", "put", "update", "modify", "change"),
    "shutdown": ("stop",),
    "tag": ("tag", "create", "add", "put"),
    "turn": ("start", "stop"),
    "update": ("update", "modify", "change", "put"),
    "upload": ("put", "import", "upload"),
    "upsert": ("change", "update", "put"),
    "write": ("put", "write"),
}  # fmt: skip
_WRITING = frozenset(_VERBS) | frozenset(
    {"abort", "accept", "apply", "associate", "authorize", "batch", "cancel", "copy", "create", "delete",
     "deploy", "deregister", "disassociate", "execute", "export", "import", "put", "purge", "register",
     "reject", "release", "replace", "reset", "restore", "resume", "revoke", "rotate", "run", "start", "stop",
     "subscribe", "suspend", "terminate", "test", "transact", "unsubscribe", "untag"}
)  # fmt: skip

# Where the AWS command line calls a service otherwise than botocore.
_COMMANDS: Mapping[str, str] = {"s3": "s3api", "config": "configservice", "codedeploy": "deploy"}

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_MAX_NAME = 100
_ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Needed:
    """What a writing question would take: the API call, the permission, the command line."""

    call: str
    permission: str
    command: str

    def members(self) -> dict[str, str]:
        return {"call": self.call, "permission": self.permission, "command": self.command}


def refusal(tool: ServiceTool, arguments: object) -> ServiceError | None:
    """The answer to a question for a write or for secrets; None when it is neither.

    Reads local files only; nothing is called.
    """
    asked = arguments.get("operation") if isinstance(arguments, Mapping) else None
    if not isinstance(asked, str) or not isinstance(arguments, Mapping):
        return None
    if any(asked == item.name for item in tool.operations):
        return None
    words = _words(asked)
    if not words:
        return None
    hands_out = _hands_out(tool, asked)
    if hands_out:
        return ServiceError("ReadOnlyException", 403, hands_out)
    if words[0] in _READING or words[0] not in _WRITING:
        return None
    found = _meant(tool, asked)
    if found is None:
        text = f"These tools only read, so nothing was done: '{asked[:_MAX_NAME]}' would change something."
        return ServiceError("ReadOnlyException", 403, text)
    needed = _needed(*found, arguments)
    text = (
        f"These tools only read, so nothing was done. It would take the API call {needed.call}, which needs "
        f"the permission {needed.permission}. To do it yourself: {needed.command}"
    )
    return ServiceError("ReadOnlyException", 403, text, members={"needed": needed.members()})


def _hands_out(tool: ServiceTool, asked: str) -> str:
    """The sentence about a call that hands out secrets, of the tool's own services before others."""
    words, spelled = _words(asked), _letters(asked)
    own = {service for service, _ in tool.calls()}
    rows = sorted(
        secrets.REFUSED.items(), key=lambda row: (row[0][0] not in own, _letters(row[0][1]) != spelled)
    )
    for (service, api), why in rows:
        if _words(api) == words:
            return secrets.sentence(f"{service}:{api}", why)
    for name, why in secrets.SIGNED_TOKENS.items():
        if _words(name) == words:
            return secrets.sentence(name, why)
    return ""


def _meant(tool: ServiceTool, asked: str) -> tuple[str, str] | None:
    """The writing call of the tool's services that is most like `asked`, if one is like enough."""
    words, spelled = _words(asked), _letters(asked)
    best: tuple[float, str, str] | None = None
    for service, api in _writes(tool):
        # DeleteObject and DeleteObjects are the same words: the spelling decides.
        alike = 2.0 if _letters(api) == spelled else _alike(words, _words(api))
        if alike >= _ALIKE and (best is None or alike > best[0]):
            best = (alike, service, api)
    return best[1:] if best else None


def _writes(tool: ServiceTool) -> Iterator[tuple[str, str]]:
    for service in sorted({service for service, _ in tool.calls()}):
        for api in models.service(service).operation_names:
            if _words(api)[0] not in _READING:
                yield service, api


def _alike(asked: tuple[str, ...], api: tuple[str, ...]) -> float:
    """How much a call is what was asked: 1 for the same words; 0 for another verb."""
    if asked == api:
        return 1.0
    verbs = _VERBS.get(asked[0], ())
    if api[0] not in (asked[0], *verbs):
        return 0.0
    nouns, others = set(asked[1:]), set(api[1:])
    if not nouns or not others:
        return 0.0
    same = len(nouns & others) / len(nouns | others)
    # The verb that people mean first counts most, but less than one noun does.
    rank = 0 if api[0] == asked[0] else 1 + verbs.index(api[0]) if api[0] in verbs else 9
    return same * 0.99 - rank * 0.01


def _needed(service: str, api: str, arguments: Mapping[str, Any]) -> Needed:
    permission = need(service, api).action if service in PREFIXES else f"{service}:{api}"
    return Needed(f"{service}:{api}", permission, _command(service, api, arguments))


def _command(service: str, api: str, arguments: Mapping[str, Any]) -> str:
    """The command line, with what is known of the arguments; the rest in capitals."""
    from botocore import xform_name

    model = models.operation(service, api)
    words = ["aws", _COMMANDS.get(service, service), xform_name(api, "-")]
    given = {
        _words(str(name)): value
        for name, value in arguments.items()
        # What begins with a dash would be read as an option.
        if name not in ("operation", "region") and not str(value).startswith("-")
    }
    shape = model.input_shape
    members = shape.members if shape is not None else {}
    required = shape.required_members if shape is not None else []
    for name, member in members.items():
        value = given.get(_words(name))
        if value is None and name not in required:
            continue
        flag = f"--{xform_name(name, '-')}"
        if member.type_name == "boolean":
            words.append(flag if value in (None, True) else f"--no-{flag[2:]}")
        else:
            words += [flag, *_values(xform_name(name), member, value)]
    region = str(arguments.get("region") or "")
    if region and re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d+", region):
        words += ["--region", region]
    return " ".join(words)


def _values(name: str, member: Any, value: object) -> list[str]:
    """A value for the shell, quoted; what is not known is a word in capitals, or JSON of such words."""
    placeholder = name.upper()
    if member.type_name == "list":
        if value is not None:
            return [shlex.quote(part.strip()) for part in str(value).split(",") if part.strip()] or [
                placeholder
            ]
        return [placeholder if member.member.type_name == "string" else _json(member, name)]
    if value is not None and member.type_name in ("string", "integer", "long"):
        return [shlex.quote(str(value))]
    return [_json(member, name) if member.type_name in ("structure", "map") else placeholder]


def _json(member: Any, name: str) -> str:
    return shlex.quote(json.dumps(_sketch(member, name, 3)))


def _sketch(member: Any, name: str, depth: int) -> Any:
    """The required members of a structure, with their names in capitals as values."""
    if member.type_name == "list" and depth:
        return [_sketch(member.member, name, depth - 1)]
    if member.type_name == "structure" and depth:
        required = member.required_members or list(member.members)[:1]
        return {part: _sketch(member.members[part], part, depth - 1) for part in required}
    return name.upper()


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name[:_MAX_NAME])).lower()


def _words(name: str) -> tuple[str, ...]:
    """`TerminateInstances`, `terminate_instance` and `terminate-instances` as the same words."""
    return tuple(_singular(word.lower()) for word in _WORD.findall(name[:_MAX_NAME]))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("ses") or (word.endswith("s") and not word.endswith(("ss", "us", "is"))):
        return word[:-1]
    return word
