"""What stands in a stack's control plane, each with its status and, where it cannot be used, the reason.

Sources: the List and Get operations of the botocore service model bedrock-agentcore-control.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

IN_TRANSITION = ("CREATING", "UPDATING", "SYNCHRONIZING", "DELETING")
"""Statuses in which a resource takes no write; a killed stack may have left some."""
PATIENCE = 20.0
"""Seconds in which `skerry up` waits for the end of transitions before it tells what has not ended."""
PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between two looks at first and at last: the looks themselves cost what the start needs."""
GOOD = ("READY", "ACTIVE", "LISTENING")


class Plane(Protocol):
    """The control plane, as far as it lists: `control.Control` is one."""

    def listed(self, operation: str, member: str, **arguments: str) -> list[Mapping[str, Any]]:
        """Everything that a List operation lists."""
        ...

    def found(self, operation: str, **where: str) -> Mapping[str, Any]:
        """What a Get operation gives; nothing when it is gone by now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource and its status. `name` is PARENT/NAME for what belongs to another."""

    kind: str
    name: str
    status: str
    reason: str = ""

    @property
    def moving(self) -> bool:
        """Whether the status ends by itself."""
        return self.status in IN_TRANSITION

    @property
    def good(self) -> bool:
        """Whether it can be used."""
        return self.status in GOOD

    @property
    def failed(self) -> bool:
        """Whether it cannot be used, and nothing is under way that would change that."""
        return not (self.good or self.moving or self._waits)

    @property
    def _waits(self) -> bool:
        return self.status.endswith("PENDING_AUTH")

    @property
    def hint(self) -> str:
        """The next move; empty when it can be used."""
        if self.good:
            return ""
        if self.moving:
            return "It is not done yet; look again: skerry status"
        if self._waits:
            return "Somebody has to agree: open the link in a browser of this machine."
        return _HINTS.get(self.kind, "Mend it, and start the stack again: skerry up")

    def shown(self) -> dict[str, str]:
        """For JSON; hint and reason are empty where there is nothing to say."""
        return asdict(self) | {"hint": self.hint}


_HINTS = {
    "target": "Mend it, and list the gateway's tools, which asks the target again; or start the stack again.",
    "service": "Its log says why: skerry logs; start the stack again.",
    "issuer": "Its log says why: skerry logs idp; start the stack again.",
}


def lines(found: Sequence[Resource]) -> list[str]:
    """A line for each, and below one that cannot be used its reason and the next move."""
    width = max((len(f"{one.kind} {one.name}") for one in found), default=0)
    shown = []
    for one in found:
        shown.append(f"  {f'{one.kind} {one.name}':<{width}}  {one.status}")
        shown += [f"    {text}" for text in (one.reason, one.hint) if text]
    return shown


def settled(
    plane: Plane,
    *,
    patience: float = PATIENCE,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = time.sleep,
) -> list[Resource]:
    """Every resource, when no status moves any more, or after `patience` seconds. Use it in a thread."""
    end, wait = now() + patience, PAUSE
    found = list(listed(plane))
    while any(one.moving for one in found) and now() < end:
        pause(wait)
        wait = min(2 * wait, LONGEST_PAUSE)
        found = list(listed(plane))
    return found


def listed(plane: Plane) -> Iterator[Resource]:
    """Every resource as it is now."""
    yield from _runtimes(plane)
    yield from _gateways(plane)
    yield from _engines(plane)
    for item in plane.listed("list_oauth2_credential_providers", "credentialProviders"):
        whole = plane.found("get_oauth2_credential_provider", name=item["name"])
        if "status" in whole:
            yield _resource("credential provider", str(item["name"]), whole)


def _runtimes(plane: Plane) -> Iterator[Resource]:
    for item in plane.listed("list_agent_runtimes", "agentRuntimes"):
        where, name = {"agentRuntimeId": str(item["agentRuntimeId"])}, str(item["agentRuntimeName"])
        yield _whole(plane, _resource("runtime", name, item), "get_agent_runtime", where)
        for one in plane.listed("list_agent_runtime_endpoints", "runtimeEndpoints", **where):
            at = where | {"endpointName": str(one["name"])}
            if one["name"] != "DEFAULT" or one["status"] != item["status"]:
                below = _resource("endpoint", f"{name}/{one['name']}", one)
                yield _whole(plane, below, "get_agent_runtime_endpoint", at)


def _gateways(plane: Plane) -> Iterator[Resource]:
    for item in plane.listed("list_gateways", "items"):
        where, name = {"gatewayIdentifier": str(item["gatewayId"])}, str(item["name"])
        yield _whole(plane, _resource("gateway", name, item), "get_gateway", where)
        for one in plane.listed("list_gateway_targets", "items", **where):
            at = where | {"targetId": str(one["targetId"])}
            below = _resource("target", f"{name}/{one['name']}", one)
            yield _whole(plane, below, "get_gateway_target", at)


def _engines(plane: Plane) -> Iterator[Resource]:
    for item in plane.listed("list_policy_engines", "policyEngines"):
        yield _resource("policy engine", str(item["name"]), item)
        for one in plane.listed("list_policies", "policies", policyEngineId=str(item["policyEngineId"])):
            yield _resource("policy", f"{item['name']}/{one['name']}", one)


def _whole(plane: Plane, found: Resource, operation: str, where: Mapping[str, str]) -> Resource:
    """A resource of a list. Only what Get gives says why one cannot be used."""
    if found.good or found.moving:
        return found
    return _resource(found.kind, found.name, {"status": found.status, **plane.found(operation, **where)})


def _resource(kind: str, name: str, item: Mapping[str, Any]) -> Resource:
    link = item.get("authorizationData", {}).get("oauth2", {}).get("authorizationUrl")
    told = [*item.get("statusReasons", ()), item.get("failureReason"), link]
    reason = " ".join(" ".join(str(text) for text in told if text).split())
    found = Resource(kind=kind, name=name, status=str(item["status"]))
    return found if found.good else Resource(kind=kind, name=name, status=found.status, reason=reason)
