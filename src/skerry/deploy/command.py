"""`skerry deploy …`: the options, and which module serves them. The modules come in when they are called."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skerry.deploy import options as shared
from skerry.settings.deploy import DeploySettings

EXAMPLES = {
    "plan": ("skerry deploy plan", "skerry deploy plan --file team/skerry.toml --json"),
    "template": (
        "skerry deploy template --output team.yaml",
        "skerry deploy template --file team/skerry.toml",
    ),
    "package": ("skerry deploy package --output packages", "skerry deploy package --runtime assistant"),
    "up": (
        "skerry deploy up",
        "skerry deploy up --dry-run",
        "skerry deploy up --yes --stack-name team-dev --parameter NamePrefix=dev",
        "skerry deploy up --parameters aws.json --role-arn arn:aws:iam::123456789012:role/deploy",
    ),
    "env": ("skerry deploy env --stack-name team-dev", "skerry deploy env --json"),
    "status": ("skerry deploy status", "skerry deploy status --json"),
    "down": ("skerry deploy down", "skerry deploy down --yes --stack-name team-dev"),
}
"""By action, for --help."""
_PACKAGES = Path(".skerry-packages")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    settings = DeploySettings.from_env(os.environ)
    parser.set_defaults(settings=settings)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, module, summary, adds in _ACTIONS:
        made = actions.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog="\n  ".join(["examples:", *EXAMPLES[name]]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.set_defaults(module=module)
        shared.add_file(made, settings)
        adds(made, settings)


def run(options: argparse.Namespace) -> int:
    serve: Callable[[argparse.Namespace], int] = importlib.import_module(options.module).run
    return serve(options)


def _plan(parser: argparse.ArgumentParser, _: DeploySettings) -> None:
    shared.add_platform(parser)
    _json(parser)


def _template(parser: argparse.ArgumentParser, _: DeploySettings) -> None:
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="ends with .yaml or .json (default: JSON to stdout)"
    )
    shared.add_platform(parser)


def _package(parser: argparse.ArgumentParser, _: DeploySettings) -> None:
    parser.add_argument("--output", type=Path, default=_PACKAGES, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--runtime", default="", metavar="NAME", help="this runtime or function alone")
    _code(parser)
    _json(parser)


def _up(parser: argparse.ArgumentParser, _: DeploySettings) -> None:
    shared.add_account(parser)
    parser.add_argument(
        "--bucket",
        default="",
        metavar="NAME",
        help="for packages (default: skerry-deploy-ACCOUNT-REGION, made if it lacks)",
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the template; again for more",
    )
    parser.add_argument(
        "--parameters", type=Path, metavar="FILE", help="JSON: an object, or the list of the AWS CLI"
    )
    parser.add_argument("--role-arn", default="", metavar="ARN", help="the role that CloudFormation takes")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    _code(parser)
    _json(parser)


def _env(parser: argparse.ArgumentParser, _: DeploySettings) -> None:
    shared.add_account(parser)
    parser.add_argument(
        "--shell", choices=("posix", "fish", "powershell"), default="posix", help="default: posix"
    )
    _json(parser)


def _status(parser: argparse.ArgumentParser, _: DeploySettings) -> None:
    shared.add_account(parser)
    _json(parser)


def _down(parser: argparse.ArgumentParser, _: DeploySettings) -> None:
    shared.add_account(parser)
    parser.add_argument("--role-arn", default="", metavar="ARN", help="the role that CloudFormation takes")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    _json(parser)


def _code(parser: argparse.ArgumentParser) -> None:
    shared.add_platform(parser)
    parser.add_argument(
        "--no-dependencies", action="store_true", help="the code alone, as for a stack that has them already"
    )


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")


_ACTIONS: tuple[tuple[str, str, str, Callable[[argparse.ArgumentParser, DeploySettings], Any]], ...] = (
    ("plan", "skerry.deploy.plan", "what the file becomes, what you must say, and what stays here", _plan),
    ("template", "skerry.deploy.write", "the CloudFormation template", _template),
    ("package", "skerry.deploy.packages", "the code packages", _package),
    ("up", "skerry.deploy.up", "make or change the stack", _up),
    ("status", "skerry.deploy.status", "the stack's resources", _status),
    ("env", "skerry.deploy.env", "the environment of the deployed stack", _env),
    ("down", "skerry.deploy.down", "delete the stack", _down),
)
