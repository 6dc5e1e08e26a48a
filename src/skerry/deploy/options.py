"""Options that several of the commands have."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from skerry.deploy.template.platforms import ARCHITECTURES, ARM, PYTHONS, Platform
from skerry.settings.deploy import DeploySettings, is_here, own_platform


def add_file(parser: argparse.ArgumentParser, settings: DeploySettings) -> None:
    """Which file."""
    parser.add_argument(
        "--file", type=Path, default=settings.file, help="what to deploy (default: skerry.toml here)"
    )


def add_platform(parser: argparse.ArgumentParser) -> None:
    """What the code is for."""
    parser.add_argument(
        "--python", choices=PYTHONS, default="", metavar="X.Y", help="version of Python (default: 3.13)"
    )
    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        default="",
        help=f"of dependencies (default: {ARM}, which AgentCore runs; at a local stack this machine's)",
    )


def add_account(parser: argparse.ArgumentParser) -> None:
    """Which stack, and whose account."""
    parser.add_argument(
        "--stack-name", default="", metavar="NAME", help="of CloudFormation (default: the file's folder)"
    )
    parser.add_argument("--profile", default="", help="a profile of the AWS configuration")
    parser.add_argument("--region", default="", help="default: that of the environment or the profile")


def again(options: argparse.Namespace) -> str:
    """The words by which another command finds the same stack."""
    given = {"--stack-name": options.stack_name, "--profile": options.profile, "--region": options.region}
    given["--file"] = "" if options.file in (None, options.settings.file) else str(options.file)
    if options.stack_name:
        given["--file"] = ""
    return "".join(f" {name} {shlex.quote(value)}" for name, value in given.items() if value)


def platform_of(options: argparse.Namespace, endpoint: str) -> Platform:
    """What to package for: as told, else AgentCore's own, else at a local stack this machine's own."""
    here = is_here(endpoint)
    own = own_platform() if here else (Platform().python, Platform().architecture)
    return Platform(options.python or own[0], options.architecture or own[1], here=here)
