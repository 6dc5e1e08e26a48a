"""Private certificate authorities: TLS that also trusts what `certificateConfigurations` name.

    resource ─▶ certificateConfigurations ─▶ Secrets Manager or S3 ─▶ PEM ─▶ TLS context ─▶ target, issuer

The certificate is read whenever a request needs it, so that a renewed one counts at once; the context of a
certificate, and with it its open connections, stays.

Source: botocore service model `bedrock-agentcore-control`, CertificateConfiguration. That a private CA is
trusted beside the public ones is inferred: the model says that it is for those "not trusted by default".
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from skerry.auth.http.outside import Form, Http
from skerry.auth.http.transport import Transport
from skerry.errors import RemoteError
from skerry.local.http.upstream import UpstreamError
from skerry.local.ports.secrets import Certificates
from skerry.relay.http.tls import default_tls

MAX_PEM = 65_536
MAX_KEPT = 64
_HINT = "Store the certificate of the authority itself, in PEM: -----BEGIN CERTIFICATE-----."

ReadText = Callable[[str], Awaitable[str]]
"""The text of a secret, by its ARN. Raises SkerryError."""


class ReadObject(Protocol):
    """Reads an object of S3."""

    async def __call__(self, bucket: str, key: str, version: str, *, limit: int) -> bytes:
        """Its content. Raises SkerryError."""
        ...


class PrivateAuthorities:
    """Implements `Authorities` with the embedded cloud's Secrets Manager and S3.

    `account` owns every bucket of the stack. `close` ends what was opened.
    """

    def __init__(self, read_secret: ReadText, read_object: ReadObject, *, account: str) -> None:
        self._read_secret = read_secret
        self._read_object = read_object
        self._account = account
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._clients: dict[str, httpx2.AsyncClient] = {}
        self._trusting: OrderedDict[str, _Trusting] = OrderedDict()

    async def trust(self, certificates: Certificates) -> ssl.SSLContext:
        """As `Authorities`."""
        return await self._context(await self._pem(certificates))

    def http(self, certificates: Certificates) -> Http:
        """As `Authorities`; the same object for the same certificates, so that keys can be kept by it."""
        key = json.dumps(certificates, sort_keys=True)
        found = self._trusting.setdefault(key, _Trusting(self, certificates))
        self._trusting.move_to_end(key)
        while len(self._trusting) > MAX_KEPT:
            self._trusting.popitem(last=False)
        return found

    async def transport(self, certificates: Certificates) -> Http:
        """HTTP that trusts the certificates as they are now. Raises SkerryError."""
        pem = await self._pem(certificates)
        context = await self._context(pem)
        client = self._clients.get(pem)
        if client is None:
            client = self._clients[pem] = httpx2.AsyncClient(verify=context, trust_env=False)
        return Transport(client)

    async def close(self) -> None:
        """Ends all connections."""
        while self._clients:
            await self._clients.popitem()[1].aclose()

    async def _context(self, pem: str) -> ssl.SSLContext:
        context = self._contexts.get(pem)
        if context is None:  # reads the system's certificates: not on the event loop
            context = await asyncio.to_thread(_trusting, pem)
            context = self._contexts.setdefault(pem, context)
        self._contexts.move_to_end(pem)
        while len(self._contexts) > MAX_KEPT:
            old, _ = self._contexts.popitem(last=False)
            if client := self._clients.pop(old, None):
                await client.aclose()
        return context

    async def _pem(self, certificates: Certificates) -> str:
        return "".join([await self._one(configured) for configured in certificates])

    async def _one(self, configured: Mapping[str, Any]) -> str:
        try:
            return _checked(*await self._read(configured))
        except UpstreamError as problem:  # the embedded cloud is away
            raise RemoteError(problem.message, hint=problem.hint) from problem

    async def _read(self, configured: Mapping[str, Any]) -> tuple[str, str]:
        """What is stored for a resource, and where."""
        secret = configured.get("secretsManager")
        if secret is not None:
            arn = str(secret["secretArn"])
            return await self._read_secret(arn), f"in the secret {arn}"
        given = configured["s3"]
        uri, owner = str(given["uri"]), str(given.get("bucketOwnerAccountId", self._account))
        if owner != self._account:
            raise RemoteError(
                f"{uri} is not owned by the account {owner}.",
                hint=f"The buckets of this stack belong to {self._account}.",
            )
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise RemoteError(f"{uri[:200]!r} is no location in S3.", hint="The form is s3://BUCKET/KEY.")
        content = await self._read_object(bucket, key, "", limit=MAX_PEM)
        return content.decode("utf-8", "replace"), f"at {uri}"


class _Trusting:
    """Implements `Http` with the certificates of one resource."""

    def __init__(self, authorities: PrivateAuthorities, certificates: Certificates) -> None:
        self._authorities = authorities
        self._certificates = certificates

    async def fetch(self, url: str) -> bytes:
        return await (await self._authorities.transport(self._certificates)).fetch(url)

    async def post(self, url: str, form: Form, headers: Mapping[str, str]) -> tuple[int, bytes]:
        return await (await self._authorities.transport(self._certificates)).post(url, form, headers)


def _checked(text: str, where: str) -> str:
    """The certificates of authorities in a text, when there is nothing else. No error holds any of it."""
    if "PRIVATE KEY" in text:
        raise RemoteError(
            f"What is stored {where} holds a private key.",
            hint="The key stays with the authority; store its certificate alone.",
        )
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise RemoteError(f"What is stored {where} is no certificate in PEM.", hint=_HINT) from error
    if not all(map(_is_authority, found)):
        raise RemoteError(
            f"The certificate {where} is not that of an authority: its basic constraints do not say CA.",
            hint="Store the root or intermediate certificate that signed the server's, not the server's own.",
        )
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode("ascii") for one in found)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _trusting(pem: str) -> ssl.SSLContext:
    context = default_tls()
    context.load_verify_locations(cadata=pem)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate authority is trusted, too
    return context
