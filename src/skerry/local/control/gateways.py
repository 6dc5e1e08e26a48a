"""Gateways and their targets.

An update replaces the whole configuration. The catalogue of a target is read by the gateway plane, which
hears of every change and reports what came of it: only then is the target READY, or FAILED with
`statusReasons`; SynchronizeGatewayTargets makes it read again.

A catalogue that needs a token of a person waits for their consent: the target is in a `…_PENDING_AUTH`
then, with `authorizationData`. The connector and inference kinds, and the authorization code grant of HTTP
targets, are refused with 501 rather than stored and never served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import ServiceError, validation
from skerry.local.control import rules
from skerry.local.control.identities import KIND as IDENTITY
from skerry.local.control.identities import identity_arn, own_identity
from skerry.local.control.lifecycle import STEPS, Kind, writable
from skerry.local.control.operation import (
    LOWER,
    UPPER,
    Operation,
    Outcome,
    Request,
    conflict,
    fresh_id,
    not_emulated,
    page,
    tags_write,
    within_quota,
)
from skerry.local.control.providers import WEB_IDENTITY
from skerry.local.ports.resources import Change, Record
from skerry.local.state.records import Write
from skerry.local.state.resources import Resources
from skerry.wire.arn import gateway_arn
from skerry.wire.endpoints import gateway_url

_NOT_KEPT = ("clientToken", "tags", "gatewayIdentifier")
_KEPT = ("gatewayArn", "gatewayId", "gatewayUrl", "createdAt", "workloadIdentityDetails")
_TARGET_KEPT = ("gatewayArn", "targetId", "createdAt", "protocolType", "lastSynchronizedAt")
_TARGET_TYPES = {
    ("mcp", "lambda"): "LAMBDA",
    ("mcp", "mcpServer"): "MCP_SERVER",
    ("mcp", "openApiSchema"): "OPEN_API_SCHEMA",
    ("mcp", "smithyModel"): "SMITHY_MODEL",
    ("mcp", "apiGateway"): "API_GATEWAY",
    ("http", "agentcoreRuntime"): "AGENTCORE_RUNTIME",
    ("http", "passthrough"): "PASSTHROUGH",
}


def create(request: Request) -> Outcome:
    """CreateGateway."""
    given = request.input
    rules.gateway(given)
    existing = request.resources.all("gateway")
    if any(record["name"] == given["name"] for record in existing):
        raise conflict(f"A gateway named {given['name']} already exists.")
    within_quota("gateway", len(existing))
    place = request.place
    identifier = f"{given['name'].lower()}-{fresh_id(LOWER)}"
    arn = gateway_arn(place.region, place.account, identifier)
    identity = own_identity(request.place, identifier, request.now)
    fixed = {
        "gatewayArn": arn,
        "gatewayId": identifier,
        "gatewayUrl": gateway_url(place.endpoint, identifier),
        "createdAt": request.now,
        "workloadIdentityDetails": {"workloadIdentityArn": identity_arn(request.place, identifier)},
    }
    record = _record(fixed, given, request.now, "CREATING")
    return Outcome(
        output=record,
        writes=[Write("gateway", identifier, record), identity, *tags_write(arn, given.get("tags"))],
        changes=[Change("gateway", "created", identifier, record)],
    )


def update(request: Request) -> Outcome:
    """UpdateGateway: what is left out is gone."""
    old = writable_gateway(request)
    given = request.input
    rules.gateway(given, old)
    if given["name"] != old["name"]:
        message = f"The name of a gateway cannot change; this one is {old['name']}."
        raise validation(message, ("name", message))
    rules.sessions(given, request.resources.below("target", old["gatewayId"]))
    record = _record({name: old[name] for name in _KEPT}, given, request.now, "UPDATING")
    return Outcome(
        output=record,
        writes=[Write("gateway", old["gatewayId"], record)],
        changes=[Change("gateway", "updated", old["gatewayId"], record)],
    )


def get(request: Request) -> Outcome:
    """GetGateway."""
    return Outcome(find_gateway(request))


def delete(request: Request) -> Outcome:
    """DeleteGateway; targets must be deleted first, as with AWS. Rate limits and rules go with it."""
    old = writable_gateway(request)
    identifier = old["gatewayId"]
    if request.resources.below("target", identifier):
        raise conflict(
            f"The gateway {identifier} has targets. Delete all its targets before you delete the gateway."
        )
    return Outcome(
        output={"gatewayId": identifier, "status": "DELETING"},
        writes=[Write("gateway", identifier, {**old, "status": "DELETING"})],
        changes=[Change("gateway", "deleted", identifier, old)],
    )


def list_gateways(request: Request) -> Outcome:
    """ListGateways, oldest first."""
    items, more = page(request, request.resources.all("gateway"), key="gatewayId")
    return Outcome({"items": items, **more})


def create_target(request: Request) -> Outcome:
    """CreateGatewayTarget. A target without a name is called after its id."""
    gateway = writable_gateway(request)
    given = request.input
    _check_target(request, gateway)
    identifier = fresh_id(UPPER)
    name = given.get("name", f"target-{identifier}")
    existing = request.resources.below("target", gateway["gatewayId"])
    _check_name(existing, name)
    within_quota("target", len(existing))
    fixed = {
        "gatewayArn": gateway["gatewayArn"],
        "targetId": identifier,
        "createdAt": request.now,
        "protocolType": rules.target_kind(given)[0].upper(),
    }
    record = _target_record(fixed, given, name, request.now, "CREATING")
    return Outcome(
        output=record,
        writes=[Write("target", f"{gateway['gatewayId']}/{identifier}", record)],
        changes=[Change("target", "created", f"{gateway['gatewayId']}/{identifier}", record)],
    )


def update_target(request: Request) -> Outcome:
    """UpdateGatewayTarget: what is left out is gone, the name stays when it is left out."""
    gateway = writable_gateway(request)
    old = _writable_target(request)
    given = request.input
    _check_target(request, gateway)
    name = given.get("name", old["name"])
    others = [
        record
        for record in request.resources.below("target", gateway["gatewayId"])
        if record["targetId"] != old["targetId"]
    ]
    _check_name(others, name)
    fixed = {key: old[key] for key in _TARGET_KEPT if key in old}
    record = _target_record(fixed, given, name, request.now, "UPDATING")
    key = f"{gateway['gatewayId']}/{old['targetId']}"
    return Outcome(
        output=record,
        writes=[Write("target", key, record)],
        changes=[Change("target", "updated", key, record)],
    )


def get_target(request: Request) -> Outcome:
    """GetGatewayTarget."""
    return Outcome(_target(request))


def delete_target(request: Request) -> Outcome:
    """DeleteGatewayTarget."""
    gateway, old = writable_gateway(request), _writable_target(request)
    key = f"{gateway['gatewayId']}/{old['targetId']}"
    return Outcome(
        output={"gatewayArn": old["gatewayArn"], "targetId": old["targetId"], "status": "DELETING"},
        writes=[Write("target", key, {**old, "status": "DELETING"})],
        changes=[Change("target", "deleted", key, old)],
    )


def list_targets(request: Request) -> Outcome:
    """ListGatewayTargets, oldest first."""
    targets = request.resources.below("target", find_gateway(request)["gatewayId"])
    items, more = page(request, targets, key="targetId")
    return Outcome({"items": [_listed_target(item) for item in items], **more})


def synchronize(request: Request) -> Outcome:
    """SynchronizeGatewayTargets: the catalogue of one MCP server is read again."""
    gateway = writable_gateway(request)
    identifier = request.input["targetIdList"][0]
    key = f"{gateway['gatewayId']}/{identifier}"
    shown = f"The target {identifier} of {gateway['gatewayId']}"
    old = writable(request.find("target", key, shown), shown)
    server = old["targetConfiguration"].get("mcp", {}).get("mcpServer")
    if server is None:
        raise validation(f"The target {identifier} is no MCP server and has no catalogue to synchronize.")
    if "mcpToolSchema" in server:
        raise validation("You cannot synchronize a target that has a static tool schema configured.")
    record = {**old, "updatedAt": request.now, "status": "SYNCHRONIZING"}
    return Outcome(
        output={"targets": [record]},
        writes=[Write("target", key, record)],
        changes=[Change("target", "updated", key, record)],
    )


OPERATIONS: Mapping[str, Operation] = {
    "CreateGateway": create,
    "UpdateGateway": update,
    "GetGateway": get,
    "DeleteGateway": delete,
    "ListGateways": list_gateways,
    "CreateGatewayTarget": create_target,
    "UpdateGatewayTarget": update_target,
    "GetGatewayTarget": get_target,
    "DeleteGatewayTarget": delete_target,
    "ListGatewayTargets": list_targets,
    "SynchronizeGatewayTargets": synchronize,
}


TARGET_OPERATIONS = frozenset(
    {"CreateGatewayTarget", "UpdateGatewayTarget", "DeleteGatewayTarget", "SynchronizeGatewayTargets"}
)


def check_operations(given: Mapping[str, Any], resources: Resources, most: int) -> None:
    """Raises ServiceQuotaExceededException (402) when so many targets of the gateway are in transition."""
    targets = resources.below("target", given["gatewayIdentifier"].rpartition("/")[2])
    if sum(record["status"] in STEPS for record in targets) >= most:
        raise ServiceError(
            "ServiceQuotaExceededException",
            402,
            f"{most} targets of this gateway are in transition, and more may not be at a time.",
            hint="Wait until they are READY.",
        )


def _listed_by_plane(record: Record) -> bool:
    """Whether a target has a catalogue that the gateway plane reads: HTTP targets have none."""
    return "mcp" in record["targetConfiguration"]


def _finish_target(_: Resources, record: dict[str, Any], now: str) -> list[Write]:
    """A server whose catalogue was read and kept was synchronised."""
    server = record["targetConfiguration"].get("mcp", {}).get("mcpServer")
    kept = server is not None and "mcpToolSchema" not in server and server.get("listingMode") != "DYNAMIC"
    if kept and record["status"] == "READY":
        record["lastSynchronizedAt"] = now
    return []


def _gone(resources: Resources, record: Record) -> list[Write]:
    """What goes with a gateway: its identity, tags, policy, rate limits, rules."""
    identifier = record["gatewayId"]
    return [
        Write(IDENTITY, identifier, None),
        *(Write(kind, record["gatewayArn"], None) for kind in ("tags", "resource-policy")),
        *(
            Write("rate-limit", f"{identifier}/{limit['rateLimitId']}", None)
            for limit in resources.below("rate-limit", identifier)
        ),
        *(
            Write("gateway-rule", f"{identifier}/{rule['ruleId']}", None)
            for rule in resources.below("gateway-rule", identifier)
        ),
    ]


KINDS: Mapping[str, Kind] = {
    "gateway": Kind(
        failed={"CREATING": "FAILED", "UPDATING": "UPDATE_UNSUCCESSFUL"},
        gone=_gone,
    ),
    "target": Kind(
        failed={
            "CREATING": "FAILED",
            "UPDATING": "UPDATE_UNSUCCESSFUL",
            "SYNCHRONIZING": "SYNCHRONIZE_UNSUCCESSFUL",
        },
        waits=_listed_by_plane,
        finish=_finish_target,
    ),
}
"""Nothing is done for a gateway alone, so it cannot fail here."""


def _record(fixed: Mapping[str, Any], given: Mapping[str, Any], now: str, status: str) -> dict[str, Any]:
    return {
        **{name: value for name, value in given.items() if name not in _NOT_KEPT},
        **fixed,
        "status": status,
        "updatedAt": now,
    }


def _target_record(
    fixed: Mapping[str, Any], given: Mapping[str, Any], name: str, now: str, status: str
) -> dict[str, Any]:
    return {
        "credentialProviderConfigurations": [],
        **{key: value for key, value in given.items() if key not in _NOT_KEPT},
        **fixed,
        "name": name,
        "status": status,
        "updatedAt": now,
    }


def _check_target(request: Request, gateway: Record) -> None:
    given = request.input
    family, kind, _ = rules.target_kind(given)
    if (family, kind) not in _TARGET_TYPES:
        raise not_emulated(f"A gateway target of kind {family}.{kind}")
    rules.target(given, gateway)
    for configured in given.get("credentialProviderConfigurations", ()):
        provider = configured.get("credentialProvider", {})
        oauth, key = (provider.get(f"{name}CredentialProvider") for name in ("oauth", "apiKey"))
        if oauth is not None:
            _check_provider(request.resources.credential_provider(oauth["providerArn"]), oauth)
        if key is not None and request.resources.api_key(key["providerArn"]) is None:
            raise _no_provider("API key", key)


def _check_provider(record: Record | None, oauth: Mapping[str, Any]) -> None:
    """Refuses a provider that is not there, or that people's consents cannot be asked with here."""
    if record is None:
        raise _no_provider("OAuth2", oauth)
    method = record["configuration"].get("clientAuthenticationMethod")
    if method == WEB_IDENTITY and oauth.get("grantType") == "AUTHORIZATION_CODE":
        raise not_emulated(f"AUTHORIZATION_CODE at a gateway with a client that proves itself by {method}")


