"""What libraries read and parse for every session and client, and the tests need once in each process."""

from __future__ import annotations

import functools
import os
import ssl
from typing import Any

import botocore.loaders
import botocore.session
import httpcore2


class SharedLoader(botocore.loaders.Loader):
    """Keeps what it has read for all sessions, but for S3: botocore rewrites the paths of its model in place."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """The model, paginators or waiters of a service; those of S3 are new each time."""
        if service_name == "s3":
            return self.another().load_service_model(service_name, type_name, api_version)
        return super().load_service_model(service_name, type_name, api_version)

    def another(self) -> botocore.loaders.Loader:
        """A usual loader of the same folders."""
        return botocore.loaders.Loader(list(self.search_paths), include_default_search_paths=False)


def share() -> None:
    """One loader of botocore's models, and one TLS context for each choice of trusted certificates.

    Both are made from files alone. With them a client of boto3 or httpx2 takes a fifth of its time.
    """

    @functools.cache
    def loader(paths: str | None = None) -> botocore.loaders.Loader:
        folders = botocore.loaders.create_loader(paths).search_paths
        return SharedLoader(folders, include_default_search_paths=False)

    default = httpcore2.default_ssl_context

    @functools.cache
    def context(trust: bool, *_: str | None) -> ssl.SSLContext:
        return default(_trust_env=trust)

    def shared(*, _trust_env: bool = True) -> ssl.SSLContext:
        return context(_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    botocore.session.create_loader = loader
    httpcore2.default_ssl_context = shared
