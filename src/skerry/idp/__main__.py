"""The identity provider as a process.

    python -m skerry.idp --state DIR --config FILE [--port N] [--rotate] [--watch-stdin]
        [--dev-allow-loopback-cimd ORIGIN]

Serves the realms of FILE on 127.0.0.1 until SIGTERM, SIGINT or, with --watch-stdin, the end of standard
input. The first line of standard output is `{"ready": true, "port": N, "issuers": {...}, "endpoints":
{...}}`; hops and warnings go to standard error.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from skerry.auth.moved_clock import MovedClock
from skerry.errors import SkerryError
from skerry.idp.app import create_app
from skerry.idp.provider import CLOCK_FILE, Provider, make_provider
from skerry.idp.realm import checks, configuration
from skerry.idp.server import base_url, bind
from skerry.serving import Server

_log = logging.getLogger("skerry.idp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the provider; the exit status is 0 after a signal, 1 or 2 with one line of explanation."""
    options = _options(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("skerry").setLevel(logging.INFO)
    try:
        return _serve(options)
    except SkerryError as error:
        print(f"skerry idp: {error}", file=sys.stderr)
        return error.exit_code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m skerry.idp", description="A local OAuth identity provider."
    )
    parser.add_argument("--state", type=Path, required=True, help="directory for the signing keys")
    parser.add_argument("--config", type=Path, required=True, help="realms, as TOML (.toml) or JSON")
    parser.add_argument("--port", type=int, default=0, help="0, the default, lets the system choose")
    parser.add_argument(
        "--rotate", action="store_true", help="make new signing keys; old ones stay published"
    )
    parser.add_argument(
        "--dev-allow-loopback-cimd",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="take client documents from this origin on this machine too, such as http://127.0.0.1:8080",
    )
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input does")
    return parser.parse_args(arguments)


def _serve(options: argparse.Namespace) -> int:
    realms = [
        replace(realm, loopback_origins=(*realm.loopback_origins, *options.dev_allow_loopback_cimd))
        for realm in configuration.load(options.config)
    ]
    _warn_if_open(options.config)
    for warning in checks.warnings(realms):
        _log.warning("skerry idp: %s", warning)
    with bind(options.port) as sock:
        clock = MovedClock(options.state / CLOCK_FILE)
        if clock.lead:
            _log.warning("skerry idp: the clock is %.0f s ahead; skerry idp clock --reset.", clock.lead)
        provider = make_provider(
            realms, base_url=base_url(sock), state=options.state, rotate=options.rotate, clock=clock
        )
        with closing(provider):
            server = Server(
                create_app(provider), lambda: _ready(provider, sock.getsockname()[1]), lifespan="off"
            )
            if options.watch_stdin:
                server.stop_with_stdin()
            server.run(sockets=[sock])
    return 0


def _ready(provider: Provider, port: int) -> None:
    endpoints = {name: issuer.endpoints for name, issuer in provider.issuers.items()}
    line = {"ready": True, "port": port, "issuers": provider.urls, "endpoints": endpoints}
    print(json.dumps(line), flush=True)
    threading.Thread(target=_make_keys, args=(provider,), name="keys").start()


def _make_keys(provider: Provider) -> None:
    """Makes missing keys beside the first requests, which would otherwise make them."""
    try:
        for issuer in provider.issuers.values():
            issuer.keys.ring()
    except SkerryError as error:
        _log.error("skerry idp: %s", error)


def _warn_if_open(file: Path) -> None:
    if os.name == "posix" and file.stat().st_mode & 0o077:
        _log.warning("skerry idp: %s holds client secrets and can be read by others; chmod 600 it.", file)


if __name__ == "__main__":
    sys.exit(main())
