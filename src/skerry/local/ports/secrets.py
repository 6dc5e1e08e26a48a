"""Secrets and certificates of the embedded cloud."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from skerry.auth.http.outside import Http
from skerry.errors import RemoteError


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A value in Secrets Manager: name or ARN of a secret, and the key in its JSON object."""

    id: str
    key: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> SecretReference:
        """From `SecretReference` of AWS's model."""
        return cls(str(given["secretId"]), str(given["jsonKey"]))


FetchSecret = Callable[[SecretReference], Awaitable[str]]
"""GetSecretValue. Raises a SkerryError, without the secret in it, when the value cannot be had."""


Certificates = Sequence[Mapping[str, Any]]
"""`certificateConfigurations` of AWS's model: where the certificates of private authorities are."""


class Authorities(Protocol):
    """Private certificate authorities, as resources name them."""

    async def trust(self, certificates: Certificates) -> ssl.SSLContext:
        """TLS that trusts these too.

        Raises SkerryError for a certificate that cannot be read or is none of an authority.
        """
        ...

    def http(self, certificates: Certificates) -> Http:
        """HTTP towards identity providers, wherever they are, that trusts these too.

        Its requests raise SkerryError, as `trust` does.
        """
        ...


class NoAuthorities:
    """Implements `Authorities` for a plane without the cloud that certificates are in."""

    async def trust(self, certificates: Certificates) -> ssl.SSLContext:
        """Raises RemoteError."""
        del certificates
        raise _no_authorities()

    def http(self, certificates: Certificates) -> Http:
        """Raises RemoteError."""
        del certificates
        raise _no_authorities()


def _no_authorities() -> RemoteError:
    return RemoteError(
        "The certificate of certificateConfigurations cannot be read: this endpoint has no embedded cloud."
    )
