"""What libraries read and parse for every session and client, and the tests need once in each process."""

from __future__ import annotations

import functools
import os
import ssl

import botocore.session
import httpcore2


def share() -> None:
    """One loader of botocore's service models, and one TLS context for each choice of trusted certificates.

    Both are made from files alone. With them a client of boto3 or httpx2 takes a fifth of its time.
    """
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    default = httpcore2.default_ssl_context

    @functools.cache
    def context(trust: bool, *_: str | None) -> ssl.SSLContext:
        return default(_trust_env=trust)

    def shared(*, _trust_env: bool = True) -> ssl.SSLContext:
        return context(_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    httpcore2.default_ssl_context = shared
