"""The one decision about tools: what a list or a search shows, and what may be called.

A gateway without a policy engine pays one look into its record. With one, the policies are parsed once per
change, and decisions that no argument can alter are kept per engine, gateway and principal. A call whose
decision may depend on its arguments is always evaluated whole; lists ask the same policies without them
(`optimism`), so a tool that is not listed is never callable.

Everything that cannot be decided is denied and not listed: no engine, one that the gateway's role may not
ask, a policy that cannot be read, arguments that Cedar cannot hold. An engine in LOG_ONLY decides nothing;
what it would have decided is in the hop.

Source: AWS developer guide, `use-gateway-with-policy`, `policy-enforcement-modes`, `policy-test-a-policy`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.credentials.grants import RoleGrants
from skerry.local.gateway.messages import Request, Result, tool_error
from skerry.local.gateway.policy.values import UnrepresentableError, cedar_value
from skerry.local.gateway.policy.verdict import Asker, Closed, Judge, Verdict
from skerry.local.gateway.policy.vocabulary import principal
from skerry.local.gateway.tools import Item
from skerry.local.ports.resources import Change, Record, Resources

LOG = logging.getLogger("skerry.gateway")

PRINCIPALS_KEPT = 256
BATCH = 100
"""Tools that are decided at once; between batches other requests get their turn."""


@dataclass(slots=True)
class _Engine:
    """An engine's policies and what was decided with them; a change of a policy makes a new one."""

    judge: Judge
    decided: OrderedDict[tuple[str, str], dict[str, Verdict]] = field(default_factory=OrderedDict)
    warned: set[str] = field(default_factory=set)

    def known(self, asker: Asker) -> dict[str, Verdict]:
        """The verdicts for a principal by tool; the principals seen last are kept."""
        key = (asker.gateway_arn, json.dumps(asker.principal, sort_keys=True))
        found = self.decided.setdefault(key, {})
        self.decided.move_to_end(key)
        if len(self.decided) > PRINCIPALS_KEPT:
            self.decided.popitem(last=False)
        return found

    async def listing(self, asker: Asker, tools: Sequence[str]) -> Mapping[str, Verdict]:
        """Verdicts for tools whatever their arguments; only those not known yet are asked for."""
        known = self.known(asker)
        unknown = [tool for tool in tools if tool not in known]
        for start in range(0, len(unknown), BATCH):
            if start:
                await asyncio.sleep(0)
            some = unknown[start : start + BATCH]
            known.update(zip(some, self.judge.listing(asker, some), strict=True))
        return known

    def call(self, asker: Asker, item: Item, context: str | None) -> Verdict:
        """The decision about a call; kept when no argument can alter it and the tool is listed."""
        if self.judge.reads_input:
            return _called(self.judge, asker, item.public, context)
        known = self.known(asker)
        verdict = known.get(item.public) or self.judge.listing(asker, [item.public])[0]
        if item.encoded:  # callers could make up the others without end
            known[item.public] = verdict
        return verdict


