"""`skerry idp clients`: the OAuth clients of a realm; those of skerry.toml are shown and stay."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from skerry.errors import ConfigurationError
from skerry.idp.kept.granted import GRANTED
from skerry.idp.realm import checks, configuration, defaults
from skerry.idp.realm.directory import Directory
from skerry.idp.realms import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, PUBLIC, REFRESH_TOKEN, Client
from skerry.stack.commands.idp.opened import opened

Answer = tuple[Mapping[str, Any], Iterable[str]]


def _no_more(_parser: argparse.ArgumentParser) -> None:
    """An action without options of its own."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the client id")
    parser.add_argument("--name", default="", help="what the consent page calls it")
    for option, what in (
        ("grant", "a grant it may use (default: client_credentials; with a redirect URI, people's sign-in)"),
        ("scope", "a scope it may ask for"),
        ("audience", "an audience of its tokens; the first is the usual one"),
        ("redirect-uri", "where codes may go, compared exactly"),
        ("post-logout-redirect-uri", "where people may go after signing out"),
    ):
        parser.add_argument(
            f"--{option}",
            action="append",
            default=[],
            metavar=option.rpartition("-")[2].upper(),
            help=f"{what}; repeatable",
        )
    parser.add_argument("--public", action="store_true", help="without a secret, as programs of people are")
    parser.add_argument("--native", action="store_true", help="a program on a person's machine, no web site")
    parser.add_argument("--trusted", action="store_true", help="people are not asked for their consent")


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the client id")


def listing(options: argparse.Namespace) -> Answer:
    """Every client of the realm and who made it, without secrets."""
    idp = opened(options.state, options.realm)
    found = [*idp.realm.clients.values(), *idp.directory(Directory.registered)]
    known = {client.id for client in found}
    granted = {str(value["client_id"]) for _, value in idp.records(lambda kept: kept.all(GRANTED))}
    found += [_document(name) for name in sorted(granted - known) if "://" in name]
    return {"realm": idp.realm.name, "clients": [_facts(client) for client in found]}, map(_line, found)


def add(options: argparse.Namespace) -> Answer:
    """A new client; its secret is in this answer and nowhere else."""
    secret = "" if options.public else secrets.token_urlsafe(32)
    usual = [AUTHORIZATION_CODE, REFRESH_TOKEN] if options.redirect_uri else [CLIENT_CREDENTIALS]
    client = Client(
        id=options.id,
        secret=secret,
        name=options.name,
        grants=tuple(map(configuration.grant_type, options.grant or usual)),
        scopes=tuple(options.scope),
        audiences=tuple(options.audience),
        redirect_uris=tuple(options.redirect_uri),
        post_logout_redirect_uris=tuple(options.post_logout_redirect_uri),
        application_type="native" if options.native else "web",
        token_endpoint_auth_method=PUBLIC if options.public else "",
        trusted=options.trusted,
        source="added",
    )
    idp = opened(options.state, options.realm)
    client = defaults.with_audience(client, idp.realm)
    checks.check_client(client, idp.realm)

    async def keep(directory: Directory) -> bool:
        if await directory.client(client.id) is not None or await directory.user_by_id(client.id) is not None:
            return False
        await directory.keep_client(client)
        return True

    if not idp.directory(keep):
        raise ConfigurationError(
            f"the realm '{idp.realm.name}' has a client or a person with the id '{client.id}' already.",
            hint="Choose another id, or remove that one first.",
        )
    facts = {"realm": idp.realm.name, **_facts(client), **({"client_secret": secret} if secret else {})}
    lines = [f"client  {client.id}", *([f"secret  {secret}"] if secret else [])]
    return facts, [*lines, *(["Keep the secret now: only its digest is stored."] if secret else [])]


def remove(options: argparse.Namespace) -> Answer:
    """Takes a client away that was added or registered."""
    idp = opened(options.state, options.realm)
    if options.id in idp.realm.clients:
        raise ConfigurationError(
            f"the client '{options.id}' is declared in skerry.toml.", hint="Remove it there."
        )
    if not idp.directory(lambda directory: directory.drop_client(options.id)):
        raise ConfigurationError(
            f"the realm '{idp.realm.name}' has no client '{options.id}'.",
            hint="skerry idp clients list shows them.",
        )
    return {"realm": idp.realm.name, "removed": options.id}, [f"removed {options.id} from {idp.realm.name}"]


ACTIONS = {
    "list": (listing, "the clients, without their secrets", _no_more),
    "add": (add, "add a client; its secret is printed once", _add_options),
    "remove": (remove, "remove a client that was added or registered", _named),
}


def _document(client_id: str) -> Client:
    """A client that people let do something and that describes itself at its id; what it says is not kept."""
    return Client(id=client_id, source="document", grants=(), token_endpoint_auth_method=PUBLIC)


def _facts(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.id,
        "client_name": client.name,
        "source": client.source,
        "grant_types": list(client.grants),
        "scopes": list(client.scopes),
        "audiences": list(client.audiences),
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": client.token_endpoint_auth_method or "client_secret_basic",
    }


def _line(client: Client) -> str:
    kind = "public" if client.is_public else "confidential"
    grants = " ".join(grant.rpartition(":")[2] for grant in client.grants)
    return f"{client.id:<24}  {client.source:<10}  {kind:<12}  {grants}  {' '.join(client.scopes)}".rstrip()