def _no_provider(kind: str, given: Mapping[str, Any]) -> ServiceError:
    message = f"There is no {kind} credential provider {given['providerArn']}."
    return validation(message, ("credentialProviderConfigurations", message))


def _check_name(others: object, name: str) -> None:
    assert isinstance(others, list)
    if any(record["name"] == name for record in others):
        raise conflict(f"A target named {name} already exists in this gateway.")


def find_gateway(request: Request) -> Record:
    """The gateway that a request names, by its id or ARN. Raises ResourceNotFoundException."""
    identifier = request.input["gatewayIdentifier"]
    return request.find("gateway", identifier, f"The gateway {identifier}")


def writable_gateway(request: Request) -> Record:
    """The same, unless it is in transition. Raises ConflictException then."""
    found = find_gateway(request)
    return writable(found, f"The gateway {found['gatewayId']}")


def _writable_target(request: Request) -> Record:
    found = _target(request)
    return writable(found, f"The target {found['targetId']}")


def _target(request: Request) -> Record:
    gateway, target = request.input["gatewayIdentifier"], request.input["targetId"]
    return request.find("target", f"{gateway}/{target}", f"The target {target} of {gateway}")


def _listed_target(record: Record) -> Record:
    family, kind, configuration = rules.target_kind(record)
    listed = {**record, "targetType": _TARGET_TYPES[family, kind]}
    for name in ("listingMode", "resourcePriority"):
        if name in configuration:
            listed[name] = configuration[name]
    return listed
