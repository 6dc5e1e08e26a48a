"""`skerry smoke`: walks through a demo or guardrails server over the proxy and says what it saw.

The server is whatever a command brings to standard input and output: `skerry proxy TARGET`, or any other
command after `--`. A guardrails server behind a target also gets single requests with other proofs, of
which each says its verdict (`requests.py`). Exit code 0 when every step held, 1 when one did not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TextIO, cast

from mcp import MCPError
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from skerry.client import requests
from skerry.client.connection import IDENTITY, Era
from skerry.client.problems import FAILURES, Refusals, innermost, problem
from skerry.client.target import Wanted, find
from skerry.client.walk import HARMLESS, VALIDATE, Answers, Mode, Walk
from skerry.errors import ConfigurationError, ProgramError, RemoteError, SkerryError, reported
from skerry.settings import ChatSettings
from skerry.wire.shown import clean

ERAS: dict[str, Era] = {"auto": "auto", "legacy": "legacy", "modern": "2026-07-28"}
MAX_TIMEOUT = 3600.0
TAIL = 4096

_OWN_WORDS = re.compile(r"skerry proxy: (?P<text>.+) \[(?P<code>SKY-[0-9]{3})\]")
"""The one line in which the proxy says why it ends."""

USAGE = """\
%(prog)s TARGET [options] [-- PROXY OPTIONS]
       %(prog)s [options] -- COMMAND [arguments]"""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step saw, or why it failed (`error` with its code and hint); seconds that it took."""

    name: str
    saw: str = ""
    error: SkerryError | None = None
    seconds: float = 0.0
    request: Mapping[str, Any] | None = None

    def line(self) -> str:
        """The step for a person; one line, and one more for the next move."""
        if self.error is None:
            return clean(f"ok    {self.name:<13} {self.saw}")
        said = f"FAIL  {self.name:<13} {self.error.message} [{self.error.code}]"
        return clean(said) + (f"\n      {'':<13} {clean(self.error.hint)}" if self.error.hint else "")

    def record(self) -> dict[str, Any]:
        """The step as JSON has it."""
        told: dict[str, Any] = {
            "step": self.name,
            "ok": self.error is None,
            "seconds": round(self.seconds, 3),
            **(self.request or {}),
        }
        if self.error is None:
            return {**told, "saw": self.saw}
        error = {"code": self.error.code, "message": self.error.message, "hint": self.error.hint}
        return {**told, "error": error}


