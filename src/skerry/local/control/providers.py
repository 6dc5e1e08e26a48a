"""OAuth2 credential providers: a client's id and secret, and where its authorization server is found.

The secret is kept sealed in the state file and in no answer: outputs are built from the service model's
output shape, which has no such member. Of one in Secrets Manager (`EXTERNAL`) only the reference is kept.
With PRIVATE_KEY_JWT there is none: a key in KMS signs; nor with AWS_IAM_ID_TOKEN_JWT, where who asks for a
token proves itself by its own identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import ServiceError, validation
from skerry.local.control import rules, secret_sources, vendors
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
from skerry.local.ports.resources import Change, Record
from skerry.local.state.records import Write
from skerry.local.state.resources import Place, callback_url

LIST_SIZE = 20

_SECRET = ("clientSecret", "clientSecretConfig", "clientSecretSource")
_NOT_SHOWN = (*_SECRET, "tenantId", "issuer", "authorizationEndpoint", "tokenEndpoint")
PRIVATE_KEY = "PRIVATE_KEY_JWT"
_OWN_CLAIMS: Mapping[str, frozenset[str]] = {
    "additionalHeaderClaims": frozenset({"alg", "typ"}),
    "additionalPayloadClaims": frozenset({"iss", "sub", "aud", "jti", "iat", "exp", "nbf"}),
}
"""Claims of an assertion that nobody may add (service model, PrivateKeyJwtConfig)."""
WEB_IDENTITY = "AWS_IAM_ID_TOKEN_JWT"
_NEEDED: Mapping[str, tuple[str, ...]] = {PRIVATE_KEY: ("clientId",), WEB_IDENTITY: ()}
"""What a client without a secret must have (AWS developer guide, client authentication methods)."""


def create(request: Request) -> Outcome:
    """CreateOauth2CredentialProvider."""
    given = request.input
    configuration = _configuration(given)
    name = given["name"]
    existing = request.resources.all("credential-provider")
    if any(record["name"] == name for record in existing):
        raise conflict(f"A credential provider named {name} already exists.")
    within_quota("credential-provider", len(existing))
    place = request.place
    arn = (
        f"arn:aws:bedrock-agentcore:{place.region}:{place.account}"
        f":token-vault/default/oauth2credentialprovider/{name}"
    )
    secret_arn = (
        f"arn:aws:secretsmanager:{place.region}:{place.account}"
        f":secret:bedrock-agentcore-identity!default/oauth2/{name}-{fresh_id(ALNUM)[:6]}"
    )
    fixed = {
        "name": name,
        "credentialProviderArn": arn,
        "managedSecretArn": secret_arn,
        "createdTime": request.now,
    }
    record = _record(fixed, configuration, request)
    return Outcome(
        output=_shown(record, place),
        writes=[Write("credential-provider", name, record), *tags_write(arn, given.get("tags"))],
        changes=[Change("credential-provider", "created", arn, record)],
    )


def update(request: Request) -> Outcome:
    """UpdateOauth2CredentialProvider: the whole configuration is replaced, the secret too."""
    old = _provider(request)
    configuration = _configuration(request.input)
    kept = {name: old[name] for name in ("name", "credentialProviderArn", "createdTime")}
    kept["managedSecretArn"] = old.get("managedSecretArn") or old["clientSecretArn"]["secretArn"]
    record = _record(kept, configuration, request)
    return Outcome(
        output=_shown(record, request.place),
        writes=[Write("credential-provider", old["name"], record)],
        changes=[Change("credential-provider", "updated", old["credentialProviderArn"], record)],
    )


def get(request: Request) -> Outcome:
    """GetOauth2CredentialProvider."""
    return Outcome(_shown(_provider(request), request.place))


def delete(request: Request) -> Outcome:
    """DeleteOauth2CredentialProvider; like AWS's, it is no error when there is none."""
    old = request.resources.get("credential-provider", request.input["name"])
    if old is None:
        return Outcome({})
    arn = old["credentialProviderArn"]
    return Outcome(
        output={},
        writes=[Write("credential-provider", old["name"], None), Write("tags", arn, None)],
        changes=[Change("credential-provider", "deleted", arn, old)],
    )


def list_providers(request: Request) -> Outcome:
    """ListOauth2CredentialProviders, oldest first."""
    records = request.resources.all("credential-provider")
    items, more = page(request, records, key="name", default_size=LIST_SIZE)
    return Outcome({"credentialProviders": [_shown(item, request.place) for item in items], **more})


OPERATIONS: Mapping[str, Operation] = {
    "CreateOauth2CredentialProvider": create,
    "UpdateOauth2CredentialProvider": update,
    "GetOauth2CredentialProvider": get,
    "DeleteOauth2CredentialProvider": delete,
    "ListOauth2CredentialProviders": list_providers,
}