class Decisions:
    """Decides for every gateway. Give it each change of the control plane."""

    def __init__(self, resources: Resources, table: Assumptions, grants: RoleGrants) -> None:
        self._grants = grants
        self._resources = resources
        self._table = table
        self._engines: dict[str, asyncio.Future[_Engine]] = {}

    def changed(self, change: Change) -> list[str]:
        """A write: the policies of its engine are read anew before the next decision.

        The ids of the gateways whose tools may be shown to others now.
        """
        if change.kind not in ("policy", "policy-engine"):
            return []
        arn = str(change.record.get("policyArn") or change.record.get("policyEngineArn"))
        engine = arn.partition("/policy/")[0]
        self._engines.pop(engine, None)
        return [
            str(gateway["gatewayId"])
            for gateway in self._resources.all_gateways()
            if (gateway.get("policyEngineConfiguration") or {}).get("arn") == engine
        ]

    def concern(self, gateway: Record) -> bool:
        """Whether policies are asked about the tools of a gateway at all."""
        return bool(gateway.get("policyEngineConfiguration"))

    async def visible(self, request: Request, items: Iterable[Item]) -> list[Item]:
        """Those of the tools that this caller may be shown: every tool that some call of it may use."""
        usable = [item for item in items if item.flaw is None]
        configured = request.gateway.get("policyEngineConfiguration")
        if not configured:
            return usable
        if why := await self._grants.engine(request.gateway, "PartiallyAuthorizeActions", request.iam):
            _tell(request, configured, why)
            return [] if enforced(configured) else usable
        engine, asker = await self._engine(configured), _asker(request)
        verdicts = await engine.listing(asker, [item.public for item in usable])
        shown = [item for item in usable if verdicts[item.public].allowed]
        request.notes["policy"] = f"{_mode(configured)} {len(shown)} of {len(usable)} tools"
        if not enforced(configured):
            return usable
        self._warn(engine, asker, [item.public for item in usable])
        return shown

    async def admits(self, request: Request, items: Iterable[Item]) -> Callable[[Item], bool]:
        """Whether one of the tools may be shown to this caller, as a function for a search."""
        if not request.gateway.get("policyEngineConfiguration"):
            return lambda item: item.flaw is None
        shown = {item.public for item in await self.visible(request, items)}
        return lambda item: item.public in shown

    async def denial(self, request: Request, item: Item) -> Result | None:
        """The answer to a call that policies deny, None for one that may go on."""
        configured = request.gateway.get("policyEngineConfiguration")
        if not configured:
            return None
        if why := await self._grants.engine(request.gateway, "AuthorizeAction", request.iam):
            _tell(request, configured, why)
            denied = self._table.policy_denied.format(reason=self._table.policy_default)
            return tool_error(denied) if enforced(configured) else None
        engine, asker = await self._engine(configured), _asker(request)
        judge = engine.judge
        context = _context(request.params.get("arguments"), item.schema) if judge.reads_input else "{}"
        verdict = engine.call(asker, item, context)
        reason = self._reason(verdict, judge.problem)
        request.notes["policy"] = f"{_mode(configured)} {_shown(verdict, reason)}"
        if judge.trials:
            tried = _called(judge, asker, item.public, context, trial=True)
            request.notes["policy_trial"] = f"LOG_ONLY {_shown(tried, self._reason(tried))}"
        if verdict.allowed or not enforced(configured):
            return None
        return tool_error(self._table.policy_denied.format(reason=reason))

    async def _engine(self, configured: Mapping[str, Any]) -> _Engine:
        arn = str(configured.get("arn", ""))
        known = self._engines.get(arn)
        if known is None:
            known = asyncio.ensure_future(_prepared(arn, self._resources.policies(arn)))
            self._engines[arn] = known
        return known.result() if known.done() else await asyncio.shield(known)

    def _reason(self, verdict: Verdict, problem: str = "") -> str:
        """What stands in the brackets of a denial."""
        if problem or verdict.unreadable:
            return problem or self._table.policy_unreadable
        if verdict.policies:
            return self._table.policy_forbidden.format(policies=", ".join(verdict.policies))
        return self._table.policy_default

    def _warn(self, engine: _Engine, asker: Asker, tools: Sequence[str]) -> None:
        """Says once that an enforced engine has no permit that could ever show one of these tools."""
        if not tools or asker.gateway_arn in engine.warned:
            return
        if not engine.judge.problem and any(engine.judge.permits(asker, tool) for tool in tools):
            return
        engine.warned.add(asker.gateway_arn)
        LOG.warning(
            "gateway %s: ENFORCE hides every tool. %s",
            asker.gateway_arn.rpartition("/")[2],
            engine.judge.problem or f"No active policy permits one of its tools to an {asker.kind}.",
        )


async def _prepared(arn: str, records: Sequence[Record] | None) -> _Engine:
    if records is None:
        return _Engine(Closed(f"The policy engine {arn} does not exist."))
    found = await asyncio.to_thread(_judge, records)
    if found.problem:
        LOG.warning("policy engine %s: %s", arn.rpartition("/")[2], found.problem)
    return _Engine(found)


def _judge(records: Sequence[Record]) -> Judge:
    """The policies; Cedar is loaded here, because a gateway without policies does without it."""
    from skerry.local.gateway.policy.policy_set import judge

    return judge(records)


def _called(judge: Judge, asker: Asker, tool: str, context: str | None, *, trial: bool = False) -> Verdict:
    if context is None:
        return Verdict(allowed=False, unreadable=True)
    return judge.call(asker, tool, context, trial=trial)


def _asker(request: Request) -> Asker:
    return Asker(principal(request.caller), str(request.gateway.get("gatewayArn", "")))


def _context(arguments: object, schema: Mapping[str, Any]) -> str | None:
    """The context of a call as JSON, None for arguments that Cedar cannot hold."""
    try:
        return json.dumps({"input": cedar_value(arguments or {}, schema, schema)})
    except UnrepresentableError:
        return None


def enforced(configured: Mapping[str, Any] | None) -> bool:
    """Whether a gateway's `policyEngineConfiguration` denies what policies do not permit."""
    return configured is not None and configured.get("mode") != "LOG_ONLY"


def _tell(request: Request, configured: Mapping[str, Any], why: str) -> None:
    """Says for people why nothing is permitted: the client hears of no policy that applies, as with AWS."""
    request.notes["policy"] = f"{_mode(configured)} not asked: {why[:300]}"
    LOG.warning("gateway %s: the policy engine is not asked: %s", request.gateway.get("gatewayId"), why)


def _mode(configured: Mapping[str, Any]) -> str:
    return "ENFORCE" if enforced(configured) else "LOG_ONLY"


def _shown(verdict: Verdict, reason: str) -> str:
    """A verdict as hops show it."""
    return f"ALLOW [{', '.join(verdict.policies)[:300]}]" if verdict.allowed else f"DENY [{reason[:300]}]"
