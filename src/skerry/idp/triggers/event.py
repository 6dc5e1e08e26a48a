"""What the function is told: the event of a pre token generation trigger.

Source: AWS, "Pre token generation Lambda trigger", parameters and examples. `userPoolId` and `callerContext`
are members of the event itself, beside `request`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from skerry.idp.issuance import Issuance
from skerry.idp.realms import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN
from skerry.idp.triggers.declared import Version

Event = dict[str, Any]

V1_RESPONSE, V2_RESPONSE = "claimsOverrideDetails", "claimsAndScopeOverrideDetails"

_SOURCES = {
    AUTHORIZATION_CODE: "TokenGeneration_HostedAuth",
    REFRESH_TOKEN: "TokenGeneration_RefreshTokens",
    CLIENT_CREDENTIALS: "TokenGeneration_ClientCredentials",
}
_OTHERWISE = "TokenGeneration_Authentication"
_SDK = "aws-sdk-unknown-unknown"


def is_called(version: Version, issuance: Issuance) -> bool:
    """Whether this version of the trigger sees such an issuance: machines are V3_0's alone."""
    return bool(issuance.username) or version == "V3_0"


def make(issuance: Issuance, *, version: Version, pool: str, region: str) -> Event:
    """The event for an issuance; `pool` is the user pool's id."""
    request: Event = {
        "userAttributes": attributes(issuance),
        "groupConfiguration": {
            "groupsToOverride": list(issuance.groups),
            "iamRolesToOverride": list(issuance.roles),
            "preferredRole": issuance.roles[0] if issuance.roles else None,
        },
    }
    if version != "V1_0":
        request["scopes"] = list(issuance.scopes)
    if issuance.client_metadata:
        request["clientMetadata"] = dict(issuance.client_metadata)
    if not issuance.username:  # a machine has neither attributes nor groups
        del request["userAttributes"], request["groupConfiguration"]
    return {
        "version": version[1],
        "triggerSource": _SOURCES.get(issuance.grant_type, _OTHERWISE),
        "region": region,
        "userPoolId": pool,
        "userName": issuance.username or issuance.client_id,
        "callerContext": {"awsSdkVersion": _SDK, "clientId": issuance.client_id},
        "request": request,
        "response": {V1_RESPONSE if version == "V1_0" else V2_RESPONSE: None},
    }


def attributes(issuance: Issuance) -> dict[str, str]:
    """A person's attributes, which are strings in Cognito, whatever the realm has for them."""
    found: Mapping[str, Any] = issuance.identity
    texts = {name: item if isinstance(item, str) else json.dumps(item) for name, item in found.items()}
    return {"sub": issuance.subject, "cognito:user_status": "CONFIRMED", **texts}
