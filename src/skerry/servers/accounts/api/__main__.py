"""python -m skerry.servers.accounts.api [--watch-stdin].

Serves the accounts API on 127.0.0.1 until SIGTERM, SIGINT or, with --watch-stdin, the end of standard
input. The first line of standard output is `{"ready": true, "url": …}`; hops and warnings go to standard
error.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time

import httpx2

from skerry.auth.http.transport import Transport
from skerry.auth.jwt.keys import Keys
from skerry.auth.jwt.scopes import Hierarchy
from skerry.auth.moved_clock import clock_of
from skerry.auth.oauth import Client, TokenSource
from skerry.errors import ConfigurationError
from skerry.servers import program
from skerry.servers.accounts.api import seed
from skerry.servers.accounts.api.app import PART, AccountsApi
from skerry.servers.accounts.api.compatibility import WARNING
from skerry.servers.accounts.api.store import Store
from skerry.servers.http_auth import ProtectedResource
from skerry.servers.listener import announced, bind, url_of
from skerry.serving import Server
from skerry.settings import AccountsApiSettings
from skerry.wire.hop import Hop, encode

_hops = logging.getLogger("skerry.hop")
_log = logging.getLogger("skerry.servers.accounts")


def main(argv: list[str] | None = None) -> int:
    """Runs the API; the exit code is 0 after a signal, else that of the error told in one line."""
    parser = argparse.ArgumentParser(prog="skerry.servers.accounts.api", description="The accounts API.")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input ends")
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("skerry").setLevel(logging.INFO)
    return program.ended(PART, lambda: asyncio.run(_serve(_settings(), watch_stdin=options.watch_stdin)))


def _settings() -> AccountsApiSettings:
    try:
        settings = AccountsApiSettings.from_env(os.environ)
    except ValueError as error:
        raise ConfigurationError(
            f"a setting is wrong: {error}.", hint="Check PORT and ACCOUNTS_SCOPES_INCLUDE."
        ) from error
    if not settings.issuer:
        raise ConfigurationError(
            "nobody is named whose tokens to take.", hint="Set ACCOUNTS_ISSUER to the issuer's URL."
        )
    if settings.generate_token and not (settings.client_id and settings.client_secret):
        raise ConfigurationError(
            "ACCOUNTS_GENERATE_TOKEN needs a client.",
            hint="Set ACCOUNTS_CLIENT_ID and ACCOUNTS_CLIENT_SECRET.",
        )
    return settings


async def _serve(settings: AccountsApiSettings, *, watch_stdin: bool) -> None:
    store = Store(settings.database, seed.load(settings.seed))
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            with bind(settings.port) as sock:
                api = _api(settings, store, Transport(client), url_of(sock))
                server = Server(api.app(), announced({"service": PART, "url": url_of(sock)}))
                if watch_stdin:
                    server.stop_with_stdin()
                await server.serve(sockets=[sock])
    finally:
        store.close()


def _api(settings: AccountsApiSettings, store: Store, transport: Transport, url: str) -> AccountsApi:
    source, tokens_by = None, clock_of(settings.token_clock, time)
    if settings.generate_token:
        _log.warning(
            "GET /generate-token is on: whoever reaches this port gets a token of %s.", settings.client_id
        )
        client = Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            discovery_url=f"{settings.issuer}/.well-known/openid-configuration",
        )
        source = TokenSource(client, post=transport.post, fetch=transport.fetch, clock=tokens_by)
    if settings.compatibility_headers:
        _log.warning(WARNING)
    return AccountsApi(
        store=store,
        resource=ProtectedResource(
            url=url,
            issuer=settings.issuer,
            audience=settings.audience,
            keys=Keys.of_issuer(settings.issuer, fetch=transport.fetch, clock=tokens_by),
            scopes=(settings.read_scope, settings.write_scope),
            hierarchy=Hierarchy(settings.includes),
        ),
        settings=settings,
        clock=time,
        record=_record,
        source=source,
    )


def _record(hop: Hop) -> None:
    _hops.info(encode(hop))


if __name__ == "__main__":
    sys.exit(main())
