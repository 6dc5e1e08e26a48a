"""`skerry login`: a person signs in for a server, and every other command uses that."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import webbrowser
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from skerry.auth.challenge import Challenge
from skerry.auth.challenge_proof import read_challenge
from skerry.auth.discovery import is_loopback
from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.grant import Grant
from skerry.auth.login.kept import Kept, SignedIn
from skerry.auth.ports import Surroundings
from skerry.errors import ConfigurationError, RemoteError
from skerry.proxy import upstream
from skerry.settings import ProxySettings, SignInSettings, add_sign_in
from skerry.stack.commands.env import add_state
from skerry.wire.shown import clean

_PING = b'{"jsonrpc":"2.0","id":"login","method":"ping"}'
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("--list", action="store_true", help="the sign-ins that are kept")
    parser.add_argument(
        "--no-browser", action="store_true", help="print the page's URL instead of opening it"
    )
    parser.add_argument("--json", action="store_true", help="say it as one JSON object, or a list of them")
    add_sign_in(parser)
    add_state(parser)


def add_target(parser: argparse.ArgumentParser) -> None:
    """The server that one signs in for."""
    parser.add_argument(
        "target",
        nargs="?",
        default="",
        help="a name of the running stack, an ARN or a URL (default: the stack's first gateway)",
    )


def run(options: argparse.Namespace) -> int:
    """Signs in, or lists. Raises SkerryError with what went wrong and the next move."""
    settings = SignInSettings.of(options, os.environ, person=True)
    kept = Kept(settings.tokens, use_keyring=settings.keyring)
    if options.list:
        if options.target:
            raise ConfigurationError("--list takes no target.")
        return _list(kept, as_json=options.json)
    found = target_of(options.target, options.state)
    _check(found)
    around = Surroundings(
        _printed if options.no_browser else _opened, _say, device=settings.device, agree=_agreed
    )
    state = str(options.state.resolve()) if found.name else ""
    tokens = DiscoveredTokens(found.url, settings, kept, surroundings=around, name=found.name, state=state)
    grant = asyncio.run(_signed_in(tokens, settings))
    card = next((card for card in kept.all() if card.resource == tokens.key), _card(tokens.url, grant))
    if options.json:
        print(json.dumps(asdict(card) | {"kept": kept.cache.where}))
    else:
        print("\n".join([*lines(card), f"{'kept in':<9} {kept.cache.where}"]))
    return 0


def target_of(target: str, state: Path) -> upstream.Target:
    """What a word means, as `skerry call` and `skerry proxy` find it.

    Raises ConfigurationError, NotRunningError or ProtocolError.
    """
    settings = ProxySettings.from_env(os.environ)
    here = (state / "stack.json").is_file()
    return upstream.resolve(
        target,
        qualifier="DEFAULT",
        endpoint_url="" if here else settings.endpoint_url,
        region=settings.region,
        state=state,
    )


def _check(target: upstream.Target) -> None:
    """Raises ConfigurationError where nobody signs in.

    That is a resource that the stack knows to take no tokens, and a URL that names none (RFC 8707 §2) or
    holds a secret.
    """
    if target.method in ("iam", "none"):
        takes = "takes AWS signatures" if target.method == "iam" else "lets everybody in"
        among = (target.stack or {}).get(f"{target.kind}s", {})
        others = [name for name, entry in among.items() if entry.get("auth") == "jwt"]
        agent = among.get(target.name, {}).get("protocol", "MCP") != "MCP"
        call = f"skerry chat --agent {target.name}" if agent else f"skerry call {target.name} list"
        more = f" People sign in for: {', '.join(others)}." if others else ""
        raise ConfigurationError(
            f"the {target.kind} '{target.name}' {takes}: there is nothing to sign in for.",
            hint=f"Call it at once: {call}.{more}",
        )
    parts = urlsplit(target.url)
    if parts.fragment:
        raise ConfigurationError(
            "the URL has a fragment, which no server gets to see.", hint="Leave out # and all after it."
        )
    if parts.username is not None:
        raise ConfigurationError(
            "the URL has a user in it, and tokens are not kept for such.", hint="Leave out all before the @."
        )


def lines(card: SignedIn) -> list[str]:
    """A sign-in for people."""
    who = card.identity or "somebody whom the token does not name"
    resource = f"{card.resource} ({card.name})" if card.name else card.resource
    ends = "an unknown time" if card.expires is None else _when(card.expires)
    shown = {
        "signed in": who,
        "for": resource,
        "at": f"{card.issuer} as {card.client_id}",
        "scopes": " ".join(card.scopes) or "none asked for",
        "until": ends + (", then refreshed" if card.lasting else ""),
    }
    return [f"{name:<9} {clean(value)}" for name, value in shown.items()]


async def _signed_in(tokens: DiscoveredTokens, settings: SignInSettings) -> Grant:
    status, challenge = await _provoked(tokens.url)
    if status < 400 and challenge is None and not settings.issuer:
        raise ConfigurationError(
            f"{tokens.url} lets everybody in (HTTP {status}): there is nothing to sign in for.",
            hint="Is it the right URL? An MCP server's path is often /mcp.",
        )
    return await tokens.sign_in(challenge)


async def _provoked(url: str) -> tuple[int, Challenge | None]:
    """What the server says to a request without a token: its status, and its challenge."""
    trust = not is_loopback(httpx2.URL(url).host)
    async with httpx2.AsyncClient(trust_env=trust, timeout=10, follow_redirects=False) as http:
        try:
            async with http.stream("POST", url, content=_PING, headers=_HEADERS) as answer:
                return answer.status_code, read_challenge(answer.headers)
        except httpx2.HTTPError as error:
            raise RemoteError(
                f"{url} does not answer ({type(error).__name__}).", hint="Is it running? Check the URL."
            ) from error


def _list(kept: Kept, *, as_json: bool) -> int:
    cards = kept.all()
    if as_json:
        print(json.dumps([asdict(card) for card in cards]))
        return 0
    shown = ["\n".join(lines(card)) for card in cards]
    print("\n\n".join(shown) if shown else "Nobody is signed in anywhere. Begin with: skerry login URL")
    return 0


def _card(url: str, grant: Grant) -> SignedIn:
    """A sign-in that could not be kept."""
    members: dict[str, Any] = {
        "identity": grant.identity,
        "expires": grant.expires,
        "scopes": grant.granted or grant.scopes,
    }
    return SignedIn(resource=url, issuer=grant.issuer, client_id=grant.client_id, **members)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _opened(url: str) -> None:
    _say(f"If no browser opens, open this yourself:\n{url}")
    webbrowser.open(url)


def _printed(url: str) -> None:
    _say(f"Open this in a browser of this machine:\n{url}")


def _agreed(question: str) -> bool | None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print(clean(question), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)
