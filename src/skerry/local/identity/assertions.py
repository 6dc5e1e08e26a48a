"""`private_key_jwt`: how a client proves itself with a key in KMS (RFC 7523 §2.2, OpenID Connect Core §9).

KMS signs; the private key is never here. What AWS takes as `aud` is not documented: here it is the token
endpoint, which OpenID Connect asks for.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.errors import ServiceError, SkerryError
from skerry.local.ports.running import Clock

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE = 60
"""Seconds for which an assertion holds."""

Sign = Callable[[str, str, bytes], Awaitable[bytes]]
"""Signs a message with a KMS key: ARN, JWS algorithm, message. Raises a SkerryError."""


async def unsigned(key_arn: str, algorithm: str, message: bytes) -> bytes:
    """A `Sign` where there is no KMS. Raises ServiceError (501)."""
    del algorithm, message
    raise ServiceError(
        "UnknownOperationException", 501, f"The key {key_arn} cannot sign: there is no KMS here."
    )


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key in KMS and what its assertions say besides the standard claims."""

    arn: str
    algorithm: str
    header: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> PrivateKey:
        """From `PrivateKeyJwtConfig` of AWS's model."""
        return cls(
            str(configuration["privateKeySource"]["kmsKeySource"]["kmsKeyArn"]),
            str(configuration["signingAlgorithm"]),
            configuration.get("additionalHeaderClaims") or {},
            configuration.get("additionalPayloadClaims") or {},
        )


class Assertions:
    """Makes client assertions, one for each request."""

    def __init__(self, sign: Sign, clock: Clock) -> None:
        self._sign = sign
        self._clock = clock

    async def make(self, key: PrivateKey, client_id: str, audience: str) -> str:
        """An assertion. Raises ServiceError when KMS does not sign it."""
        now = int(self._clock.time())
        header = {**key.header, "alg": key.algorithm, "typ": "JWT"}
        payload = {
            **key.payload,
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(24),
            "iat": now,
            "exp": now + LIFE,
        }
        text = f"{_segment(header)}.{_segment(payload)}"
        try:
            signature = await self._sign(key.arn, key.algorithm, text.encode("ascii"))
        except ServiceError:
            raise
        except SkerryError as problem:
            raise ServiceError(
                "ValidationException", 400, f"The client assertion cannot be signed: {problem.message}"
            ) from problem
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode('ascii')}"


def _segment(value: Mapping[str, Any]) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
