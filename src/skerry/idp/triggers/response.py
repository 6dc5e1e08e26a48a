"""What the function's answer changes: AWS's table of claims and scopes, and a note for what it does not.

| | V1_0 | V2_0, V3_0 |
|---|---|---|
| member | `claimsOverrideDetails` | `claimsAndScopeOverrideDetails` |
| ID token | claims, groups | claims, groups |
| access token | nothing | claims, groups, scopes |
| values | strings | any JSON |

Source: AWS, "Pre token generation Lambda trigger", "Claims and scopes reference". Unchecked: that a locked
claim is ignored and not an error; what an answer without `groupOverrideDetails` means (here: groups stay).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.idp.asked import SCOPE_TOKEN
from skerry.idp.triggers.declared import Trigger
from skerry.idp.triggers.event import V1_RESPONSE, V2_RESPONSE
from skerry.idp.triggers.invoke import TriggerError

Claims = dict[str, Any]

REFERENCE = 'AWS, "Claims and scopes reference"; docs/idp.md, "Triggers"'
"""Where an author reads why a claim was not changed."""

LOCKED_CLAIMS = frozenset(
    {"client_id", "aud", "sub", "username", "identities", "event_id", "device_key", "version", "acr", "amr"}
    | {"at_hash", "auth_time", "azp", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "token_use"}
)
"""Claims that no version may add, change or suppress; so are all that begin with `cognito:`."""
_LOCKED_PREFIX = "cognito:"
_ONLY_SUPPRESSED = "dev:"
_BACKBONE = frozenset({"iss", "sub", "exp", "iat", "nbf", "jti", "token_use", "auth_time", "origin_jti"})
"""Claims that stay in the other reading too: a token without them is none."""

LARGEST = 8192
"""Bytes of a token's claims as JSON: it must fit into a header."""


@dataclass(slots=True)
class Tokens:
    """The claims of what will be signed; `identity` is None when no ID token was asked for.

    `notes` says what of the answer was not followed, and why.
    """

    access: Claims
    identity: Claims | None
    client_id: str
    pool: str
    notes: list[str] = field(default_factory=list)


def apply(answer: object, tokens: Tokens, trigger: Trigger) -> None:
    """Changes `tokens` as the function's answer asks. Raises TriggerError for one that cannot be read."""
    response = _table(_table(answer, "the event").get("response"), "response")
    first = trigger.version == "V1_0"
    own, other = (V1_RESPONSE, V2_RESPONSE) if first else (V2_RESPONSE, V1_RESPONSE)
    if response.get(other):
        tokens.notes.append(
            f"{other} is no member of {trigger.version}, which reads {own}: nothing in it counts."
        )
    details = _table(response.get(own), own)
    if first:
        _first_version(details, tokens, trigger)
    else:
        identity = _table(details.get("idTokenGeneration"), "idTokenGeneration")
        access = _table(details.get("accessTokenGeneration"), "accessTokenGeneration")
        if tokens.identity is not None:
            _claims(identity, tokens.identity, tokens, trigger)
        _claims(access, tokens.access, tokens, trigger)
        _scopes(access, tokens)
    if "groupOverrideDetails" in details:
        _groups(_table(details["groupOverrideDetails"], "groupOverrideDetails"), tokens, access=not first)
    for claims in (tokens.access, tokens.identity or {}):
        if len(json.dumps(claims).encode()) > LARGEST:
            raise TriggerError("too large", f"a token would have more than {LARGEST} bytes of claims")


def _first_version(details: Mapping[str, Any], tokens: Tokens, trigger: Trigger) -> None:
    """V1_0: the ID token alone, and strings alone."""
    wanted = _table(details.get("claimsToAddOrOverride"), "claimsToAddOrOverride")
    texts = {name: value for name, value in wanted.items() if isinstance(value, str)}
    if wanted:
        tokens.notes.append(
            "V1_0 changes the ID token only; the access token stays as it is."
            if tokens.identity is not None
            else "V1_0 changes the ID token only, and this grant gives none: nothing changes."
        )
    tokens.notes += [
        f"{name}: V1_0 takes strings only; lists and objects need V2_0 or V3_0."
        for name in wanted.keys() - texts
    ]
    if tokens.identity is not None:
        _claims({**details, "claimsToAddOrOverride": texts}, tokens.identity, tokens, trigger)


