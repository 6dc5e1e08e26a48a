"""Rules of a gateway: which HTTP target a request goes to.

They are asked once stored, and ACTIVE when their transition has ended.

Source: botocore service model; AWS developer guide, `gateway-rules`. Texts are ours. What is for inference
targets or configuration bundles only is refused with 501 rather than stored and never served.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from skerry.errors import ServiceError, validation
from skerry.local.control.gateways import find_gateway, writable_gateway
from skerry.local.control.lifecycle import Kind, writable
from skerry.local.control.operation import (
    Operation,
    Outcome,
    Request,
    conflict,
    not_emulated,
    page,
    within_quota,
)
from skerry.local.ports.resources import Change, Record
from skerry.local.state.records import Write

KIND: Final = "gateway-rule"
RESERVED = frozenset({"mcp", "a2a", "responses", "converse", ".well-known"})
"""First segments of paths that are no target's."""
_MEMBERS = ("priority", "conditions", "actions", "description")
_FULL = 100


def create(request: Request) -> Outcome:
    """CreateGatewayRule."""
    gateway = writable_gateway(request)
    existing = request.resources.below(KIND, gateway["gatewayId"])
    record = {
        **{name: request.input[name] for name in _MEMBERS if name in request.input},
        "ruleId": str(uuid.uuid4()),
        "gatewayArn": gateway["gatewayArn"],
        "createdAt": request.now,
        "updatedAt": request.now,
        "status": "CREATING",
    }
    _check(request, gateway, record, existing)
    within_quota(KIND, len(existing))
    return _outcome(gateway, record, record, "created")


def get(request: Request) -> Outcome:
    """GetGatewayRule."""
    return Outcome(_rule(request, find_gateway(request)))


def update(request: Request) -> Outcome:
    """UpdateGatewayRule: what is left out stays."""
    gateway = writable_gateway(request)
    old = writable(_rule(request, gateway), f"The rule {request.input['ruleId']}")
    given = {name: request.input[name] for name in _MEMBERS if name in request.input}
    record = {**old, **given, "updatedAt": request.now, "status": "UPDATING"}
    rules = request.resources.below(KIND, gateway["gatewayId"])
    _check(request, gateway, record, [rule for rule in rules if rule["ruleId"] != old["ruleId"]])
    return _outcome(gateway, record, record, "updated")


def delete(request: Request) -> Outcome:
    """DeleteGatewayRule."""
    gateway = writable_gateway(request)
    old = writable(_rule(request, gateway), f"The rule {request.input['ruleId']}")
    return _outcome(gateway, {"ruleId": old["ruleId"], "status": "DELETING"}, old, "deleted")


def list_rules(request: Request) -> Outcome:
    """ListGatewayRules, oldest first."""
    rules = request.resources.below(KIND, find_gateway(request)["gatewayId"])
    items, more = page(request, rules, key="ruleId")
    return Outcome({"gatewayRules": items, **more})


OPERATIONS: Mapping[str, Operation] = {
    "CreateGatewayRule": create,
    "GetGatewayRule": get,
    "UpdateGatewayRule": update,
    "DeleteGatewayRule": delete,
    "ListGatewayRules": list_rules,
}

KINDS: Mapping[str, Kind] = {KIND: Kind(failed={}, ready="ACTIVE")}


def _check(
    request: Request, gateway: Record, rule: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
) -> None:
    """What the service model does not say about a rule."""
    if any(other["priority"] == rule["priority"] for other in others):
        raise conflict(f"A rule with the priority {rule['priority']} already exists in this gateway.")
    targets = request.resources.targets(gateway["gatewayId"])
    http = {str(target["name"]) for target in targets if "http" in target["targetConfiguration"]}
    _check_conditions(rule.get("conditions", ()), http)
    kinds = [kind for action in rule["actions"] for kind in action]
    if len(kinds) != len(set(kinds)):
        raise _broken("actions", "A rule takes one action of each kind.")
    for number, action in enumerate(rule["actions"], 1):
        if "configurationBundle" in action:
            raise not_emulated("The action configurationBundle of a gateway rule")
        for where, route in _routes(action["routeToTarget"], f"actions.{number}.member.routeToTarget"):
            for name in ("model", "fallback"):
                if name in route:
                    raise _broken(f"{where}.{name}", f"{name} is supported only for inference targets.")
            _check_target(route["targetName"], http, f"{where}.targetName")


def _check_conditions(conditions: Sequence[Mapping[str, Any]], http: set[str]) -> None:
    kinds = [kind for condition in conditions for kind in condition]
    if len(kinds) != len(set(kinds)):
        raise _broken("conditions", "A rule takes one condition of each kind.")
    for number, condition in enumerate(conditions, 1):
        if "matchModels" in condition:
            raise not_emulated("The condition matchModels of a gateway rule")
        for pattern in condition.get("matchPaths", {}).get("anyOf", ()):
            where = f"conditions.{number}.member.matchPaths.anyOf"
            name = pattern.split("/")[1]
            if name in RESERVED:
                raise _broken(where, f"The path prefix /{name} is reserved.")
            _check_target(name, http, where)


def _check_target(name: str, http: set[str], where: str) -> None:
    if name not in http:
        raise _broken(where, f"The gateway has no HTTP target named {name}.")


def _routes(action: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The targets of a route and where they stand. Checks the weights of a weighted one."""
    if "staticRoute" in action:
        yield f"{where}.staticRoute", action["staticRoute"]
        return
    split = action["weightedRoute"]["trafficSplit"]
    place = f"{where}.weightedRoute.trafficSplit"
    total = sum(variant["weight"] for variant in split)
    if total != _FULL:
        raise _broken(place, f"The weights must sum to {_FULL}, not {total}.")
    if len({variant["name"] for variant in split}) != len(split):
        raise _broken(place, "The names of the variants must differ.")
    for number, variant in enumerate(split, 1):
        yield f"{place}.{number}.member", variant


def _outcome(gateway: Record, output: Record, record: Record, action: Any) -> Outcome:
    key = f"{gateway['gatewayId']}/{record['ruleId']}"
    write = Write(KIND, key, {**record, "status": "DELETING"} if action == "deleted" else record)
    return Outcome(output, [write], [Change(KIND, action, key, record)])


def _rule(request: Request, gateway: Record) -> Record:
    gateway_id, rule_id = gateway["gatewayId"], request.input["ruleId"]
    return request.find(KIND, f"{gateway_id}/{rule_id}", f"The rule {rule_id} of {gateway_id}")


def _broken(where: str, message: str) -> ServiceError:
    return validation(message, (where, message))
