"""`skerry up`: the local stack, in the foreground or (`--detach`) in a process of its own.

    lock the state ▶ read skerry.toml ▶ start the identity provider, the services and the endpoint
    ▶ make the declared gateways and runtimes through the control plane ▶ say what runs where ▶ wait

Everything that was started ends with it: in order on Ctrl-C or SIGTERM, by the operating system
otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from skerry import stdin
from skerry.garbage import kept
from skerry.settings import StackSettings
from skerry.sockets import loop_factory
from skerry.stack import background
from skerry.stack.commands import detach
from skerry.stack.commands.env import add_state
from skerry.stack.declared.declaration import load
from skerry.stack.state import State, unusable
from skerry.stack.summary import public, summary

BUNDLED = Path(__file__).parents[2] / "desk" / "skerry.toml"
_COMPOSITION = "skerry.stack.compose"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--port", type=_port, help="the endpoint's port, 0 picks a free one (default: 4700)")
    parser.add_argument(
        "--file", type=Path, help="what to run (default: skerry.toml here, else the bundled operations desk)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on one line when ready")
    parser.add_argument(
        "--strict", action="store_true", help="end at once when something has failed, such as a target"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "-d", "--detach", action="store_true", help="return when it is ready; skerry stop ends it"
    )
    how.add_argument(
        "--watch-stdin", action="store_true", help="end when standard input ends: with what started it"
    )
    how.add_argument(background.OPTION, action="store_true", help=argparse.SUPPRESS)  # what --detach starts


class Face(Protocol):
    """Whom a stack tells how far it is."""

    def progress(self, line: str) -> None:
        """Something was started, or is waited for."""
        ...

    def ready(self, facts: Mapping[str, Any], seconds: float) -> None:
        """The stack is ready: what `stack.json` holds, and how long it took."""
        ...


@dataclass(frozen=True, slots=True)
class Terminal:
    """Whoever typed `skerry up`: progress for a person who looks on, then the summary or JSON."""

    as_json: bool
    detached: bool = False

    def progress(self, line: str) -> None:
        """Shows the line on standard error, where that is a terminal."""
        if sys.stderr.isatty() and not self.as_json:
            print(line, file=sys.stderr, flush=True)

    def ready(self, facts: Mapping[str, Any], seconds: float) -> None:
        """Prints what runs where; no secret is in it."""
        told = json.dumps(public(facts)) if self.as_json else summary(facts, seconds, detached=self.detached)
        print(told, flush=True)


def run(options: argparse.Namespace) -> int:
    """Serves until it is told to end, or with `--detach` until the stack is ready.

    Returns 1 when something had failed when the stack was ready.
    """
    if options.detach:
        return _detached(options)
    face: Face = background.Starter(options.state) if options.background else Terminal(options.json)
    chosen = settings(options)
    load(chosen.file or BUNDLED)  # what is wrong with it is told before the imports, which take seconds
    with kept():
        importlib.import_module(_COMPOSITION)  # before the loop has Ctrl-C wait for them
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(chosen, face, strict=options.strict, watch_stdin=options.watch_stdin))


def _detached(options: argparse.Namespace) -> int:
    words = [f"--state={options.state.resolve()}"]
    words += [] if options.port is None else [f"--port={options.port}"]
    words += [] if options.file is None else [f"--file={options.file}"]
    words += ["--strict"] if options.strict else []
    face = Terminal(options.json, detached=True)
    began = time.monotonic()
    stack = detach.start(["up", background.OPTION, "--json", *words], options.state, face.progress)
    face.ready(stack.facts, time.monotonic() - began)
    failed = _failed(stack.facts)
    if failed and options.strict:
        stack.process.wait()
    return int(failed)


def settings(options: argparse.Namespace) -> StackSettings:
    """The settings of the environment with the options of a command over them."""
    from_env = StackSettings.from_env(os.environ)
    here = Path("skerry.toml")
    return replace(
        from_env,
        state=options.state,
        port=from_env.port if options.port is None else options.port,
        file=options.file or from_env.file or (here if here.is_file() else BUNDLED),
    )


@contextlib.asynccontextmanager
async def started(chosen: StackSettings, progress: Callable[[str], None]) -> AsyncIterator[dict[str, Any]]:
    """A running stack, for as long as the block runs; yields what `stack.json` holds.

    Raises AlreadyRunningError, ConfigurationError, PortInUseError, ProgramError and StateError.
    """
    declared = load(chosen.file or BUNDLED)
    from skerry.stack.compose import Stack

    state = State(chosen.state)
    with state.lock():
        stack = Stack(chosen, declared, state, progress)
        try:
            try:
                running = await stack.start()
            except OSError as error:
                raise unusable(error) from error
            state.publish(running)
            yield running
        finally:
            try:
                state.forget()
            finally:
                await stack.stop()


async def _serve(chosen: StackSettings, face: Face, *, strict: bool, watch_stdin: bool) -> int:
    stop = _signal()
    if watch_stdin:
        _watch_stdin(stop)
    stopped = asyncio.create_task(stop.wait())
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as running:
        starting = asyncio.create_task(running.enter_async_context(started(chosen, face.progress)))
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():  # asked to end before it was ready: what had started ends
            starting.cancel()
            await asyncio.wait({starting})
            return 0
        facts = starting.result()
        face.ready(facts, time.monotonic() - began)
        failed = _failed(facts)
        if not (failed and strict):
            await stopped
        face.progress("stopping …")
    return int(failed)


def _failed(facts: Mapping[str, Any]) -> bool:
    return any(one["failed"] for one in facts["problems"])


def _signal() -> asyncio.Event:
    """An event that Ctrl-C or SIGTERM sets, instead of ending the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            loop.add_signal_handler(number, stop.set)
    return stop


def _watch_stdin(stop: asyncio.Event) -> None:
    """Sets `stop` when standard input ends."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(stop.set)

    stdin.when_it_ends(end)


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number") from None
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port
