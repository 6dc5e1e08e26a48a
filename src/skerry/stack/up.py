"""`skerry up`: the local stack in the foreground.

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
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from skerry.garbage import kept
from skerry.settings import StackSettings
from skerry.sockets import loop_factory
from skerry.stack.declaration import load
from skerry.stack.env import add_state
from skerry.stack.resources import Resource
from skerry.stack.resources import lines as resource_lines
from skerry.stack.state import State, unusable

BUNDLED = Path(__file__).parents[1] / "desk" / "skerry.toml"
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
    parser.add_argument(
        "--watch-stdin", action="store_true", help="end when standard input ends: with what started it"
    )


def run(options: argparse.Namespace) -> int:
    """Serves until it is told to end. Returns 1 when something had failed when the stack was ready."""
    chosen = settings(options)
    load(chosen.file or BUNDLED)  # what is wrong with it is told before the imports, which take seconds
    with kept():
        importlib.import_module(_COMPOSITION)  # before the loop has Ctrl-C wait for them
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(
            _serve(chosen, as_json=options.json, strict=options.strict, watch_stdin=options.watch_stdin)
        )


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


async def _serve(chosen: StackSettings, *, as_json: bool, strict: bool, watch_stdin: bool) -> int:
    stop = _signal()
    if watch_stdin:
        _watch_stdin(stop)
    stopped = asyncio.create_task(stop.wait())
    began = time.monotonic()
    show = _progress(quiet=as_json)
    async with contextlib.AsyncExitStack() as running:
        starting = asyncio.create_task(running.enter_async_context(started(chosen, show)))
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():  # asked to end before it was ready: what had started ends
            starting.cancel()
            await asyncio.wait({starting})
            return 0
        facts = starting.result()
        print(json.dumps(public(facts)) if as_json else summary(facts, time.monotonic() - began), flush=True)
        failed = any(one["failed"] for one in facts["problems"])
        if not (failed and strict):
            await stopped
        show("stopping …")
    return int(failed)


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
    """Sets `stop` when standard input ends, however the program ends that holds its other end.

    The thread reads the descriptor itself: asleep in `sys.stdin` it would hold a lock that the interpreter's
    exit needs.
    """
    loop = asyncio.get_running_loop()

    def watch() -> None:
        with contextlib.suppress(OSError, ValueError):
            descriptor = sys.stdin.fileno()
            while os.read(descriptor, 65_536):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="watch-stdin", daemon=True).start()


def public(running: Mapping[str, Any]) -> dict[str, Any]:
    """What `up --json` prints: URLs, ARNs and the region, but no secret."""
    shown = {name: value for name, value in running.items() if name != "secret_access_key"}
    shown["realms"] = {
        name: {**realm, "clients": list(realm["clients"]), "users": list(realm["users"])}
        for name, realm in running["realms"].items()
    }
    return shown


def summary(running: Mapping[str, Any], seconds: float) -> str:
    """What `up` prints when it is ready."""
    lines = [
        f"skerry is up after {seconds:.1f} s at {running['endpoint']}, {running['region']}",
        f"from {running['file']}",
    ]
    for kind, where in (("runtimes", "arn"), ("gateways", "url")):
        if running[kind]:
            lines += ["", kind]
            lines += _rows({name: (item["auth"], item[where]) for name, item in running[kind].items()})
    urls = {name: item for name, item in running["functions"].items() if "url" in item}
    if urls:
        lines += ["", "function URLs"]
        lines += _rows({name: (item["auth"], item["url"]) for name, item in urls.items()})
    if running["realms"]:
        lines += ["", "issuers"]
        lines += _rows({name: (realm["issuer"],) for name, realm in running["realms"].items()})
    if running["guardrails"]:
        lines += ["", "guardrails"]
        declared = running["guardrails"].items()
        lines += _rows({name: (f"{item['id']} version {item['version']}",) for name, item in declared})
    if running["services"]:
        lines += ["", "services"]
        lines += _rows({name: (service["url"],) for name, service in running["services"].items()})
    if unusable := problem_lines(running):
        lines += ["", *unusable]
    where = "" if running["state"] == str(Path(".skerry").resolve()) else f" --state {running['state']}"
    lines += [
        "",
        f"models are answered by: {running['models']}",
        "everything here is plain HTTP on this machine's loopback address",
        "",
        f"next, in another terminal:   {_first_step(running)}{where}",
        f'for boto3 and other tools:   eval "$(skerry env{where})"',
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


def problem_lines(running: Mapping[str, Any]) -> list[str]:
    """What of a stack cannot be used, with the reason and the next move."""
    found: Sequence[Mapping[str, Any]] = running.get("problems", ())
    if not found:
        return []
    names = [field.name for field in fields(Resource)]
    title = "FAILED" if any(one["failed"] for one in found) else "not ready yet"
    return [title, *resource_lines([Resource(**{name: one[name] for name in names}) for one in found])]


def _first_step(running: Mapping[str, Any]) -> str:
    """A command that has something to talk with: an agent, else the tools of a gateway or a server."""
    spoken = {name: item.get("protocol", "HTTP") for name, item in running["runtimes"].items()}
    agents = [name for name, protocol in spoken.items() if protocol in ("HTTP", "A2A")]
    if agents or not (spoken or running["gateways"]):
        first = not agents or agents[0] == next(iter(spoken))
        return "skerry chat" if first else f"skerry chat --agent {agents[0]}"
    return f"skerry call {next(iter(running['gateways']), next(iter(spoken), ''))} list"


def _rows(named: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names with what belongs to them, in columns that the longest name makes room for."""
    width = max(18, *map(len, named)) if named else 0
    return [
        f"  {name:<{width}} {' '.join([*(f'{cell:<5}' for cell in cells[:-1]), cells[-1]])}"
        for name, cells in named.items()
    ]


def _progress(*, quiet: bool) -> Callable[[str], None]:
    if quiet or not sys.stderr.isatty():
        return lambda _line: None
    return lambda line: print(line, file=sys.stderr, flush=True)


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number") from None
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port
