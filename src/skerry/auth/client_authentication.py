"""How a client proves itself at a token endpoint: not at all, with a secret, or with a signed assertion.

Sources: RFC 6749 §2.3.1 (secrets), RFC 7523 §2.2 and §3 (`private_key_jwt`), OpenID Connect Core 1.0 §9.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from skerry.auth.discovery import Provider
from skerry.auth.oauth import basic
from skerry.errors import ConfigurationError, MissingExtraError, RemoteError

Method = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]
METHODS: tuple[str, ...] = get_args(Method)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE = 60
"""Seconds that an assertion holds."""
_ALGORITHMS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("OKP", "Ed25519"): ("Ed25519",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdentity:
    """Who a client is at one issuer. `key` is a private key, as PEM or JWK."""

    client_id: str
    method: Method = "none"
    secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


def proven(
    identity: ClientIdentity, provider: Provider, form: Mapping[str, str], *, now: float
) -> tuple[dict[str, str], dict[str, str]]:
    """A token request's form and headers, with what proves the client.

    Raises ConfigurationError for a key that cannot be used, MissingExtraError without a JWT library.
    """
    headers = {"Accept": "application/json"}
    whole = dict(form)
    if identity.method == "client_secret_basic":
        headers["Authorization"] = basic(identity.client_id, identity.secret)
    elif identity.method == "client_secret_post":
        whole |= {"client_id": identity.client_id, "client_secret": identity.secret}
    elif identity.method == "private_key_jwt":
        whole |= {
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion(identity, provider, now=now),
        }
    else:
        whole["client_id"] = identity.client_id
    return whole, headers


def secret_method(provider: Provider) -> Method:
    """How a secret is sent: in the header, unless the provider takes it in the body only."""
    if (
        "client_secret_basic" in provider.client_methods
        or "client_secret_post" not in provider.client_methods
    ):
        return "client_secret_basic"
    return "client_secret_post"


def assertion(identity: ClientIdentity, provider: Provider, *, now: float) -> str:
    """A JWT by which a client proves that it has its key; for this issuer alone, for a minute."""
    try:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey, OKPKey, RSAKey
    except ImportError as error:
        raise MissingExtraError("local", "joserfc") from error
    key: Any = None
    text: Any = identity.key
    if text.lstrip().startswith("{"):
        try:
            text = json.loads(text)
        except (ValueError, RecursionError):
            text = ""
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key = kind.import_key(text)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        break
    if key is None or not key.is_private:
        raise ConfigurationError(
            "the client's key is no private RSA, EC or Ed25519 key.", hint="Give a PEM or JWK file."
        )
    algorithm = _algorithm(key, provider)
    header = {"alg": algorithm, "typ": "JWT"}
    known = key.as_dict(private=False).get("kid")
    if isinstance(known, str) and known:
        header["kid"] = known
    claims = {
        "iss": identity.client_id,
        "sub": identity.client_id,
        "aud": provider.issuer,
        "jti": secrets.token_urlsafe(24),
        "iat": int(now),
        "exp": int(now) + LIFE,
    }
    return jwt.encode(header, claims, key, algorithms=[algorithm])


def _algorithm(key: Any, provider: Provider) -> str:
    able = _ALGORITHMS.get((key.key_type, str(getattr(key, "curve_name", "") or "")), ())
    wanted = provider.signing_algorithms or able
    chosen = next((name for name in able if name in wanted), "")
    if not chosen:
        raise ConfigurationError(
            "the identity provider takes no signature that the client's key can make.",
            hint=f"It takes {', '.join(provider.signing_algorithms)[:100] or 'nothing known'}.",
        )
    return chosen


def method_of(value: object, otherwise: Method) -> Method:
    """A method that a provider assigned. Raises RemoteError for one that no client here can use."""
    if value is None:
        return otherwise
    if value not in METHODS or value == "private_key_jwt":
        raise RemoteError(
            "the identity provider registered this client for a way to prove itself that it does not have.",
            hint="Register a client by hand and give --client-id.",
        )
    return cast("Method", value)