def _claims(change: Mapping[str, Any], claims: Claims, tokens: Tokens, trigger: Trigger) -> None:
    """Adds, changes and suppresses what may be."""
    kind = "ID token" if claims is tokens.identity else "access token"
    for name, value in _table(change.get("claimsToAddOrOverride"), "claimsToAddOrOverride").items():
        own_audience = name == "aud" and claims is tokens.access and value == tokens.client_id
        if own_audience or not _is_locked(name) or _applied_anyway(name, trigger):
            claims[name] = value
        if not own_audience and _is_locked(name):
            tokens.notes += _why(name, value, kind, tokens, trigger)
    for name in _names(change.get("claimsToSuppress"), "claimsToSuppress"):
        if name.startswith(_ONLY_SUPPRESSED) or not _is_locked(name):
            claims.pop(name, None)
        elif name in claims:
            tokens.notes.append(f"{name}: cannot be suppressed; it stays in the {kind} ({REFERENCE}).")


def _is_locked(name: str) -> bool:
    return name in LOCKED_CLAIMS or name == "scope" or name.startswith((_LOCKED_PREFIX, _ONLY_SUPPRESSED))


def _applied_anyway(name: str, trigger: Trigger) -> bool:
    return trigger.locked_claims == "apply" and name not in _BACKBONE


def _why(name: str, value: object, kind: str, tokens: Tokens, trigger: Trigger) -> Iterator[str]:
    """What the author of a function should know who writes a locked claim."""
    if _applied_anyway(name, trigger):
        yield (
            f"{name}: written into the {kind} because locked_claims is 'apply'; by AWS's table it cannot be "
            f"({REFERENCE})."
        )
    elif name == "scope":
        yield f"scope: is changed by scopesToAdd and scopesToSuppress only; dropped from the {kind}."
    elif name.startswith(_LOCKED_PREFIX):
        yield f"{name}: groups and roles are changed by groupOverrideDetails only; dropped ({REFERENCE})."
    elif name == "aud":
        yield (
            "aud: can be added to the access token only, and only with the app client's id "
            f"(event['callerContext']['clientId']); dropped from the {kind} ({REFERENCE})."
        )
    else:
        yield f"{name}: no version of the trigger adds or changes it; dropped from the {kind} ({REFERENCE})."
    if name != "client_id":
        return
    if value == tokens.pool:
        yield (
            "client_id: the value is the id of the user pool. allowedClients holds ids of app clients, so it "
            "never fits; with the pool's id in allowedClients every app client of the pool would pass."
        )
    if kind == "ID token":
        yield (
            "client_id: an ID token has none because it is no credential for an API. Send the access token: "
            "it names its app client in client_id."
        )


def _scopes(change: Mapping[str, Any], tokens: Tokens) -> None:
    """A scope that is suppressed and added is added."""
    added = _names(change.get("scopesToAdd"), "scopesToAdd")
    dropped = set(_names(change.get("scopesToSuppress"), "scopesToSuppress")) - set(added)
    if not all(SCOPE_TOKEN.match(scope) for scope in added):
        raise TriggerError(
            "malformed", "scopesToAdd holds a scope that is empty, or has a blank or an odd sign"
        )
    before = str(tokens.access.get("scope", "")).split()
    after = [scope for scope in dict.fromkeys((*before, *added)) if scope not in dropped]
    tokens.access.pop("scope", None)
    if after:
        tokens.access["scope"] = " ".join(after)


def _groups(override: Mapping[str, Any], tokens: Tokens, *, access: bool) -> None:
    """The groups of the answer take the place of the person's; an empty answer takes them away."""
    groups = _names(override.get("groupsToOverride"), "groupsToOverride")
    roles = _names(override.get("iamRolesToOverride"), "iamRolesToOverride")
    preferred = override.get("preferredRole")
    if not isinstance(preferred, str | None):
        raise TriggerError("malformed", "preferredRole is no string")
    if access:
        _set(tokens.access, "cognito:groups", groups)
    if tokens.identity is not None:
        _set(tokens.identity, "cognito:groups", groups)
        _set(tokens.identity, "cognito:roles", roles)
        _set(tokens.identity, "cognito:preferred_role", preferred)


def _set(claims: Claims, name: str, value: object) -> None:
    claims.pop(name, None)
    if value:
        claims[name] = value


def _table(value: object, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TriggerError("malformed", f"{what} of its answer is no object")
    return value


def _names(value: object, what: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TriggerError("malformed", f"{what} of its answer is no list of strings")
    return value
