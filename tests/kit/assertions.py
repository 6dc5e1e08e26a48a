"""JWTs that clients and enterprises sign: good ones, and bad ones by a change of claims, header or key."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from tests.kit.issuer import FakeIssuer, segment


def signed(
    claims: Mapping[str, Any] | bytes, key: RSAKey | ECKey, *, header: Mapping[str, Any] | None = None
) -> str:
    """A JWT signed with `key`, whatever its header says; members that are None are left out."""
    usual = {"alg": "ES256" if isinstance(key, ECKey) else "RS256", "kid": key.kid}
    protected = {name: value for name, value in {**usual, **(header or {})}.items() if value is not None}
    body = claims if isinstance(claims, bytes) else {k: v for k, v in claims.items() if v is not None}
    text = f"{segment(protected)}.{segment(body)}"
    return f"{text}.{segment(_proof(text, key, protected.get('alg')))}"


def _proof(text: str, key: RSAKey | ECKey, algorithm: object) -> bytes:
    """A signature by `algorithm` where the key can, and with HS256 the public key as the secret."""
    if algorithm == "HS256":
        return hmac.digest(key.as_pem(private=False), text.encode(), "sha256")
    fitting = ("ES256",) if isinstance(key, ECKey) else ("RS256", "PS256", "RS512")
    return FakeIssuer.sign(text, key, str(algorithm) if algorithm in fitting else fitting[0])


def client_claims(client_id: str, audience: Any, now: float, **changes: Any) -> dict[str, Any]:
    """The claims of a good client assertion (RFC 7523 section 3), with a `jti` of its own."""
    usual = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": int(now),
        "exp": int(now) + 300,
        "jti": str(uuid.uuid4()),
    }
    return {**usual, **changes}
