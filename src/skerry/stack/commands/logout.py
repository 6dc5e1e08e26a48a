"""`skerry logout`: forgets a sign-in, and asks the identity provider to end it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path

from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.kept import Kept, SignedIn
from skerry.errors import ConfigurationError, NotRunningError
from skerry.settings import SignInSettings
from skerry.stack.commands.env import add_state
from skerry.stack.commands.login import add_target, target_of


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
    wanted = (
        [card.resource for card in cards] if options.all else [kept_url(options.target, options.state, cards)]
    )
    done = []
    for url in wanted:
        tokens = DiscoveredTokens(url, settings, kept)
        revoked = asyncio.run(tokens.revoke())
        shown, known = tokens.key, tokens.sign_out()
        told = ", and its provider ended the sign-in" if revoked else ""
        done.append({"resource": shown, "signed_out": known, "revoked": revoked})
        if not options.json:
            print(f"Signed out of {shown}{told}." if known else f"Nobody was signed in for {shown}.")
    if options.all:
        for issuer in {card.issuer for card in cards}:
            kept.drop_registration(issuer)
        if not wanted and not options.json:
            print("Nobody is signed in anywhere.")
    if options.json:
        print(json.dumps(done))
    return 0


def kept_url(target: str, state: Path, cards: Sequence[SignedIn]) -> str:
    """The URL of a target; that of a sign-in with its name where no running stack knows it.

    A sign-in at the stack on `state` comes first. Raises ConfigurationError, NotRunningError, ProtocolError.
    """
    try:
        return target_of(target, state).url
    except (NotRunningError, ConfigurationError) as error:
        named = [card for card in cards if target and card.name == target]
        here = [card for card in named if card.state == str(state.resolve())] or named
        if len(here) == 1:
            return here[0].resource
        if here:
            raise ConfigurationError(
                f"sign-ins at several stacks have the name '{target}'.",
                hint=f"Give a URL: {', '.join(card.resource for card in here)}.",
            ) from error
        if cards and isinstance(error, NotRunningError):
            known = ", ".join(card.name or card.resource for card in cards)
            raise NotRunningError(error.message, hint=f"There are sign-ins for {known}: name one.") from error
        raise
