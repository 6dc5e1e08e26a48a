"""Opens the store that a URL names.

    sqlite:///conversations.db              a file, relative to the working directory
    sqlite:////var/lib/skerry/store.db      an absolute path (four slashes)
    sqlite:///~/.skerry/store.db            in the home directory
    dynamodb://TABLE?region=us-east-1&endpoint_url=http://127.0.0.1:4700

Region and credentials of DynamoDB that the URL leaves out come from where botocore finds them; no URL has a
credential.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from skerry.errors import ConfigurationError
from skerry.store.records import KeptStore
from skerry.wire import trace

FORMS = "sqlite:///PATH or dynamodb://TABLE?region=REGION"


def open_store(url: str, *, clock: Callable[[], float], lifetime: float) -> KeptStore:
    """The store of a URL. `clock` gives seconds since the epoch; `lifetime` is the seconds until expiry.

    Raises ConfigurationError for a URL that names none, and StoreError when it does not open.
    """
    parts = _split(url)
    if parts.scheme == "sqlite":
        from skerry.store.sqlite import SqliteStore

        return SqliteStore(_path(parts), clock=clock, lifetime=lifetime)
    from skerry.store.dynamodb import DynamoDbStore

    client, table = dynamodb_table(url)
    return DynamoDbStore(client, table, clock=clock, lifetime=lifetime)


def file_of(url: str) -> Path | None:
    """The file of a store, which may not be there yet; None for a table. Raises ConfigurationError."""
    parts = _split(url)
    return _path(parts) if parts.scheme == "sqlite" else None


def dynamodb_table(url: str) -> tuple[Any, str]:
    """A client for DynamoDB and the table's name. Raises ConfigurationError for another URL."""
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    parts = _split(url)
    if parts.scheme != "dynamodb" or not parts.netloc or parts.path.strip("/"):
        raise ConfigurationError("this is no URL of a DynamoDB table.", hint="dynamodb://TABLE?region=REGION")
    options = dict(parse_qsl(parts.query))
    unknown = sorted(options.keys() - {"region", "endpoint_url"})
    if unknown:
        raise ConfigurationError(
            f"the store's URL has options that there are none of: {', '.join(unknown)}.",
            hint="Known are region and endpoint_url.",
        )
    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=5,
        read_timeout=15,
        max_pool_connections=32,
    )
    try:
        client = botocore.session.Session().create_client(
            "dynamodb",
            region_name=options.get("region"),
            endpoint_url=options.get("endpoint_url"),
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            f"no client for DynamoDB can be made: {error}",
            hint="Name a region: dynamodb://TABLE?region=REGION",
        ) from error
    client.meta.events.register("before-send", trace.mark)
    return client, parts.netloc


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("sqlite", "dynamodb"):
        raise ConfigurationError(
            f"the store's URL does not begin as one does: {FORMS}.", hint="See SKERRY_STORE."
        )
    if parts.username is not None:
        raise ConfigurationError(
            "the store's URL has a user or a password, which do not belong there.",
            hint="Credentials come from the environment, a profile or a role.",
        )
    return parts


def _path(parts: SplitResult) -> Path:
    name = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not name or name.endswith("/") or parts.query:
        raise ConfigurationError(
            "the store's URL names no file.", hint="sqlite:///relative.db or sqlite:////absolute/path.db"
        )
    if name == ":memory:":
        raise ConfigurationError(
            "a store in memory would forget everything.", hint="Name a file: sqlite:///conversations.db"
        )
    return Path(name).expanduser()
