"""python -m skerry.servers.accounts stdio | http [--port N] [--unsafe-forward-caller-token].

Without a runtime in front: over HTTP every call but `ping` needs a bearer token for the server, else it
gets a 401 that says where tokens are; over stdio the server acts as its own client.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial

from skerry.errors import ConfigurationError
from skerry.servers import program
from skerry.servers.accounts.checks import check
from skerry.settings import AccountsSettings

PART = "accounts"


def main(argv: list[str] | None = None) -> int:
    """Runs the server; the exit code is 0 at the end of input or after a signal."""
    further = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    further.add_argument(
        "--unsafe-forward-caller-token",
        action="store_true",
        help="pass callers' own tokens on to the API, which MCP forbids: for demonstrations only",
    )
    forward: bool = further.parse_known_args(argv)[0].unsafe_forward_caller_token
    return program.run(
        PART,
        "The accounts MCP server.",
        stdio=partial(_stdio, forward),
        http=partial(_serve, forward=forward),
        argv=argv,
        options=[further],
    )


# The desk and the server are imported late: what is wrong with the settings is told before they take their
# time.


def _stdio(forward: bool) -> None:
    if forward:
        raise ConfigurationError(
            "over stdio there is no caller's token to forward.", hint="Leave the option out, or serve http."
        )
    settings = _settings()
    from skerry.servers.accounts.desk import Desk
    from skerry.servers.accounts.server import create_server

    create_server(Desk.of(settings, url="stdio:")).run("stdio", show_banner=False)


def _settings() -> AccountsSettings:
    try:
        settings = AccountsSettings.from_env(os.environ)
    except ValueError as error:
        raise ConfigurationError(
            f"a setting is wrong: {error}.", hint="Check the ACCOUNTS_ variables."
        ) from error
    check(settings)
    return settings


async def _serve(port: int, *, forward: bool) -> None:
    settings = _settings()
    from skerry.servers.accounts.desk import Desk
    from skerry.servers.accounts.server import create_server
    from skerry.servers.hosting import PATH, serve_gated
    from skerry.servers.listener import bind, url_of
    from skerry.servers.resource_auth import ResourceAuth

    with bind(port) as sock:
        desk = Desk.of(settings, url=url_of(sock) + PATH, forward_caller_token=forward)
        needed = {"change_email": [settings.write_scope]}
        auth = ResourceAuth(desk.resource, scopes=[settings.read_scope], tool_scopes=needed, open_ping=True)
        await serve_gated(create_server(desk), auth, sock, stateful=settings.stateful)


if __name__ == "__main__":
    sys.exit(main())
