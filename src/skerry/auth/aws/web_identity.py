"""Tokens by which a principal of AWS proves itself to services outside of AWS, and the key that signs them.

Sources: AWS STS API reference, GetWebIdentityToken; AWS IAM user guide, "Understanding token claims"; RFC
7517 (keys), RFC 7519 (JWT), OpenID Connect Discovery 1.0 §3.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters, RSAKey

from skerry.errors import StateError

ALGORITHM = "RS256"
ALGORITHMS = (ALGORITHM, "ES384")
LIFE = 300
"""Seconds for which a token holds: GetWebIdentityToken's default."""
NAMESPACE = "https://sts.amazonaws.com/"
"""The claim that has everything which only AWS says."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a token shall say: of the principal `subject`, an ARN of IAM, for whom, for how many seconds.

    `principal_tags` are those of the principal and its session, `request_tags` those that it asked for.
    """

    subject: str
    audiences: Sequence[str]
    region: str
    algorithm: str = ALGORITHM
    seconds: int = LIFE
    principal_tags: Mapping[str, str] = field(default_factory=dict)
    request_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of an issuer, for one algorithm."""

    _key: RSAKey | ECKey = field(repr=False)

    @classmethod
    def new(cls, algorithm: str = ALGORITHM) -> SigningKey:
        """A fresh key; one for RS256 takes a tenth of a second."""
        members: KeyParameters = {"use": "sig", "alg": algorithm}
        if algorithm == ALGORITHM:
            return cls(RSAKey.generate_key(2048, parameters=members, auto_kid=True))
        return cls(ECKey.generate_key("P-384", parameters=members, auto_kid=True))

    @classmethod
    def of(cls, text: str) -> SigningKey:
        """The key of which `private` gave the text. Raises StateError."""
        try:
            members = json.loads(text)
            kind = ECKey if isinstance(members, dict) and members.get("kty") == "EC" else RSAKey
            return cls(kind.import_key(members))
        except (ValueError, TypeError, KeyError, JoseError) as error:
            raise StateError("the key of the stack's web identity issuer cannot be read.") from error

    @property
    def private(self) -> str:
        """The key as text, to be sealed."""
        return json.dumps(self._key.as_dict(private=True))

    @property
    def public(self) -> dict[str, object]:
        """What everybody may know of it: a member of a key set."""
        return dict(self._key.as_dict(private=False))

    def token(self, issuer: str, asked: TokenRequest, *, now: float) -> str:
        """The token; `now` in seconds since the epoch. The key must be one for the algorithm."""
        tags = {"principal_tags": dict(asked.principal_tags), "request_tags": dict(asked.request_tags)}
        claims = {
            "iss": issuer,
            "sub": asked.subject,
            "aud": asked.audiences[0] if len(asked.audiences) == 1 else list(asked.audiences),
            "jti": secrets.token_urlsafe(24),
            "iat": int(now),
            "exp": int(now) + asked.seconds,
            NAMESPACE: {
                "aws_account": asked.subject.split(":")[4],
                "source_region": asked.region,
                **{name: found for name, found in tags.items() if found},
            },
        }
        header = {"alg": asked.algorithm, "typ": "JWT", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[asked.algorithm])


def metadata(issuer: str) -> dict[str, object]:
    """What an issuer says of itself (OpenID Connect Discovery 1.0 §3)."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "claims_supported": ["iss", "sub", "aud", "jti", "iat", "exp", NAMESPACE],
    }
