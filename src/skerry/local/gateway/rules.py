"""Which HTTP target a gateway's rules send a request to: pure, without I/O.

Source: AWS developer guide, `gateway-rules` and `gateway-rules-session-stickiness`. Rules are asked by
priority, low numbers first; the first that matches and routes decides. Within a condition any entry will
do, all conditions must hold.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.local.ports.resources import Record
from skerry.wire.arn import role_of

_WILDCARDS = {"*": ".*", "?": "."}


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a request goes, and which rule says so; `variant` is the chosen one of a weighted route."""

    target: str
    rule_id: str
    variant: str = ""


def route(
    rules: Sequence[Record], *, path: str, principal: str = "", session: str = "", draw: float = 0.0
) -> Routed | None:
    """The target for a request, or None when no rule routes it.

    `path` is that below the gateway, such as `/my-target/invocations`; `principal` the ARN of the caller's
    signature, if any. A weighted route gives one `session` always the same variant; without a session,
    `draw` from [0, 1) decides.
    """
    for rule in sorted(rules, key=lambda found: int(found["priority"])):
        action = _route_action(rule)
        if action is not None and matches(rule.get("conditions") or (), path=path, principal=principal):
            return _target(rule, action, _draw(str(rule["ruleId"]), session, draw))
    return None


def matches(conditions: Sequence[Mapping[str, Any]], *, path: str, principal: str) -> bool:
    """Whether all conditions hold. A condition of another kind than principals and paths never does."""
    for condition in conditions:
        if "matchPrincipals" in condition:
            entries = condition["matchPrincipals"]["anyOf"]
            if not any(_is_principal(entry.get("iamPrincipal") or {}, principal) for entry in entries):
                return False
        elif "matchPaths" in condition:
            if not any(path.startswith(pattern[:-1]) for pattern in condition["matchPaths"]["anyOf"]):
                return False
        else:
            return False
    return True


def _is_principal(entry: Mapping[str, Any], principal: str) -> bool:
    """Whether the caller is meant: under the ARN of its session, or under that of its role."""
    wanted = str(entry.get("arn", ""))
    known = [arn for arn in (principal, role_of(principal)) if arn]
    if entry.get("operator", "StringEquals") != "StringLike":
        return wanted in known
    pattern = "".join(_WILDCARDS.get(char) or re.escape(char) for char in wanted)
    return any(re.fullmatch(pattern, arn, re.DOTALL) is not None for arn in known)


def _route_action(rule: Record) -> Mapping[str, Any] | None:
    for action in rule["actions"]:
        if "routeToTarget" in action:
            found: Mapping[str, Any] = action["routeToTarget"]
            return found
    return None


def _target(rule: Record, action: Mapping[str, Any], draw: float) -> Routed:
    rule_id = str(rule["ruleId"])
    if "staticRoute" in action:
        return Routed(str(action["staticRoute"]["targetName"]), rule_id)
    below = 0.0
    variants = action["weightedRoute"]["trafficSplit"]
    for variant in variants:
        below += variant["weight"] / 100
        if draw < below:
            break
    return Routed(str(variant["targetName"]), rule_id, str(variant["name"]))


def _draw(rule_id: str, session: str, draw: float) -> float:
    """A session's own number from [0, 1), the same each time, so that nothing has to be remembered."""
    if not session:
        return draw
    digest = hashlib.sha256(f"{rule_id}\n{session}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