def _configuration(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The vendor's configuration with its `oauthDiscovery`, or an error that says what is missing."""
    vendor = given["credentialProviderVendor"]
    member, configuration = next(iter(given["oauth2ProviderConfigInput"].items()))
    if member != vendors.member(vendor):
        message = f"The vendor {vendor} goes with {vendors.member(vendor)}, not with {member}."
        raise validation(message, ("oauth2ProviderConfigInput", message))
    where = f"oauth2ProviderConfigInput.{member}."
    reference = secret_sources.external(configuration, "clientSecret", where)
    method = configuration.get("clientAuthenticationMethod", "")
    _check_methods(configuration, where)
    _check_private_key(configuration, where)
    for name in _NEEDED.get(method, ("clientId",) if reference else ("clientId", "clientSecret")):
        if not configuration.get(name):
            raise _missing(f"{where}{name}")
    _check_on_behalf(configuration.get("onBehalfOfTokenExchangeConfig") or {}, where)
    rules.private_authority(configuration, where.removesuffix("."))
    return {**configuration, "oauthDiscovery": vendors.discovery(vendor, configuration)}


def _check_methods(configuration: Mapping[str, Any], where: str) -> None:
    """Refuses two places that say how the client proves itself."""
    discovery = configuration.get("oauthDiscovery") or {}
    listed = (discovery.get("authorizationServerMetadata") or {}).get("tokenEndpointAuthMethods")
    if listed is not None and "clientAuthenticationMethod" in configuration:
        message = "clientAuthenticationMethod and tokenEndpointAuthMethods cannot be given together."
        raise validation(message, (f"{where}clientAuthenticationMethod", message))


def _check_private_key(configuration: Mapping[str, Any], where: str) -> None:
    """Refuses a key-based authentication whose parts do not go together."""
    place, given = f"{where}privateKeyJwtConfig", configuration.get("privateKeyJwtConfig")
    if configuration.get("clientAuthenticationMethod") != PRIVATE_KEY:
        if given is not None:
            message = f"privateKeyJwtConfig needs clientAuthenticationMethod {PRIVATE_KEY}."
            raise validation(message, (place, message))
        return
    if given is None or not given.get("privateKeySource") or not given.get("signingAlgorithm"):
        message = f"{PRIVATE_KEY} needs a privateKeyJwtConfig with privateKeySource and signingAlgorithm."
        raise validation(message, (place, message))
    if configuration.get("clientSecret") or configuration.get("clientSecretConfig"):
        message = f"{PRIVATE_KEY} takes no client secret."
        raise validation(message, (f"{where}clientSecret", message))
    for member, own in _OWN_CLAIMS.items():
        taken = sorted(own & set(given.get(member) or ()))
        if taken:
            message = f"{taken[0]} is set by the service."
            raise validation(message, (f"{place}.{member}", message))


def _check_on_behalf(given: Mapping[str, Any], where: str) -> None:
    """Refuses an on-behalf-of configuration whose parts do not go together."""
    exchange = given.get("tokenExchangeGrantTypeConfig")
    place = f"{where}onBehalfOfTokenExchangeConfig.tokenExchangeGrantTypeConfig"
    if exchange is not None and given["grantType"] != "TOKEN_EXCHANGE":
        message = f"{given['grantType']} takes no tokenExchangeGrantTypeConfig."
        raise validation(message, (place, message))
    actor = (exchange or {}).get("actorTokenContent", "NONE")
    if actor != "M2M" and (exchange or {}).get("actorTokenScopes"):
        message = f"actorTokenScopes are for the actor token M2M, not for {actor}."
        raise validation(message, (f"{place}.actorTokenScopes", message))


def _missing(where: str) -> ServiceError:
    return validation(f"{where} is required for a client with a secret.", (where, "is required"))


def _record(fixed: Mapping[str, Any], configuration: Mapping[str, Any], request: Request) -> dict[str, Any]:
    discovery = configuration["oauthDiscovery"]
    return {
        **fixed,
        "credentialProviderVendor": request.input["credentialProviderVendor"],
        **_secret(fixed, configuration, request.place),
        "configuration": {key: item for key, item in configuration.items() if key not in _NOT_SHOWN},
        "clientId": configuration.get("clientId", ""),
        "discoveryUrl": discovery.get("discoveryUrl", ""),
        "tokenEndpoint": discovery.get("authorizationServerMetadata", {}).get("tokenEndpoint", ""),
        "lastUpdatedTime": request.now,
        "status": "READY",
    }


def _secret(fixed: Mapping[str, Any], configuration: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The members that say where the secret is, and the secret that the service keeps."""
    reference = configuration.get("clientSecretConfig")
    if reference is None:
        return {
            "clientSecretArn": {"secretArn": fixed["managedSecretArn"]},
            "clientSecretSource": "MANAGED",
            "clientSecret": ""
            if configuration.get("clientAuthenticationMethod") in _NEEDED
            else configuration.get("clientSecret", ""),
        }
    return {
        "clientSecretArn": {"secretArn": secret_sources.arn_of(reference, place)},
        "clientSecretJsonKey": reference["jsonKey"],
        "clientSecretSource": "EXTERNAL",
        "clientSecretConfig": dict(reference),
    }


def _shown(record: Record, place: Place) -> Record:
    """Get's answer: the secret and the members that only the planes read are left out."""
    private = (
        *("configuration", "clientId", "clientSecret", "clientSecretConfig", "managedSecretArn"),
        *("discoveryUrl", "tokenEndpoint"),
    )
    member = vendors.member(record["credentialProviderVendor"])
    return {
        **{name: value for name, value in record.items() if name not in private},
        "callbackUrl": callback_url(place, record),
        "oauth2ProviderConfigOutput": {member: record["configuration"]},
    }


def _provider(request: Request) -> Record:
    name = request.input["name"]
    return request.find("credential-provider", name, f"The credential provider {name}")
