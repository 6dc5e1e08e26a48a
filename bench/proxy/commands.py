"""How each peer is started, and the options that every measurement takes."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLE = HERE / "peers.json"
PEERS = Path(os.environ.get("BENCH_PEERS_DIR") or ROOT / "build" / "bench-peers")
CHILD = HERE / "fakes" / "child.py"
ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/fake-abc123"
ROLE_ARN = "arn:aws:iam::123456789012:role/fake"
# Nothing of the caller's own AWS identity, HTTP proxy or Python settings may reach a peer;
# PYTHONDONTWRITEBYTECODE, for one, makes every start of a Python peer about twice as slow.
FOREIGN = (
    "AWS_",
    "AGENTCORE_",
    "AGENT_ARN",
    "RUNTIME_",
    "MCP_",
    "SERVER_",
    "SKERRY_",
    "LOG_LEVEL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "PYTHON",
)


@dataclass(frozen=True)
class Command:
    """How to start one peer; `path` is where a bridge takes MCP messages."""

    name: str
    argv: list[str]
    env: dict[str, str]
    path: str = "/invocations"


def options(doc: str | None) -> argparse.ArgumentParser:
    """The options that every measurement understands."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="", help="comma-separated names (default: all that are installed)")
    parser.add_argument(
        "--peers-dir",
        type=Path,
        default=PEERS,
        help="where `make bench-peers` installed them (BENCH_PEERS_DIR)",
    )
    parser.add_argument(
        "--peers-file",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="more commands, in the format of peers.json; may be repeated",
    )
    parser.add_argument("--out", type=Path, help="JSON file to merge the results into")
    parser.add_argument("--logs", type=Path, help="folder for the peers' stderr (default: a temporary one)")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed or a probe fails")
    return parser


def table(args: argparse.Namespace, section: str) -> dict[str, dict[str, Any]]:
    """The entries of `section` (proxies or bridges): peers.json, then each --peers-file."""
    entries: dict[str, dict[str, Any]] = {}
    for file in [TABLE, *args.peers_file]:
        entries |= json.loads(file.read_text()).get(section, {})
    return entries


def chosen(
    args: argparse.Namespace, entries: Mapping[str, Mapping[str, Any]], extra: Sequence[str] = ()
) -> list[str]:
    """The names to measure: those asked for, or all. What is not installed is named and left out."""
    names = [name for name in args.peers.split(",") if name] or [*extra, *entries]
    unknown = [name for name in names if name not in entries and name not in extra]
    if unknown:
        sys.exit(f"unknown peer: {', '.join(unknown)}; known: {', '.join([*extra, *entries])}")
    absent = [name for name in names if name in entries and not _installed(args, entries[name])]
    if absent:
        print(f"not installed, left out: {', '.join(absent)} (make bench-peers)", file=sys.stderr)
    return [name for name in names if name not in absent]


def proxy_command(
    name: str,
    spec: Mapping[str, Any],
    port: int,
    args: argparse.Namespace,
    *,
    variant: str | None = None,
    values: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Command:
    """The command of a stdio proxy aimed at the fake on this port; `variant` is a "with_…" entry."""
    base = f"http://127.0.0.1:{port}"
    known = _places(args) | {
        "arn": ARN,
        "role_arn": ROLE_ARN,
        "base_url": base,
        "port": str(port),
        "mcp_url": f"{base}/mcp",
        "invoke_url": f"{base}/runtimes/{quote(ARN, safe='')}/invocations?qualifier=DEFAULT",
        **(values or {}),
    }
    change = spec[variant] if variant else {}
    full = clean_environment() | {
        "AWS_ACCESS_KEY_ID": "AKIAFAKE",
        "AWS_SECRET_ACCESS_KEY": "fake",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": base,
        "AWS_ENDPOINT_URL_STS": base,
        "NO_PROXY": "127.0.0.1,localhost",
        "FASTMCP_CHECK_FOR_UPDATES": "off",
        "npm_config_update_notifier": "false",
    }
    full |= {
        key: _fill(text, known) for key, text in {**spec.get("env", {}), **change.get("env", {})}.items()
    }
    full |= env or {}
    for key in change.get("unset", ()):
        full.pop(key, None)
    argv = _words(change.get("cmd", spec["cmd"]), known) + _words(change.get("args", ""), known)
    return Command(name, argv, full)


def bridge_command(
    name: str,
    spec: Mapping[str, Any],
    port: int,
    args: argparse.Namespace,
    *,
    env: Mapping[str, str] | None = None,
) -> Command:
    """The command of a bridge that listens on this port and runs the fake child."""
    child = [sys.executable, str(CHILD), "--strict"]
    known = _places(args) | {"port": str(port), "child": shlex.join(child)}
    full = clean_environment() | {key: _fill(text, known) for key, text in spec.get("env", {}).items()}
    return Command(name, _words(spec["cmd"], known, child), full | dict(env or {}), spec["path"])


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.upper().startswith(FOREIGN)}


def _places(args: argparse.Namespace) -> dict[str, str]:
    return {
        "peers": str(args.peers_dir.resolve()),
        "python": sys.executable,
        "skerry": str(Path(sys.executable).with_name("skerry")),
    }


def _installed(args: argparse.Namespace, spec: Mapping[str, Any]) -> bool:
    return shutil.which(_words(spec["cmd"], _places(args))[0]) is not None


def _fill(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return text


def _words(template: str, values: Mapping[str, str], child: Sequence[str] = ()) -> list[str]:
    """Split first, fill afterwards, so that paths may hold spaces; {child_argv} becomes many words."""
    words: list[str] = []
    for word in shlex.split(template):
        words += child if word == "{child_argv}" else [_fill(word, values)]
    return words