@dataclass(slots=True)
class Report:
    """The steps so far; each is printed when it is done, unless JSON is wanted at the end."""

    quiet: bool
    steps: list[Step] = field(default_factory=list)
    finished: bool = False

    def add(self, step: Step) -> None:
        """Keeps and prints a step."""
        self.steps.append(step)
        if not self.quiet:
            print(step.line(), flush=True)

    @property
    def held(self) -> bool:
        """Whether every step was taken and held."""
        return self.finished and all(step.error is None for step in self.steps)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = USAGE
    _add_options(parser)
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="TARGET …",
        help="an ARN, a URL, or a name in the running stack; options of skerry proxy follow --",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mode",
        choices=("stateless", "stateful", "guardrails"),
        help="which server it is (default: by its tools)",
    )
    parser.add_argument("--endpoint-url", default="", metavar="URL", help="the data plane, for the proxy")
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help=f"the stack's state directory (default: {ChatSettings.from_env(os.environ).state})",
    )
    parser.add_argument("--era", choices=tuple(ERAS), default="auto", help="protocol era (default: auto)")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="seconds for each step (default: 60)"
    )
    parser.add_argument(
        "--content", default=HARMLESS, metavar="TEXT", help="the text that a guardrails server is to judge"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")


def run(options: argparse.Namespace) -> int:
    """Walks. Returns 0 when every step held, else 1. Raises ConfigurationError for wrong usage (2)."""
    options, words = command(options)
    beyond = _Beyond.of(options, words)
    if not 0 < options.timeout <= MAX_TIMEOUT:
        raise ConfigurationError(f"--timeout must be above 0 and at most {MAX_TIMEOUT:g} seconds.")
    report = Report(quiet=options.json)
    mode = asyncio.run(_smoke(words, options, report, beyond))
    if options.json:
        steps = [step.record() for step in report.steps]
        told = {"command": list(words), "mode": mode, "ok": report.held, "steps": steps}
        print(json.dumps(told, ensure_ascii=False))
    else:
        failed = sum(step.error is not None for step in report.steps)
        total = f"{len(report.steps)} step{'s' if len(report.steps) > 1 else ''}"
        print(f"{total}, {failed} failed" if failed else f"{total}, all ok")
    return 0 if report.held else 1


def command(options: argparse.Namespace) -> tuple[argparse.Namespace, tuple[str, ...]]:
    """The options, and the words of the command to start.

    Options may stand before and after the target; what follows `--` is left as it is. Raises
    ConfigurationError when there is neither a target nor a command.
    """
    words = list(options.words)
    further: list[str] = []
    if "--" in words:
        at = words.index("--")
        words, further = words[:at], words[at + 1 :]
    inner = argparse.ArgumentParser(prog="skerry smoke", usage=USAGE, allow_abbrev=False)
    _add_options(inner)
    inner.add_argument("target", nargs="?", default="")
    given = argparse.Namespace(**{name: value for name, value in vars(options).items() if name != "words"})
    parsed = inner.parse_intermixed_args(words, namespace=given)
    if not parsed.target:
        if not further:
            raise ConfigurationError(
                "there is nothing to walk through.",
                hint="Give a runtime's ARN, a URL, or -- and a command that speaks MCP over stdio.",
            )
        for name, given_to_proxy in (("--endpoint-url", parsed.endpoint_url), ("--state", parsed.state)):
            if given_to_proxy:
                raise ConfigurationError(f"{name} is for the proxy; a command after -- has its own options.")
        return parsed, tuple(further)
    endpoint = ("--endpoint-url", parsed.endpoint_url) if parsed.endpoint_url else ()
    state = ("--state", str(parsed.state)) if parsed.state else ()
    return parsed, (sys.executable, "-m", "skerry", "proxy", parsed.target, *endpoint, *state, *further)


async def _smoke(
    command: Sequence[str], options: argparse.Namespace, report: Report, beyond: _Beyond | None
) -> Mode | None:
    """Starts the command and walks, then asks `beyond` the proxy; returns the mode that was found."""
    answers = Answers()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        server = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(os.environ))
        client = Client(
            stdio_client(server, errlog=cast(TextIO, log)),
            mode=ERAS[options.era],
            read_timeout_seconds=options.timeout,
            sampling_callback=answers.sample,
            elicitation_callback=answers.elicit,
            client_info=IDENTITY,
        )
        walk = Walk(client, answers, options.mode, content=options.content)
        taken = _Steps(report, options.timeout, command, log)
        began = time.monotonic()
        try:
            async with client:
                report.add(Step("connect", _server(client), seconds=time.monotonic() - began))
                await taken.all_of(walk)
                report.finished = True
        except FAILURES as error:
            cause = innermost(error)
            if not isinstance(cause, FAILURES):  # a mistake of ours, in the group that the SDK makes of it
                raise cause from error
            if not report.steps or report.steps[-1].error is None:  # else a step has said why it ended
                name = "close" if report.finished else "connect"
                report.add(Step(name, error=taken.failure(cause), seconds=time.monotonic() - began))
    if walk.mode == "guardrails" and beyond is not None:  # found, or said: then also after a walk that failed
        await beyond.ask(report)
    return walk.mode


