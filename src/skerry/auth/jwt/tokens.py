"""The strict verifier of JWT access tokens.

Sources: RFC 7515 and 7519 (form, signature, time), RFC 8725 (best practice), RFC 9068 (access tokens).
Rules run in a fixed order and every failure is a TokenError with a stable reason; no input raises anything
else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import JoseError

from skerry.auth.jwt.dialects import Claims, Dialect, audiences
from skerry.auth.jwt.keys import Keys, PublicKey, Verified
from skerry.errors import TokenError
from skerry.wire.jsonrpc import depth_exceeds
from skerry.wire.shown import safe

LEEWAY = 30.0
"""Seconds that clocks may differ."""
MAX_TOKEN = 16_384
MAX_KEY_ID = 256
MAX_DEPTH = 16
MAX_MARK = 80
"""Characters of a member of a token in a log."""

_LATEST = 253_402_300_799  # the last second of the year 9999
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class _Registry(jws.JWSRegistry):
    max_header_length = MAX_TOKEN
    max_payload_length = MAX_TOKEN
    max_signature_length = MAX_TOKEN


def bearer(authorization: str | Sequence[str] | None) -> str:
    """The token of a request, from its one `Authorization` header or the list of all of them.

    Raises TokenError: missing; request when there are several headers, which is a malformed request and says
    nothing about a token (RFC 6750 §3.1); malformed for another scheme.
    """
    given = [authorization] if isinstance(authorization, str) else list(authorization or ())
    if not given:
        raise TokenError("missing", "No bearer token was sent.", hint="Send it in the Authorization header.")
    if len(given) > 1:
        raise TokenError("request", "The request has several Authorization headers.", hint="Send one.")
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "bearer":
        raise TokenError(
            "malformed", "The request needs exactly one Authorization header, of the scheme Bearer."
        )
    return token.strip(" ")


async def verify(
    token: str,
    *,
    keys: Keys,
    issuer: str,
    dialect: Dialect,
    now: float,
    audience: str | None,
    clients: Collection[str] = (),
    leeway: float = LEEWAY,
) -> Claims:
    """The claims of an access token that is genuine, current, of the right kind and meant for us.

    `audience` must be in `aud`; in a dialect whose tokens carry no audience (Cognito) the token's client
    must be in `clients` instead. None leaves the audience to the caller, as AgentCore's authorizer does it.
    `now` and `leeway` are seconds. Scopes are not looked at: missing ones are 403 and not 401, and the
    resource server's business.

    Raises TokenError: malformed, algorithm, key, unreachable, signature, issuer, expired, not-yet, kind,
    client, audience.
    """
    if len(token) > MAX_TOKEN or _FORM.fullmatch(token) is None:
        raise TokenError("malformed", "Failed to parse token", hint="It is no JWT of at most 16 KB.")
    digest = hashlib.sha256(token.encode("ascii")).digest()
    verified = keys.recall(digest)
    if verified is None:
        verified = await _check(token, keys)
        keys.remember(digest, verified)
    claims = verified.claims
    try:
        check_time(claims, now, leeway)
    except TokenError:
        keys.forget(digest)
        raise
    if claims.get("iss") != issuer:
        raise TokenError(
            "issuer",
            "Claim 'iss' value mismatch with configuration.",
            hint=dialect.hint("iss", claims.get("iss")),
        )
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise TokenError("malformed", "The token has no subject.")
    _check_kind(verified, dialect)
    if audience is not None:
        _check_audience(claims, dialect, audience, clients)
    return claims


def unverified_claims(token: str) -> Claims:
    """The claims of a JWT **without any proof**, for diagnosis and cache keys only.

    Raises TokenError (malformed).
    """
    if len(token) > MAX_TOKEN or _FORM.fullmatch(token) is None:
        raise TokenError("malformed", "Failed to parse token")
    return MappingProxyType(_json_object(_decode(token.split(".")[1])))


def unverified(token: str) -> tuple[Claims, Claims]:
    """Header and claims of a JWT **without any proof**. Raises TokenError (malformed)."""
    if len(token) > MAX_TOKEN or _FORM.fullmatch(token) is None:
        raise TokenError("malformed", "Failed to parse token")
    head, payload, _ = token.split(".")
    return MappingProxyType(_json_object(_decode(head))), MappingProxyType(_json_object(_decode(payload)))


def marks(token: str) -> dict[str, str]:
    """`iss`, `kid` and `jti` of a JWT **without any proof**: for a log, to find a refused token by.

    Bounded, on one line, without what looks like a secret; members that are no texts are left out.
    """
    try:
        header, claims = unverified(token)
    except TokenError:
        return {}
    found = {"iss": claims.get("iss"), "kid": header.get("kid"), "jti": claims.get("jti")}
    return {name: safe(value, MAX_MARK) for name, value in found.items() if isinstance(value, str)}


async def _check(token: str, keys: Keys) -> Verified:
    head, payload, _ = token.split(".")
    header = _json_object(_decode(head))
    if header.get("alg") != keys.algorithm:
        raise TokenError("algorithm", f"The token is not signed with {keys.algorithm}.")
    if "crit" in header or "b64" in header:
        raise TokenError("malformed", "The token's header asks for an extension.")
    kid, kind = header.get("kid"), header.get("typ", "")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KEY_ID or not isinstance(kind, str):
        raise TokenError("malformed", "The token's header needs a key id, and its type must be a string.")
    claims = _json_object(_decode(payload))
    key = await keys.key(kid)
    check_signature(token, key, keys.algorithm)
    return Verified(MappingProxyType(claims), kind.lower().removeprefix("application/"))


def check_signature(token: str, key: PublicKey, algorithm: str) -> None:
    """Raises TokenError (signature) unless the JWT was signed with `key` by `algorithm`."""
    try:
        registry = _Registry(algorithms=[algorithm], strict_check_header=False)
        jws.deserialize_compact(token, key, algorithms=[algorithm], registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenError("signature", "The token's signature does not hold.") from error


def _decode(segment: str) -> bytes:
    try:
        return base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise TokenError("malformed", "Failed to parse token") from error


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a member stands twice")
    return result


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        if depth_exceeds(raw, MAX_DEPTH):
            raise ValueError("nested too deep")
        data = json.loads(
            raw.decode("utf-8"), parse_constant=_constant, parse_float=_number, object_pairs_hook=_members
        )
    except (ValueError, RecursionError) as error:
        raise TokenError("malformed", "Failed to parse token") from error
    if not isinstance(data, dict):
        raise TokenError("malformed", "Failed to parse token")
    return data


def _seconds(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        raise TokenError("malformed", f"Claim '{name}' must be a time in seconds.")
    return value


def check_time(claims: Claims, now: float, leeway: float) -> None:
    """Raises TokenError: malformed, expired, not-yet. `exp` and `iat` must be there."""
    expires, issued, begins = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None:
        raise TokenError("malformed", "The token lacks the claim 'exp' or 'iat'.")
    if expires <= now - leeway:
        raise TokenError("expired", "Token has expired", hint="Get a new one.")
    if issued > now + leeway or (begins is not None and begins > now + leeway):
        raise TokenError(
            "not-yet", "The token is not valid yet.", hint="Compare the clocks of issuer and receiver."
        )


def _check_kind(verified: Verified, dialect: Dialect) -> None:
    claims = verified.claims
    if verified.type not in dialect.types:
        shown = verified.type[:40] or "missing"
        raise TokenError("kind", f"The token's type ({shown!r}) is not that of an access token.")
    for name, value in dialect.equal.items():
        if claims.get(name) != value:
            raise TokenError(
                "kind",
                f"Claim '{name}' must be '{value}'.",
                hint=dialect.hint(name, claims.get(name)),
            )
    absent = sorted(name for name in dialect.present if name not in claims)
    if absent or (dialect.any_of and not any(name in claims for name in dialect.any_of)):
        wanted = absent or sorted(dialect.any_of)
        raise TokenError("kind", f"The token lacks {', '.join(wanted)}, which an access token has.")
    surplus = sorted(name for name in dialect.forbidden if name in claims)
    if surplus:
        raise TokenError("kind", f"The claim '{surplus[0]}' belongs to another kind of token.")


def _check_audience(claims: Claims, dialect: Dialect, audience: str, clients: Collection[str]) -> None:
    if dialect.audience == "client" and "aud" not in claims:
        client = claims.get(dialect.client)
        if not isinstance(client, str) or client not in clients:
            raise TokenError("client", f"Claim '{dialect.client}' value mismatch with configuration.")
    elif audience not in audiences(claims):
        raise TokenError(
            "audience",
            "Claim 'aud' value mismatch with configuration.",
            hint="The token was issued for another resource; ask for one with this audience.",
        )
