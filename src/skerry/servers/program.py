"""Servers as programs: the command line `stdio | http [--port N]` of most, and how every one of them ends."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from skerry.errors import SkerryError


def run(
    part: str,
    description: str,
    *,
    stdio: Callable[[], None],
    http: Callable[[int], Coroutine[Any, Any, None]],
    argv: Sequence[str] | None = None,
    options: Sequence[argparse.ArgumentParser] = (),
) -> int:
    """Serves with `stdio`, or with `http` on a port; gives 0 at the end of input or after a signal.

    `options` are parsers of further options, which the program reads itself; see argparse's `parents`.
    An error is one line on standard error that begins with `part`, with the exit code of the error.
    """
    parser = argparse.ArgumentParser(
        prog=f"skerry.servers.{part}", description=description, parents=options, allow_abbrev=False
    )
    parser.add_argument("transport", choices=["stdio", "http"])
    parser.add_argument("--port", type=int, default=0, help="for http; 0 lets the system choose")
    chosen = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("skerry").setLevel(logging.INFO)
    return ended(part, stdio if chosen.transport == "stdio" else lambda: asyncio.run(http(chosen.port)))


def ended(part: str, serve: Callable[[], None]) -> int:
    """Serves to the end; gives the exit code.

    That is 0, or the error's, which is one line on standard error that begins with `part`.
    """
    try:
        serve()
    except SkerryError as error:
        print(f"{part}: {error}", file=sys.stderr)  # noqa: T201 - a program's last words
        return error.exit_code
    return 0
