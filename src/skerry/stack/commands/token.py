"""`skerry token`: an access token of a client of the stack, or that of a person's sign-in."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.kept import Kept
from skerry.errors import ConfigurationError, RemoteError, TokenError
from skerry.settings import SignInSettings
from skerry.stack.commands.env import add_state
from skerry.stack.commands.logout import kept_url
from skerry.stack.state import running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument(
        "--target", default="", metavar="NAME|ARN|URL", help="the token of your sign-in there (skerry login)"
    )
    parser.add_argument("--realm", help="the realm to ask (default: the first declared)")
    parser.add_argument("--client", metavar="ID", help="the client to be (default: the realm's first)")
    parser.add_argument(
        "--client-secret-file",
        metavar="FILE",
        help="file with the secret of a client that skerry idp added (or it in env SKERRY_CLIENT_SECRET)",
    )
    parser.add_argument(
        "--scope", default="", help="scopes, separated by blanks (default: all of the client's)"
    )
    parser.add_argument("--audience", default="", help="who the token is for (default: the client's first)")
    parser.add_argument("--json", action="store_true", help="the whole token answer as JSON")


def run(options: argparse.Namespace) -> int:
    if options.target:
        return _of_a_person(options)
    stack = running(options.state)
    realm_name = options.realm or stack["default_realm"]
    realm = _pick(stack["realms"], realm_name, "realm")
    name = options.client or next((name for name, item in realm["clients"].items() if item["secret"]), "")
    given = SignInSettings.of(
        argparse.Namespace(client_id=name, client_secret_file=options.client_secret_file), os.environ
    ).client_secret
    if not name:
        raise ConfigurationError(
            "no client of the realm has a secret, so none gets a token for itself.",
            hint="Declare one in skerry.toml: [realms.NAME.clients.ID]. A person's token: skerry login "
            "TARGET, then skerry token --target TARGET.",
        )
    if name in realm["clients"]:
        client = realm["clients"][name]
        secret = str((options.client_secret_file and given) or client["secret"])
        if client.get("token_endpoint_auth_method") == "none":
            raise _public(name)
    else:
        secret = given or _unknown_secret(options.state, realm_name, name, realm["clients"])
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    form |= {"scope": options.scope} if options.scope else {}
    form |= {"audience": options.audience} if options.audience else {}
    answer = asyncio.run(_ask(realm["token_endpoint"], form))
    print(json.dumps(answer, indent=1) if options.json else answer["access_token"])
    return 0


def _of_a_person(options: argparse.Namespace) -> int:
    """Prints the token of a sign-in, refreshed if need be; nobody is asked to sign in."""
    settings = SignInSettings.of(argparse.Namespace(), os.environ, person=True)
    kept = Kept(settings.tokens, use_keyring=settings.keyring)
    wanted = SignInSettings(scope=options.scope, tokens=settings.tokens)
    tokens = DiscoveredTokens(kept_url(options.target, options.state, kept.all()), wanted, kept)
    token = asyncio.run(tokens.ready())
    grant = tokens.grant
    if not token or grant is None:
        raise TokenError("missing", f"nobody is signed in for {tokens.url}.", hint=tokens.way_in)
    answer: dict[str, object] = {"access_token": token, "token_type": "Bearer"}
    if grant.expires is not None:
        answer["expires_in"] = max(0, int(grant.expires - time.time()))
    print(json.dumps(answer, indent=1) if options.json else token)
    return 0


def _public(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"the client '{name}' is a public one, with which people sign in; it gets no token for itself.",
        hint=f"Run: skerry login TARGET --client-id {name}, then skerry token --target TARGET.",
    )


def _unknown_secret(state: Path, realm: str, name: str, declared: Mapping[str, Any]) -> NoReturn:
    """Raises ConfigurationError: only the digest of a secret is kept for a client that skerry.toml lacks."""
    from skerry.stack.commands.idp.opened import opened

    added = opened(state, realm).directory(lambda directory: directory.client_of_records(name))
    if added is None:
        _pick(declared, name, "client")
    elif added.is_public:
        raise _public(name)
    raise ConfigurationError(
        f"the secret of the client '{name}' is known to nobody but who added it: its digest alone is kept.",
        hint="Give it with --client-secret-file FILE or in SKERRY_CLIENT_SECRET. A lost one is replaced: "
        f"skerry idp clients remove {name}, then add it again.",
    )


def _pick(among: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any]:
    if name not in among:
        raise ConfigurationError(
            f"the stack has no {what} '{name}'.", hint=f"Known: {', '.join(among) or 'none'}."
        )
    found: Mapping[str, Any] = among[name]
    return found


async def _ask(url: str, form: Mapping[str, str]) -> dict[str, Any]:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
        try:
            reply = await http.post(url, data=dict(form))
            answer = reply.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise RemoteError(
                f"the identity provider at {url} does not answer: {type(error).__name__}."
            ) from error
    if reply.status_code != 200:
        raise RemoteError(
            f"the identity provider refused: {answer.get('error')}: {answer.get('error_description', '')}",
            hint="Check --client, --scope and --audience against skerry.toml.",
        )
    return dict(answer)
