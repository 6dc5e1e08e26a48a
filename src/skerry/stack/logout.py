"""`skerry logout`: forgets a sign-in, and asks the identity provider to end it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os

from skerry.auth.discovered_tokens import DiscoveredTokens
from skerry.auth.kept import Kept
from skerry.errors import ConfigurationError
from skerry.settings import SignInSettings
from skerry.stack.env import add_state
from skerry.stack.login import add_target, url_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("--all", action="store_true", help="every sign-in, and every registered client")
    parser.add_argument("--json", action="store_true", help="one JSON list on one line")
    add_state(parser)


def run(options: argparse.Namespace) -> int:
    """Forgets. Returns 0 also when nobody was signed in."""
    if options.all and options.target:
        raise ConfigurationError("--all takes no target.")
    settings = SignInSettings.of(options, {**os.environ, "SKERRY_CLIENT_ID": ""}, person=True)
    kept = Kept(settings.tokens, use_keyring=settings.keyring)
    cards = kept.all()
    urls = [card.resource for card in cards] if options.all else [url_of(options.target, options.state)]
    done = []
    for url in urls:
        tokens = DiscoveredTokens(url, settings, kept)
        revoked = asyncio.run(tokens.revoke())
        known = tokens.sign_out()
        told = ", and its provider ended the sign-in" if revoked else ""
        done.append({"resource": url, "signed_out": known, "revoked": revoked})
        if not options.json:
            print(f"Signed out of {url}{told}." if known else f"Nobody was signed in for {url}.")
    if options.all:
        for issuer in {card.issuer for card in cards}:
            kept.drop_registration(issuer)
        if not urls and not options.json:
            print("Nobody is signed in anywhere.")
    if options.json:
        print(json.dumps(done))
    return 0
