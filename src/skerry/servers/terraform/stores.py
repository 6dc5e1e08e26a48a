"""Where session state is kept: in memory, in Redis or in DynamoDB, behind py-key-value's port.

What leaves the process is encrypted (Fernet) with keys derived from the deployment's secrets; a store that
outlives the process is refused without one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet, MultiFernet
from key_value.aio.protocols.key_value import AsyncKeyValue
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from key_value.aio.wrappers.encryption import FernetEncryptionWrapper
from redis.asyncio import Redis

from skerry.auth.jwt.keys import Clock
from skerry.errors import ConfigurationError
from skerry.servers.terraform.checks import check_state
from skerry.servers.terraform.state import Sessions
from skerry.settings import TerraformSettings

MAX_ENTRIES = 10_000
"""Entries of a kind that a process keeps in memory; beyond it the oldest goes."""
STORE_TIMEOUT = 5.0


async def _nothing() -> None:
    """A store that needs no closing."""


@dataclass(frozen=True, slots=True)
class OpenSessions:
    """Sessions, the secret that everything else is derived from, and how to let go of the store."""

    sessions: Sessions
    secret: bytes = field(repr=False)
    close: Callable[[], Awaitable[None]] = _nothing


def open_sessions(settings: TerraformSettings, clock: Clock) -> OpenSessions:
    """The sessions that the settings name. Raises ConfigurationError, which never shows the address."""
    check_state(settings)
    keys = [each.encode() for each in settings.state_key]
    if settings.state == "memory":
        keys = keys or [secrets.token_bytes(32)]
        store: AsyncKeyValue = MemoryStore(max_entries_per_collection=MAX_ENTRIES)
        return OpenSessions(_sessions(store, settings, clock, keys), keys[0])
    kept_in = urlsplit(settings.state).scheme
    store, close = _dynamodb(settings, clock) if kept_in == "dynamodb" else _redis(settings)
    fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(derived(key, "session state"))) for key in keys])
    encrypted = FernetEncryptionWrapper(store, fernet=fernet)
    return OpenSessions(_sessions(encrypted, settings, clock, keys), keys[0], close)


def derived(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, of a secret that is long and random, so that one round is enough."""
    return hmac.new(secret, f"skerry terraform {purpose}".encode(), hashlib.sha256).digest()


def _sessions(
    store: AsyncKeyValue, settings: TerraformSettings, clock: Clock, keys: Sequence[bytes]
) -> Sessions:
    seals = [derived(key, "session seal") for key in keys]
    return Sessions(store, clock, settings.session_lifetime, seals)


def _redis(settings: TerraformSettings) -> tuple[AsyncKeyValue, Callable[[], Awaitable[None]]]:
    try:
        client: Redis = Redis.from_url(
            settings.state,
            decode_responses=True,
            socket_timeout=STORE_TIMEOUT,
            socket_connect_timeout=STORE_TIMEOUT,
        )
    except ValueError as error:
        raise ConfigurationError(
            "SKERRY_TERRAFORM_STATE is no Redis URL.", hint="Write redis://HOST:PORT/NUMBER."
        ) from error
    return RedisStore(client=client), client.aclose


def _dynamodb(
    settings: TerraformSettings, clock: Clock
) -> tuple[AsyncKeyValue, Callable[[], Awaitable[None]]]:
    from skerry.servers.terraform.dynamodb_state import DynamoDBState  # boto3, which nothing else needs

    parts = urlsplit(settings.state)
    options = parse_qs(parts.query)
    store = DynamoDBState(
        parts.netloc,
        clock=clock,
        region=options.get("region", [""])[0],
        endpoint_url=options.get("endpoint_url", [""])[0],
        create=options.get("create", [""])[0] == "1",
    )
    return store, store.close
