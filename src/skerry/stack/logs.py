"""`skerry logs`: the end of what the stack's programs wrote, also when no stack runs."""

from __future__ import annotations

import argparse
import json
from collections import deque
from pathlib import Path

from skerry.errors import ConfigurationError, StateError
from skerry.stack.arguments import count
from skerry.stack.env import add_state
from skerry.wire.shown import clean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="", help="one of them (default: every one that wrote)")
    parser.add_argument(
        "--lines", type=count, default=20, metavar="N", help="the newest so many (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object: lists of lines by name")
    add_state(parser)


def run(options: argparse.Namespace) -> int:
    """Shows the logs. Raises ConfigurationError for an unknown name, StateError without any log."""
    found = tails(options.state, options.name, options.lines)
    if options.json:
        print(json.dumps(found))
        return 0
    for name, lines in found.items():
        print(f"== {name}: {(options.state / 'logs' / name).resolve()}.log")
        print("\n".join(clean(line) for line in lines) or "nothing")
    return 0


def tails(state: Path, name: str, count: int) -> dict[str, list[str]]:
    """The newest lines of each log, or of the one with this name. Raises as `run` does."""
    files = {file.stem: file for file in sorted((state / "logs").glob("*.log"))}
    if not files:
        raise StateError(
            f"there are no logs in {state.resolve()}.", hint="Start `skerry up`, or give another --state DIR."
        )
    if name and name not in files:
        raise ConfigurationError(f"there is no log '{name}'.", hint=f"Known: {', '.join(files)}.")
    found = {}
    for one in [name] if name else files:
        try:
            with files[one].open(encoding="utf-8", errors="replace") as file:
                found[one] = [line.rstrip() for line in deque(file, maxlen=count)]
        except OSError as error:
            raise StateError(f"{files[one]} cannot be read: {error.strerror}.") from error
    return {one: lines for one, lines in found.items() if lines or one == name}
