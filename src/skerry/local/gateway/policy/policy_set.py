"""The policies of an engine, ready to decide. Parsed once, when they change.

Default deny, and a forbid wins, as in Cedar. Beyond Cedar, which passes over a policy that fails while it is
evaluated, a forbid that fails denies: an argument of another type must not switch it off. (AWS counts the
requests that failed because a policy did not fit them; what it answers is not known.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cedarpy import AuthzResult, Decision, Entities, PolicySet, is_authorized_batch

from skerry.errors import SkerryError
from skerry.local.gateway.policy.optimism import without_input
from skerry.local.gateway.policy.statement import Statement, named_actions, parse
from skerry.local.gateway.policy.verdict import Asker, Closed, Judge, Verdict
from skerry.local.gateway.policy.vocabulary import action_entities, parents, request
from skerry.local.ports.resources import Record

_FAILED = re.compile(r"policy `([^`]*)`")
_EVALUATED = frozenset({"ACTIVE", "UPDATING", "UPDATE_FAILED", "DELETE_FAILED"})
_NO_INPUT = '{"input":{}}'


@dataclass(frozen=True, slots=True)
class Policies:
    """Implements `Judge`.

    `active` holds the policies that decide; `optimistic` the same without the input of a call; `tried` also
    those that are LOG_ONLY. `statements` are all of them by id, `logged` the ids of the latter, `named` the
    actions that one of them names.
    """

    statements: Mapping[str, Statement]
    logged: frozenset[str]
    named: frozenset[str]
    active: PolicySet
    optimistic: PolicySet
    tried: PolicySet
    reads_input: bool
    problem: str = ""

    @property
    def trials(self) -> bool:
        """Whether there are policies that are LOG_ONLY."""
        return bool(self.logged)

    @property
    def deciding(self) -> list[Statement]:
        """The statements that are not LOG_ONLY."""
        return [item for name, item in self.statements.items() if name not in self.logged]

    def listing(self, asker: Asker, tools: Sequence[str]) -> list[Verdict]:
        """For each tool whether some call of it may be allowed.

        A policy can tell an action from another only by naming it, or a group of it: of the tools of a target
        that no policy names, one is asked for all.
        """
        kinds = [(tool,) if tool in self.named else parents(tool) for tool in tools]
        asked = dict(zip(reversed(kinds), reversed(tools), strict=True))
        decided = self._decide(self.optimistic, asker, list(asked.values()), _NO_INPUT)
        verdicts = dict(zip(asked, decided, strict=True))
        return [verdicts[kind] for kind in kinds]

    def call(self, asker: Asker, tool: str, context: str, *, trial: bool = False) -> Verdict:
        """The decision about one call."""
        return self._decide(self.tried if trial else self.active, asker, [tool], context)[0]

    def permits(self, asker: Asker, tool: str) -> bool:
        """Whether the scope of an active permit takes such a request."""
        return any(
            item.effect == "permit" and item.touches(asker.kind, tool, asker.gateway_arn)
            for item in self.deciding
        )

    def _decide(self, policies: PolicySet, asker: Asker, tools: Sequence[str], context: str) -> list[Verdict]:
        requests = [request(asker.principal, tool, asker.gateway_arn, context) for tool in tools]
        try:
            entities = Entities.from_json_str(json.dumps([asker.principal, *action_entities(tools)]))
            found = is_authorized_batch(requests, policies, entities)
        except ValueError:  # a claim or a name that is no Unicode, such as half of a surrogate pair
            return [Verdict(allowed=False, unreadable=True)] * len(tools)
        return [self._verdict(result) for result in found]

    def _verdict(self, result: AuthzResult) -> Verdict:
        if result.decision is Decision.NoDecision:
            return Verdict(allowed=False, unreadable=True)
        failed = [_FAILED.search(error) for error in result.diagnostics.errors]
        ids = [match[1] if match else "" for match in failed]
        broken = tuple(sorted(name for name in ids if not self._is_permit(name)))
        if broken and result.allowed:
            return Verdict(allowed=False, policies=broken)
        return Verdict(result.allowed, tuple(sorted(result.diagnostics.reasons)))

    def _is_permit(self, policy_id: str) -> bool:
        statement = self.statements.get(policy_id)
        return statement is not None and statement.effect == "permit"


def judge(records: Sequence[Record]) -> Judge:
    """The policies of an engine's records. When one of them cannot be read, everything is denied."""
    try:
        return compiled(records)
    except (SkerryError, ValueError, RecursionError, KeyError) as problem:
        return Closed(f"A policy of the engine cannot be read: {problem}"[:300])


def compiled(records: Sequence[Record]) -> Policies:
    """The policies of an engine's records.

    Raises ValueError, KeyError, RecursionError or StatementError for one that cannot be read.
    """
    statements: dict[str, Statement] = {}
    logged: set[str] = set()
    for record in records:
        if record.get("status") in _EVALUATED:
            policy_id = str(record["policyId"])
            statements[policy_id] = parse(text_of(record["definition"]))
            if record.get("enforcementMode") == "LOG_ONLY":
                logged.add(policy_id)
    active = {name: item.body for name, item in statements.items() if name not in logged}
    optimistic = {name: without_input(body) for name, body in active.items()}
    deciding = _set(active)
    return Policies(
        statements=statements,
        logged=frozenset(logged),
        named=frozenset(name for item in statements.values() for name in named_actions(item.body)),
        active=deciding,
        optimistic=_set({name: body for name, body in optimistic.items() if body is not None}),
        tried=_set({name: item.body for name, item in statements.items()}) if logged else deciding,
        reads_input=any(item.reads_input for item in statements.values()),
    )


def text_of(definition: Mapping[str, Any]) -> str:
    """The statement of a policy definition. Raises KeyError for a generated one."""
    return str(definition["cedar" if "cedar" in definition else "policy"]["statement"])


def _set(bodies: Mapping[str, Mapping[str, Any]]) -> PolicySet:
    document = {"templates": {}, "staticPolicies": bodies, "templateLinks": []}
    return PolicySet.from_json_str(json.dumps(document), release_gil=True)
