"""API_KEY: a key of the token vault, in a header or a query parameter.

Source: service model, `ApiKeyCredentialProvider`. The key is never part of an error text, and the request's
URL with it is never logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.credentials.external import secret
from skerry.local.gateway.outgoing import Credential, TargetError
from skerry.local.ports.resources import Resources
from skerry.local.ports.secrets import FetchSecret
from skerry.wire.headers import is_header_name


def parameter(configuration: Mapping[str, Any], table: Assumptions) -> str:
    """The name of the query parameter that carries the key, "" when it is in a header."""
    given = configuration.get("apiKeyCredentialProvider") or {}
    location = given.get("credentialLocation") or table.api_key_location
    return str(given.get("credentialParameterName", "")) if location == "QUERY_PARAMETER" else ""


async def credential(
    configuration: Mapping[str, Any], resources: Resources, fetch_secret: FetchSecret, table: Assumptions
) -> Credential:
    """The key where the configuration wants it.

    Raises TargetError when there is no such key, or it cannot be sent.
    """
    given = configuration.get("apiKeyCredentialProvider") or {}
    arn = str(given.get("providerArn", ""))
    key = resources.api_key(arn)
    if key is None:
        raise TargetError(f"The API key credential provider {arn} does not exist.")
    if not isinstance(key, str):
        key = await secret(key, fetch_secret)
    prefix, name = str(given.get("credentialPrefix", "")), str(given.get("credentialParameterName", ""))
    value = f"{prefix}{table.api_key_separator}{key}" if prefix else key
    identity = arn.rpartition("/")[2]
    detail = {"location": str(given.get("credentialLocation") or table.api_key_location)}
    if detail["location"] == "QUERY_PARAMETER":
        if not name:
            raise TargetError("API_KEY in a query parameter needs credentialParameterName.")
        return Credential("api-key", identity, query={name: value}, detail=detail)
    header = (name or table.api_key_header).lower()
    if not is_header_name(header):
        raise TargetError(f"{name[:64]!r} cannot be the name of a header; see credentialParameterName.")
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise TargetError(
            f"The key of {identity} cannot be sent in a header.",
            hint="It holds blanks at an end, a line break or letters beyond ASCII; store it again.",
        )
    return Credential("api-key", identity, {header: value}, detail=detail)
