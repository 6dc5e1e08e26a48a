"""`skerry env`: the environment of the running stack, as lines that a shell can evaluate."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Mapping
from typing import Any

from skerry.settings import StackSettings, add_state_directory
from skerry.stack.state import running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of export lines")
    parser.add_argument(
        "--shell", choices=("posix", "fish", "powershell"), default="posix", help="default: posix"
    )


def add_state(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """The option that every command on a stack has; `again` below a parser that has it."""
    add_state_directory(parser, StackSettings.from_env(os.environ).state, again=again)


def run(options: argparse.Namespace) -> int:
    values = environment(running(options.state))
    if options.json:
        print(json.dumps(values, indent=1))
        return 0
    for name, value in values.items():
        print(line(options.shell, name, value))
    return 0


def environment(stack: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a running stack, from its `stack.json`."""
    values = {
        "AWS_ENDPOINT_URL": stack["endpoint"],
        "AWS_ACCESS_KEY_ID": stack["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": stack["secret_access_key"],
        "AWS_REGION": stack["region"],
        "AWS_DEFAULT_REGION": stack["region"],
        "SKERRY_STATE": stack["state"],
    }
    runtime = stack["runtimes"].get(stack["default_runtime"], {})
    gateway = stack["gateways"].get(stack["default_gateway"], {})
    realm = stack["realms"].get(stack["default_realm"], {})
    optional = {
        "SKERRY_RUNTIME_ARN": runtime.get("arn"),
        "SKERRY_RUNTIME_URL": runtime.get("url"),
        "SKERRY_GATEWAY_URL": gateway.get("url"),
        "SKERRY_GATEWAY_ARN": gateway.get("arn"),
        "SKERRY_ISSUER": realm.get("issuer"),
        "SKERRY_TOKEN_ENDPOINT": realm.get("token_endpoint"),
    }
    return values | {name: value for name, value in optional.items() if value}


def line(shell: str, name: str, value: str) -> str:
    """A line that sets a variable in a shell."""
    if shell == "powershell":
        quoted = value.replace("'", "''")
        return f"$env:{name} = '{quoted}'"
    if shell == "fish":
        return f"set -gx {name} {shlex.quote(value)}"
    return f"export {name}={shlex.quote(value)}"
