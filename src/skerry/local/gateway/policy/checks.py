"""What the control plane asks before it stores a policy: whether it is one, and fits the gateways' tools.

Statements are checked against the gateways that they name, or against all that use the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from skerry.local.gateway.catalogue import Catalogue, Entry
from skerry.local.ports.resources import PolicyFindings, PolicyProposal, Record, Resources
from skerry.wire.tool_names import SEPARATOR

if TYPE_CHECKING:  # Cedar is loaded when the first policy comes
    from skerry.local.gateway.policy.findings import Tools
    from skerry.local.gateway.policy.statement import Statement


class PolicyChecks:
    """Implements `ports.PolicyCheck` from the tools that the gateways list."""

    def __init__(self, resources: Resources, catalogue: Catalogue) -> None:
        self._resources = resources
        self._catalogue = catalogue

    async def __call__(self, proposal: PolicyProposal) -> PolicyFindings:
        """What is wrong with a statement. Waits for targets that were not listed yet."""
        statement = await asyncio.to_thread(_read, proposal.statement)
        if isinstance(statement, PolicyFindings):
            return statement
        gateways = self._gateways(proposal.engine_arn, statement)
        missing = set(statement.gateways or ()) - {str(gateway["gatewayArn"]) for gateway in gateways}
        if missing:
            return PolicyFindings(refusal=f"The gateway {min(missing)[:300]} does not exist.")
        reasons: list[str] = []
        tools: dict[str, Tools] = {}
        for gateway in gateways:
            entries = await self._catalogue.entries(gateway)
            known = _tools(entries, statement)
            tools[str(gateway["gatewayArn"])] = known
            groups = [entry.name for entry in entries]
            found = await asyncio.to_thread(_validated, proposal.statement, statement, known, groups)
            reasons += [*found, *(_unlisted(entries) if found else ())]
        if not gateways:
            reasons += await asyncio.to_thread(_validated, proposal.statement, statement, {}, ())
        if not reasons and proposal.semantic:
            records = self._resources.policies(proposal.engine_arn) or ()
            others = [item for item in records if item["policyId"] != proposal.policy_id]
            reasons += await asyncio.to_thread(_semantic, statement, others, tools)
        return PolicyFindings(reasons=tuple(dict.fromkeys(reasons)))

    def _gateways(self, engine_arn: str, statement: Statement) -> list[Record]:
        def concerns(gateway: Record) -> bool:
            if statement.gateways is not None:
                return gateway.get("gatewayArn") in statement.gateways
            return (gateway.get("policyEngineConfiguration") or {}).get("arn") == engine_arn

        return [gateway for gateway in self._resources.all_gateways() if concerns(gateway)]


def _read(text: str) -> Statement | PolicyFindings:
    from skerry.local.gateway.policy.statement import DogwoodError, StatementError, check_scope, parse

    try:
        statement = parse(text)
        check_scope(statement)
    except DogwoodError as problem:
        return PolicyFindings(unsupported=problem.message)
    except StatementError as problem:
        return PolicyFindings(refusal=str(problem))
    return statement


def _tools(entries: Sequence[Entry], statement: Statement) -> Tools:
    """The input schemas of listed tools. Of a dynamic target, every tool that is named counts as there."""
    found: dict[str, Mapping[str, object]] = {}
    for entry in entries:
        if entry.listing is not None:
            found |= {item.public: item.schema for item in entry.listing.tools.values()}
        elif entry.target is not None and entry.target.dynamic:
            prefix = entry.name + SEPARATOR
            found |= {name: {} for name in statement.actions or () if name.startswith(prefix)}
    return found


def _unlisted(entries: Sequence[Entry]) -> list[str]:
    return [
        f"the target {entry.name} could not be listed: {entry.problem}"
        for entry in entries
        if entry.listing is None and entry.problem
    ]


def _validated(text: str, statement: Statement, tools: Tools, groups: Sequence[str]) -> list[str]:
    """What Cedar finds. Tools that a statement does not mean are left out of the schema, to save time."""
    from skerry.local.gateway.policy.findings import schema_findings
    from skerry.local.gateway.policy.schema import compiled
    from skerry.local.gateway.policy.statement import named_actions
    from skerry.local.gateway.policy.vocabulary import parents

    named = named_actions(statement.body)
    meant = {
        name: schema
        for name, schema in tools.items()
        if statement.actions is None or not named.isdisjoint({name, *parents(name)})
    }
    try:
        return schema_findings(text, compiled(meant, groups), [*tools, *groups])
    except ValueError as problem:
        return [f"The Cedar schema of the gateway cannot be made: {problem}"[:500]]


def _semantic(statement: Statement, others: Sequence[Record], tools: Mapping[str, Tools]) -> list[str]:
    from skerry.local.gateway.policy.findings import engine_findings
    from skerry.local.gateway.policy.policy_set import Policies, judge

    engine = judge(others)
    return engine_findings(statement, engine.deciding, tools) if isinstance(engine, Policies) else []
