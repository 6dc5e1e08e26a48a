"""API key credential providers.

The key is kept sealed in the state file and in no answer: outputs are built from the service model's output
shape, which has no such member. Of a key in Secrets Manager (`EXTERNAL`) only the reference is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import validation
from skerry.local.control import secret_sources
from skerry.local.control.operation import (
    ALNUM,
    Operation,
    Outcome,
    Request,
    conflict,
    fresh_id,
    page,
    tags_write,
    within_quota,
)
from skerry.local.ports.resources import Record
from skerry.local.state.records import Write

KIND = "api-key-provider"
LIST_SIZE = 20
_NOT_SHOWN = ("apiKey", "apiKeySecretConfig", "managedSecretArn")


def create(request: Request) -> Outcome:
    """CreateApiKeyCredentialProvider."""
    given = request.input
    name = given["name"]
    existing = request.resources.all(KIND)
    if any(record["name"] == name for record in existing):
        raise conflict(f"A credential provider named {name} already exists.")
    within_quota(KIND, len(existing))
    place = request.place
    arn = (
        f"arn:aws:bedrock-agentcore:{place.region}:{place.account}"
        f":token-vault/default/apikeycredentialprovider/{name}"
    )
    secret = (
        f"arn:aws:secretsmanager:{place.region}:{place.account}"
        f":secret:bedrock-agentcore-identity!default/apikey/{name}-{fresh_id(ALNUM)[:6]}"
    )
    record = {
        "name": name,
        "credentialProviderArn": arn,
        "managedSecretArn": secret,
        "createdTime": request.now,
        "lastUpdatedTime": request.now,
    }
    record |= _secret(record, request)
    return Outcome(_shown(record), [Write(KIND, name, record), *tags_write(arn, given.get("tags"))])


def update(request: Request) -> Outcome:
    """UpdateApiKeyCredentialProvider: another key."""
    old = _provider(request)
    kept = {name: old[name] for name in ("name", "credentialProviderArn", "createdTime")}
    kept["managedSecretArn"] = old.get("managedSecretArn") or old["apiKeySecretArn"]["secretArn"]
    record = {**kept, **_secret(kept, request), "lastUpdatedTime": request.now}
    return Outcome(_shown(record), [Write(KIND, old["name"], record)])


def get(request: Request) -> Outcome:
    """GetApiKeyCredentialProvider."""
    return Outcome(_shown(_provider(request)))


def delete(request: Request) -> Outcome:
    """DeleteApiKeyCredentialProvider; like that for OAuth2, it is no error when there is none."""
    old = request.resources.get(KIND, request.input["name"])
    if old is None:
        return Outcome({})
    return Outcome({}, [Write(KIND, old["name"], None), Write("tags", old["credentialProviderArn"], None)])


def list_providers(request: Request) -> Outcome:
    """ListApiKeyCredentialProviders, oldest first."""
    items, more = page(request, request.resources.all(KIND), key="name", default_size=LIST_SIZE)
    return Outcome({"credentialProviders": [_shown(item) for item in items], **more})


OPERATIONS: Mapping[str, Operation] = {
    "CreateApiKeyCredentialProvider": create,
    "UpdateApiKeyCredentialProvider": update,
    "GetApiKeyCredentialProvider": get,
    "DeleteApiKeyCredentialProvider": delete,
    "ListApiKeyCredentialProviders": list_providers,
}


def _secret(record: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """The members of a record that say where the key is, and the key that the service keeps."""
    given = request.input
    reference = secret_sources.external(given, "apiKey")
    if reference is not None:
        return {
            "apiKeySecretArn": {"secretArn": secret_sources.arn_of(reference, request.place)},
            "apiKeySecretJsonKey": reference["jsonKey"],
            "apiKeySecretSource": "EXTERNAL",
            "apiKeySecretConfig": reference,
        }
    if not given.get("apiKey"):
        raise validation("apiKey is required for a key that the service keeps.", ("apiKey", "is required"))
    return {
        "apiKeySecretArn": {"secretArn": record["managedSecretArn"]},
        "apiKeySecretSource": "MANAGED",
        "apiKey": str(given["apiKey"]),
    }


def _shown(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in _NOT_SHOWN}


def _provider(request: Request) -> Record:
    name = request.input["name"]
    return request.find(KIND, name, f"The credential provider {name}")
