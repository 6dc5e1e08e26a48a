"""`skerry proxy … --print-config HOST [--write]`: the same command line, as a host's file wants it."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

from skerry.errors import ConfigurationError
from skerry.proxy import hosts
from skerry.wire.jsonrpc import MAX_BODY

# What a host has to pass on, with the value that may be left out.
_PLAIN = (
    ("qualifier", "DEFAULT"),
    ("endpoint_url", ""),
    ("auth", "auto"),
    ("role_arn", ""),
    ("role_session_name", "mcpAgentCoreProxy"),
    ("token_command", ""),
    ("issuer", ""),
    ("client_id", ""),
    ("client_document", ""),
    ("redirect_port", ""),
    ("token_endpoint", ""),
    ("discovery_url", ""),
    ("scope", ""),
    ("audience", ""),
    ("session_mode", "session"),
    ("read_timeout", 900.0),
    ("connect_timeout", 10.0),
    ("call_timeout", 3600.0),
    ("max_message", MAX_BODY),
    ("log_level", "WARNING"),
)
_FILES = ("token_file", "client_secret_file", "client_key_file")
_SWITCHES = ("read_only", "login", "device", "assume_pkce")
_REPEATED = ("context", "allow", "deny")


def run(options: argparse.Namespace) -> int:
    """Prints the block for a host, or writes it into the host's file and says what was done."""
    if not options.target:
        raise ConfigurationError(
            "There is nothing to configure.",
            hint="Give the ARN, the URL or the name that the host should use.",
        )
    argv = command_line(options)
    name = options.name or _name(options.target)
    if not options.write:
        sys.stdout.write(hosts.block(options.print_config, name, argv, {}))
        return 0
    environment = options.settings.environment
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    written = hosts.write(
        options.print_config, name, argv, {}, home=home, platform=sys.platform, environ=environment
    )
    print("\n".join(written.lines(name)))
    return 0


def command_line(options: argparse.Namespace) -> list[str]:
    """The words that start the proxy as it is now, whatever the environment of the host holds."""
    words = [*_program(), "proxy", options.target]
    for name, default in _PLAIN:
        value = getattr(options, name)
        if value != default:
            words += [_flag(name), f"{value:g}" if isinstance(value, float) else str(value)]
    if options.region and not options.target.startswith("arn:"):
        words += ["--region", options.region]
    profile = options.profile or options.settings.profile
    if profile:
        words += ["--profile", profile]
    for name in _FILES:
        if getattr(options, name):
            words += [_flag(name), str(Path(getattr(options, name)).expanduser().resolve())]
    if not re.match(r"arn:|\w+://", options.target):
        words += ["--state", str(options.state.resolve())]
    for name in _REPEATED:
        for value in getattr(options, name):
            words += [_flag(name), value]
    return words + [_flag(name) for name in _SWITCHES if getattr(options, name)]


def _program() -> list[str]:
    """The installed command that runs now, else that of the PATH, else the interpreter with the module."""
    running = Path(sys.argv[0])
    if running.stem == "skerry" and running.is_file():
        return [str(running.resolve())]
    found = shutil.which("skerry")
    return [found] if found else [sys.executable, "-m", "skerry"]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _name(target: str) -> str:
    """What the host calls the server: the last word of the target that says something."""
    words = re.findall(r"[A-Za-z0-9_-]+", target.partition("?")[0])
    useful = [word for word in words if word not in ("mcp", "invocations", "DEFAULT")]
    return re.sub(r"-[A-Za-z0-9]{10}$", "", useful[-1]) if useful else "skerry"
