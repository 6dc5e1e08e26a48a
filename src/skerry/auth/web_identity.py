"""Tokens by which a principal of AWS proves itself to services outside of AWS, and the key that signs them.

Sources: AWS STS API reference, GetWebIdentityToken; AWS IAM user guide, "Understanding token claims"; RFC
7517 (keys), RFC 7519 (JWT), OpenID Connect Discovery 1.0 §3.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from skerry.errors import StateError

ALGORITHM = "RS256"
LIFE = 300
"""Seconds for which a token holds: GetWebIdentityToken's default."""
NAMESPACE = "https://sts.amazonaws.com/"
"""The claim that has everything which only AWS says."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private key of an issuer."""

    _key: RSAKey = field(repr=False)

    @classmethod
    def new(cls) -> SigningKey:
        """A fresh key; takes a tenth of a second."""
        return cls(RSAKey.generate_key(2048, parameters={"use": "sig", "alg": ALGORITHM}, auto_kid=True))

    @classmethod
    def of(cls, text: str) -> SigningKey:
        """The key of which `private` gave the text. Raises StateError."""
        try:
            return cls(RSAKey.import_key(json.loads(text)))
        except (ValueError, TypeError, KeyError, JoseError) as error:
            raise StateError("the key of the stack's web identity issuer cannot be read.") from error

    @property
    def private(self) -> str:
        """The key as text, to be sealed."""
        return json.dumps(self._key.as_dict(private=True))

    @property
    def jwks(self) -> dict[str, object]:
        """What everybody may know of it: a key set without private members."""
        return {"keys": [self._key.as_dict(private=False)]}

    def token(self, issuer: str, subject: str, audience: str, *, region: str, now: float) -> str:
        """A token of the principal `subject`, an ARN of IAM, for one audience."""
        claims = {
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "jti": secrets.token_urlsafe(24),
            "iat": int(now),
            "exp": int(now) + LIFE,
            NAMESPACE: {"aws_account": subject.split(":")[4], "source_region": region},
        }
        header = {"alg": ALGORITHM, "typ": "JWT", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])


def metadata(issuer: str) -> dict[str, object]:
    """What an issuer says of itself (OpenID Connect Discovery 1.0 §3)."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "sub", "aud", "jti", "iat", "exp", NAMESPACE],
    }
