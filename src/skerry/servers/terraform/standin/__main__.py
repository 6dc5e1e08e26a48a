"""python -m skerry.servers.terraform.standin [--watch-stdin].

Serves the stand-in on 127.0.0.1 until SIGTERM, SIGINT or, with --watch-stdin, the end of standard input.
The first line of standard output is `{"ready": true, "url": …}`. Whoever has TERRAFORM_STANDIN_TOKEN may
do everything; without one there is no start.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time

from skerry.errors import ConfigurationError
from skerry.servers import program
from skerry.servers.listener import announced, bind, url_of
from skerry.servers.terraform.standin import seed
from skerry.servers.terraform.standin.app import PART, Standin
from skerry.serving import Server
from skerry.settings import TerraformStandinSettings

USER = "user-standin"


def main(argv: list[str] | None = None) -> int:
    """Runs the stand-in; the exit code is 0 after a signal, else that of the error told in one line."""
    parser = argparse.ArgumentParser(
        prog="skerry.servers.terraform.standin",
        description="A local stand-in of the HCP Terraform API; not the service.",
    )
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input ends")
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    return program.ended(PART, lambda: asyncio.run(_serve(_settings(), watch_stdin=options.watch_stdin)))


def _settings() -> TerraformStandinSettings:
    try:
        settings = TerraformStandinSettings.from_env(os.environ)
    except ValueError as error:
        raise ConfigurationError(
            f"a number is wrong: {error}.", hint="Check PORT and the TERRAFORM_STANDIN_ variables."
        ) from error
    if not settings.token:
        raise ConfigurationError(
            "nobody could call: there is no token.", hint="Set TERRAFORM_STANDIN_TOKEN to a made-up secret."
        )
    return settings


async def _serve(settings: TerraformStandinSettings, *, watch_stdin: bool) -> None:
    standin = Standin.of(
        seed.load(settings.seed),
        tokens={settings.token: USER},
        clock=time,
        step=settings.step,
        rate=settings.rate,
    )
    with bind(settings.port) as sock:
        server = Server(standin.app(), announced({"service": PART, "url": url_of(sock), "stand_in": True}))
        if watch_stdin:
            server.stop_with_stdin()
        await server.serve(sockets=[sock])


if __name__ == "__main__":
    sys.exit(main())
