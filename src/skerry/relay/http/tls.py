"""Whom to trust over TLS, and how to greet an HTTP proxy."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from skerry.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl


def default_tls() -> ssl.SSLContext:
    """The system's certificates, or those of certifi where the system has none."""
    import ssl

    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and not ssl.get_default_verify_paths().capath:
        with contextlib.suppress(ImportError):
            import certifi

            context.load_verify_locations(certifi.where())
    return context


def tls_with(bundle: str) -> Callable[[], ssl.SSLContext]:
    """A context maker that trusts the certificates of a file (`AWS_CA_BUNDLE`).

    The maker raises ConfigurationError when the file cannot be used.
    """

    def make() -> ssl.SSLContext:
        import ssl

        try:
            return ssl.create_default_context(cafile=bundle)
        except (OSError, ssl.SSLError) as problem:
            raise ConfigurationError(f"The CA bundle {bundle} cannot be used.") from problem

    return make


def basic(user: str, password: str) -> str:
    """The value of an Authorization header for user and password (RFC 7617)."""
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")
