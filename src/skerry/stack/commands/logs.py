"""`skerry logs`: the end of what the stack's programs wrote, also when no stack runs."""

from __future__ import annotations

import argparse
import json
import re
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from skerry.errors import ConfigurationError, StateError
from skerry.stack.arguments import count
from skerry.stack.commands.env import add_state
from skerry.wire.shown import clean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", default="", help="a log, a runtime or a function (default: every log)"
    )
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
        print(f"== {name}: {_file(options.state, name).resolve()}")
        print("\n".join(clean(line) for line in lines) or "nothing")
    return 0


def tails(state: Path, name: str, count: int) -> dict[str, list[str]]:
    """The newest lines of each log, or of the log, runtime or function of a name. Raises as `run` does."""
    files = {file.stem: file for file in sorted((state / "logs").glob("*.log"))}
    if not files:
        raise StateError(
            f"there are no logs in {state.resolve()}.", hint="Start `skerry up`, or give another --state DIR."
        )
    if name and name not in files:
        return {name: _printed(state, name, files, count)}
    found = {one: _tail(files[one], count) for one in ([name] if name else files)}
    return {one: lines for one, lines in found.items() if lines or one == name}


_ENDPOINT = "endpoint"
_PRINTED = re.compile(r" skerry\.(?:runtime|functions)\.output (?P<program>[\w.-]+)[: ]")


def _printed(state: Path, program: str, files: Iterable[str], count: int) -> list[str]:
    """What a runtime's programs, or a function, printed: the endpoint's log has it, between other things."""
    lines = _tail(_file(state, _ENDPOINT)) if _ENDPOINT in files else []
    told = [(found["program"], line) for line in lines if (found := _PRINTED.search(line))]
    if not (own := [line for name, line in told if name == program]):
        known = ", ".join(dict.fromkeys([*files, *(name for name, _ in told)]))
        raise ConfigurationError(
            f"there is no log '{program}', and no runtime or function of that name that printed anything.",
            hint=f"Known: {known}.",
        )
    return own[-count:]


def _file(state: Path, name: str) -> Path:
    file = state / "logs" / f"{name}.log"
    return file if file.exists() else file.with_stem(_ENDPOINT)


def _tail(file: Path, count: int | None = None) -> list[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return [line.rstrip() for line in deque(lines, maxlen=count)]
    except OSError as error:
        raise StateError(f"{file} cannot be read: {error.strerror}.") from error