@dataclass(frozen=True, slots=True)
class _Beyond:
    """Single requests to the target itself, without the proxy."""

    wanted: Wanted
    content: str
    timeout: float

    @classmethod
    def of(cls, options: argparse.Namespace, words: Sequence[str]) -> _Beyond | None:
        """For a target; None for a command of one's own. Takes the proxy's `--state` and `--region` too."""
        if not options.target:
            return None
        settings = ChatSettings.from_env(os.environ)
        reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        reader.add_argument("--state", type=Path, default=settings.state)
        reader.add_argument("--region", default="")
        given, _ = reader.parse_known_args(words[4:])
        wanted = Wanted(
            target=options.target,
            region=given.region,
            state=given.state,
            endpoint_url=options.endpoint_url or settings.endpoint_url,
            token=settings.token,
        )
        return cls(wanted, options.content, options.timeout)

    async def ask(self, report: Report) -> None:
        """One step for each request; the first failure to prove oneself ends them."""
        call = {"method": "tools/call", "params": {"name": VALIDATE, "arguments": {"content": self.content}}}
        try:
            target = find(self.wanted)
            planned = await requests.planned(target, call)
        except SkerryError as error:
            report.add(Step("proof", error=error))
            return
        for request in planned:
            try:
                answered = await requests.send(target, request, timeout=self.timeout)
            except (SkerryError, *FAILURES) as error:
                report.add(Step(request.name, error=problem(error, target.url, Refusals())))
                continue
            wrong = None if answered.as_expected else answered.problem()
            report.add(Step(request.name, answered.saw(), wrong, answered.seconds, request=answered.record()))


@dataclass(frozen=True, slots=True)
class _Steps:
    """Takes the steps of a walk, and puts what goes wrong into one line."""

    report: Report
    timeout: float
    command: Sequence[str]
    log: IO[str]

    async def all_of(self, walk: Walk) -> None:
        """Step after step; without the right tools, or without a connection, there is no further one."""
        if not await self._take("tools", walk.tools):
            return
        for name, step in walk.steps():
            if not await self._take(name, step) and isinstance(self.report.steps[-1].error, ProgramError):
                return

    async def _take(self, name: str, step: Callable[[], Awaitable[str]]) -> bool:
        began = time.monotonic()
        try:
            seen = await step()
        except SkerryError as error:
            self.report.add(Step(name, error=error, seconds=time.monotonic() - began))
            return False
        except FAILURES as error:
            failed = self.failure(innermost(error))
            self.report.add(Step(name, error=failed, seconds=time.monotonic() - began))
            return False
        self.report.add(Step(name, seen, seconds=time.monotonic() - began))
        return True

    def failure(self, error: BaseException) -> SkerryError:
        """The cause in one line; a ProgramError when the command is gone, with its last words."""
        where = "skerry proxy" if self.command[2:4] == ("skerry", "proxy") else Path(self.command[0]).name
        if isinstance(error, FileNotFoundError | PermissionError):
            return ProgramError(f"{where} cannot be started ({error.strerror}).")
        if isinstance(error, OSError) or (isinstance(error, MCPError) and error.code == CONNECTION_CLOSED):
            last = self._last_words()
            if found := _OWN_WORDS.fullmatch(last):
                return reported(found["code"], found["text"])
            return ProgramError(f"{where} ended{': ' + last if last else ' without a word.'}")
        if isinstance(error, MCPError) and error.code == REQUEST_TIMEOUT:
            last = self._last_words()
            late = f"there was no answer within {self.timeout:g} seconds."
            hint = f"Its last words: {last}" if last else "Give it more with --timeout."
            return RemoteError(late, hint=hint)
        if isinstance(error, MCPError):
            # An error that skerry itself answered with carries a code of its own beside the JSON-RPC one.
            own = error.data.get("code") if isinstance(error.data, dict) else None
            codes = f"{error.code}, {own}" if isinstance(own, str) else str(error.code)
            return RemoteError(f"the answer is an error: {error.message} ({codes})")
        return problem(error, where, Refusals())

    def _last_words(self) -> str:
        """The last line that the command wrote to its standard error."""
        self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, self.log.tell() - TAIL))
        lines = [line.strip() for line in self.log.read(TAIL).splitlines() if line.strip()]
        return clean(lines[-1]) if lines else ""


def _server(client: Client) -> str:
    told = client.server_info
    name = f"{told.name} {told.version}".strip() if told else "a server without a name"
    era = "modern" if client.protocol_version in MODERN_PROTOCOL_VERSIONS else "legacy"
    return f"{name}, MCP {client.protocol_version} ({era})"
