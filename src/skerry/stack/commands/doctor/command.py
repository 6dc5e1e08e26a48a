"""`skerry doctor`: looks at the stack, or walks the road of a call, and says what is wrong with it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skerry.auth.login.kept import Kept
from skerry.auth.moved_clock import MovedClock
from skerry.errors import ConfigurationError, RemoteError, SkerryError
from skerry.settings import SignInSettings
from skerry.stack.commands.doctor import environment, judgement, probes
from skerry.stack.commands.doctor.findings import Finding, bad, good, lines, note, shown
from skerry.stack.commands.doctor.road import Road
from skerry.stack.commands.env import add_state
from skerry.stack.commands.login import target_of
from skerry.stack.commands.status import everything
from skerry.stack.state import State, running

_MAX = 65_536


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", default="", help="a name, an ARN or a URL to call (default: only the stack)"
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="the token to look at (default: SKERRY_TOKEN, your sign-in, or a client of the stack)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    add_state(parser)


def run(options: argparse.Namespace) -> int:
    """Shows what was found. Returns 1 when something is wrong."""
    given = _token(options.token_file) or os.environ.get("SKERRY_TOKEN", "")
    settings = SignInSettings.of(argparse.Namespace(), {**os.environ, "SKERRY_CLIENT_ID": ""}, person=True)
    kept = Kept(settings.tokens, use_keyring=settings.keyring)
    road = Road(options.state, given, settings, kept, os.environ)
    found = asyncio.run(_examined(options.target, options.state, road))
    if options.json:
        print(json.dumps(shown(found)))
    else:
        print("\n".join(lines(found)))
    return int(any(one.level == "bad" for one in found))


async def _examined(word: str, state: Path, road: Road) -> list[Finding]:
    if not word:
        return await _stack(state, road)
    try:
        target = target_of(word, state)
    except SkerryError as error:
        return [bad("target", error)]
    return [finding async for finding in road.walked(target)]


async def _stack(state: Path, road: Road) -> list[Finding]:
    """The stack, its issuers, its clock and the sign-ins that are kept."""
    try:
        stack = running(state)
    except SkerryError as error:
        found = [bad("stack", error)]
    else:
        found = [good("stack", f"runs at {stack['endpoint']}")]
        for one in await asyncio.to_thread(everything, stack):
            if not one.good:
                problem = SkerryError(f"{one.kind} {one.name} is {one.status}. {one.reason}", hint=one.hint)
                found.append(
                    bad("status", problem) if one.failed else note("status", problem.message, one.hint)
                )
        for url, names in (await asyncio.to_thread(_discovery, stack, state)).items():
            found.append(await _issuer(url, names))
        if lead := MovedClock(State(state).token_clock).lead:
            text = f"that of tokens is {lead:.0f} s ahead: programs that do not know it refuse new ones."
            found.append(note("clock", text, "Put it back: skerry idp clock --reset"))
        if keys := await environment.beside(road.environment, stack):
            found.append(keys)
        found.append(note("next", "one call in full: skerry doctor NAME, such as one of skerry status"))
    return [*found, *road.sign_ins(time.time())]


def _discovery(stack: Mapping[str, Any], state: Path) -> dict[str, list[str]]:
    """Every discovery URL: of the realms, and of gateways and runtimes, with who uses it."""
    urls: dict[str, list[str]] = {}
    for name, realm in stack["realms"].items():
        urls.setdefault(realm["discovery_url"], []).append(f"realm {name}")
    for kind in ("gateways", "runtimes"):
        for name, entry in stack[kind].items():
            rules = probes.authorizer(target_of(name, state)) if entry["auth"] == "jwt" else None
            if rules:
                urls.setdefault(str(rules["discoveryUrl"]), []).append(f"{kind[:-1]} {name}")
    return urls


async def _issuer(url: str, names: Sequence[str]) -> Finding:
    try:
        found = await probes.discovered(url)
    except SkerryError as error:
        problem = RemoteError(f"{', '.join(names)}: {error.message}", hint=error.hint)
        return bad("issuer", problem)
    return judgement.issuer(found.asked, found.named)


def _token(name: str | None) -> str:
    if not name:
        return ""
    try:
        with Path(name).expanduser().open(encoding="utf-8") as file:
            return file.read(_MAX).strip().removeprefix("Bearer ")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file {name} cannot be read.") from error
