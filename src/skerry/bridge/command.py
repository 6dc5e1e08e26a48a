"""`skerry bridge`: what to run, where to listen, within which limits."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from skerry.bridge.child import Program
from skerry.bridge.environment import for_program
from skerry.bridge.front import PATHS
from skerry.bridge.logbook import log_to
from skerry.bridge.modern import PROBE
from skerry.bridge.post import Contract
from skerry.bridge.serving import Limits, serve
from skerry.errors import ConfigurationError, PortInUseError
from skerry.settings import BridgeSettings
from skerry.sockets import bind

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_DEFAULT_PORT = {"http": 8080, "mcp": 8000}
_CHOSEN: Mapping[str, frozenset[Contract]] = {
    "both": frozenset({"mcp", "http"}),
    "mcp": frozenset({"mcp"}),
    "http": frozenset({"http"}),
}


Listening = list[tuple[socket.socket, frozenset[Contract]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `skerry bridge`."""
    ports = parser.add_argument_group("where it listens")
    ports.add_argument("--port", type=_port, help="one port for /invocations, /ping and /mcp; 0 takes any")
    ports.add_argument("--http-port", type=_port, help="/invocations and /ping (default 8080)")
    ports.add_argument("--mcp-port", type=_port, help="/mcp (default 8000)")
    ports.add_argument("--protocol", choices=("both", "http", "mcp"), default="both", help="what is served")
    ports.add_argument("--host", help="127.0.0.1; 0.0.0.0 where DOCKER_CONTAINER is set (env SERVER_HOST)")
    runs = parser.add_argument_group("the MCP server")
    runs.add_argument("--cwd", type=Path, metavar="DIR", help="its working directory (env MCP_SERVER_CWD)")
    runs.add_argument("--shared", action="store_true", help="one process for all sessions, not one for each")
    runs.add_argument("--max-children", type=_count, default=64, metavar="N", help="processes (default 64)")
    runs.add_argument("--idle", type=_seconds, default=900.0, metavar="S", help="end unused sessions (900)")
    runs.add_argument(
        "--call-timeout", type=_seconds, default=900.0, metavar="S", help="longest call (default 900)"
    )
    runs.add_argument(
        "--probe",
        type=_seconds,
        default=PROBE,
        metavar="S",
        help=f"longest answer to server/discover; a silent server speaks the legacy era (default {PROBE:g})",
    )
    runs.add_argument(
        "--max-message", type=_count, default=100_000_000, metavar="BYTES", help="default 100000000"
    )
    runs.add_argument(
        "--pass-env",
        action="append",
        default=[],
        metavar="NAME",
        help="let the server have a variable that looks like a secret; may be repeated",
    )
    parser.add_argument("--log-level", help="DEBUG, INFO, WARNING or ERROR (env LOG_LEVEL, default INFO)")
    parser.add_argument("--json", action="store_true", help="say where it listens in one JSON line")
    parser.add_argument(
        "command",
        nargs="*",
        metavar="-- COMMAND",
        help="the MCP server and its arguments (env MCP_SERVER_CMD)",
    )


def run(options: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM. Raises ConfigurationError, PortInUseError."""
    settings = BridgeSettings.from_env(os.environ)
    level = (options.log_level or settings.log_level).upper()
    if level not in _LEVELS:
        raise ConfigurationError(f"'{level}' is no log level.", hint=f"Take one of {', '.join(_LEVELS)}.")
    log_to(2, level)
    program = _program(options, settings)
    host = options.host or settings.host or ("0.0.0.0" if settings.container else "127.0.0.1")
    listening = _listen(options, settings, host)
    try:
        limits = Limits(
            max_children=options.max_children,
            idle=options.idle,
            shared=options.shared,
            probe=options.probe,
        )
        urls = [
            f"http://{_shown(host)}:{each.getsockname()[1]}{path}"
            for each, contracts in listening
            for path, contract in PATHS.items()
            if contract in contracts
        ]
        serve(program, limits, listening, lambda: _announce(urls, program, as_json=options.json))
    finally:
        for each, _ in listening:
            each.close()
    return 0


def _listen(options: argparse.Namespace, settings: BridgeSettings, host: str) -> Listening:
    """The listening sockets. A port that nobody named may be taken, where the other one is free."""
    single = options.port if options.port is not None else settings.port
    if single is not None:
        return [(bind(host, single), _CHOSEN[options.protocol])]
    wanted = {"http": options.http_port, "mcp": options.mcp_port}
    if options.protocol != "both":
        wanted = {options.protocol: wanted[options.protocol]}
    listening: Listening = []
    taken: PortInUseError | None = None
    for contract, port in wanted.items():
        try:
            number = _DEFAULT_PORT[contract] if port is None else port
            listening.append((bind(host, number), _CHOSEN[contract]))
        except PortInUseError as problem:
            taken = problem
            if port is not None:
                break
            logging.getLogger(__name__).warning("%s", problem)
    else:
        if listening:
            return listening
    for each, _ in listening:
        each.close()
    assert taken is not None
    raise taken


def _program(options: argparse.Namespace, settings: BridgeSettings) -> Program:
    try:
        argv = options.command or shlex.split(settings.command)
    except ValueError as error:
        raise ConfigurationError(
            f"MCP_SERVER_CMD cannot be read: {error}.", hint="It is split like a shell command."
        ) from error
    if not argv:
        raise ConfigurationError(
            "no MCP server to run.",
            hint="Give its command behind two dashes: skerry bridge -- python server.py",
        )
    folder = (options.cwd or Path(settings.folder)).absolute()
    if not folder.is_dir():
        raise ConfigurationError(f"the working directory {folder} does not exist.", hint="Check --cwd.")
    environment, left_out = for_program(settings.environment, options.pass_env)
    missing = [name for name in options.pass_env if name not in settings.environment]
    if missing:
        raise ConfigurationError(
            f"--pass-env names {missing[0]}, which is not set.", hint="Set it, or drop it."
        )
    if left_out:
        logging.getLogger(__name__).info(
            "variables that look secret stay here: %s (--pass-env NAME)", ", ".join(left_out)
        )
    path = environment.get("PATH", os.defpath)
    # A relative path with a slash is meant from the server's own folder; so is what stands in no PATH.
    local = folder / argv[0]
    found = shutil.which(str(local) if os.sep in argv[0] else argv[0], path=path)
    if found is None:
        raise ConfigurationError(
            f"the MCP server '{argv[0]}' is not an executable program.",
            hint="Check its name, or give the full path.",
        )
    return Program(
        argv=[found, *argv[1:]],
        folder=folder,
        environment=environment,
        call_timeout=options.call_timeout,
        max_message=options.max_message,
    )


def _announce(urls: list[str], program: Program, *, as_json: bool) -> None:
    if as_json:
        line = json.dumps({"ready": True, "urls": urls, "serves": program.name})
    else:
        line = f"skerry bridge: {program.name} is served at {' and '.join(urls)}"
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("it must be a whole number of 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("it must be a number of seconds above 0")
    return value
