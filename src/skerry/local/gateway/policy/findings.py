"""What is wrong with a statement: Cedar's validator, and what the whole engine would do.

Schema findings come from Cedar; an action that a gateway does not have is told with the nearest one. Of AWS's
semantic validation, which reasons about all arguments, the two findings that people meet are told, where the
scopes alone prove them: an engine that would allow, or deny, every request of a principal type for an action.

Source: AWS developer guide, `policy-validation-overview`; texts of captures published by others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cedarpy import Schema, validate_policies

from skerry.local.gateway.policy.schema import FUTURE
from skerry.local.gateway.policy.statement import Statement
from skerry.local.gateway.policy.vocabulary import PRINCIPALS, parents

Tools = Mapping[str, Mapping[str, Any]]
"""Input schemas by the public names of the tools."""

_PREFIX = re.compile(r"^for policy `[^`]*`, ")
_UNKNOWN = re.compile(r'unrecognized action `AgentCore::Action::"(.*)"`')
_TEXT = {
    "permit": "Overly Permissive: Policy Engine will allow every request",
    "forbid": "Overly Restrictive: Policy Engine will deny every request",
}


def schema_findings(text: str, schema: Schema, known: Iterable[str]) -> list[str]:
    """What Cedar's validator says of a statement; `known` are the names of a gateway's actions."""
    names = list(known)
    found = validate_policies(text, schema, release_gil=True)
    lines = [_named(_PREFIX.sub("", error.error), names) for error in found.errors]
    return list(dict.fromkeys(lines))


def engine_findings(new: Statement, others: Sequence[Statement], gateways: Mapping[str, Tools]) -> list[str]:
    """What an engine with `others` would do to whole kinds of requests once `new` is added."""
    return [
        f"{_TEXT[new.effect]} for the specified principal ({principal}), action ({action}) and resource "
        f"({resource}) combination if the policy is added or updated"
        for principal in PRINCIPALS
        if new.principal in (None, principal)
        for action, resource in _combinations(new, gateways)
        if _decided(new, [item for item in others if _meets(item, principal, action, resource)])
    ]


def _decided(new: Statement, others: Sequence[Statement]) -> bool:
    """Whether the engine's answer no longer depends on anything."""
    if new.effect == "permit":
        return not new.conditional and all(item.effect == "permit" for item in others)
    return not new.conditional or all(item.effect == "forbid" for item in others)


def _combinations(new: Statement, gateways: Mapping[str, Tools]) -> Iterator[tuple[str, str]]:
    if new.actions is None:
        yield FUTURE, new.gateways[0] if new.gateways else "gateway/*"
        return
    for arn in new.gateways or ():
        for tool in gateways.get(arn, ()):
            if not {tool, *parents(tool)}.isdisjoint(new.actions):
                yield tool, arn


def _meets(item: Statement, principal: str, action: str, resource: str) -> bool:
    if action == FUTURE:  # a forbid of some tools leaves the others open
        return item.principal in (None, principal) and (item.actions is None or item.effect == "permit")
    return item.touches(principal, action, resource)


def _named(line: str, known: Sequence[str]) -> str:
    match = _UNKNOWN.search(line)
    if match is None:
        return line
    near = difflib.get_close_matches(match[1], known, n=1, cutoff=0.6)
    if near:
        return f'{line}; did you mean `AgentCore::Action::"{near[0]}"`?'
    return f"{line}; the gateway has {_shown(known)}"


def _shown(known: Sequence[str]) -> str:
    if not known:
        return "no tools yet"
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return ", ".join(known[:5]) + more
