"""`skerry demo`: a stack, the conversation of the README over the whole road, and every hop of it.

In a terminal it goes on as a chat. A stack that already runs on the state directory is used and left
running.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import httpx2

from skerry.auth import local
from skerry.auth.aws.sigv4 import sign
from skerry.auth.http.transport import Transport
from skerry.chat import command
from skerry.chat.doors.open import open_backend
from skerry.chat.face import Event
from skerry.chat.main import Chat
from skerry.chat.plain_face import PlainFace
from skerry.chat.proofs import SERVICE
from skerry.chat.target import Wanted
from skerry.errors import NotRunningError, ProgramError
from skerry.local.clock import SystemClock
from skerry.sockets import loop_factory
from skerry.stack.commands import hops, up
from skerry.stack.commands.env import add_state
from skerry.stack.state import running
from skerry.stack.summary import notices, problem_lines
from skerry.wire import jsonrpc, session
from skerry.wire.tool_names import SEPARATOR

OFFERED = 90
"""Characters of a line for the names of a target's tools."""


@dataclass(frozen=True, slots=True)
class Step:
    """A question of the demonstration; `decided` is what the person says when the agent asks back."""

    question: str
    decided: bool | None = None


WORKSPACE = "demo-payments"

CONVERSATION = (
    Step("What is the email for account 12345?"),
    Step("Change the email for account 12345 to mynew@email.com", decided=False),
    Step("What is the email for account 12345?"),
    Step("Change the email for account 12345 to mynew@email.com", decided=True),
    Step("What is the email for account 12345?"),
    Step("Show me a chart"),
    Step("List my EC2 instances in us-east-1"),
    Step("Which S3 buckets do I have?"),
    Step("Show the costs by service"),
    Step("List the IAM roles"),
    Step(f'Create a Terraform workspace named "{WORKSPACE}"', decided=True),
    Step(f'Show the details of the workspace "{WORKSPACE}"'),
    Step('Validate this content: "My card is 4111 1111 1111 1111, this is internal use only"'),
    Step("What is the capital of France?"),
)
BY_TOKEN = (Step("What is the email for account 12345?"),)
AFTERWARDS = (
    Step("Change the email for account 12345 to user@example.com", decided=True),
    Step(f'Delete the workspace "{WORKSPACE}"', decided=True),
)
"""Puts things back, so that the next demonstration begins as this one did."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--port", type=int, default=0, help="the endpoint's port (default: any free one)")
    parser.add_argument("--no-hops", dest="hops", action="store_false", help="do not show the hops")


def run(options: argparse.Namespace) -> int:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_demonstrate(options))


async def _demonstrate(options: argparse.Namespace) -> int:
    began = time.monotonic()
    async with _stack(options) as stack:
        _say(f"the stack is up after {time.monotonic() - began:.1f} s at {stack['endpoint']}")
        for line in [*problem_lines(stack), *notices(stack)]:
            print(f"       {line}", flush=True)
        await asyncio.to_thread(_offers, stack)
        await asyncio.to_thread(_converse, stack, options)
        if sys.stdin.isatty():
            _say("your turn: the same agent, a new session; /help lists commands, /quit ends")
            parser = argparse.ArgumentParser()
            command.add_arguments(parser)
            await asyncio.to_thread(command.run, parser.parse_args(["--state", str(options.state)]))
    return 0


@contextlib.asynccontextmanager
async def _stack(options: argparse.Namespace) -> AsyncIterator[Mapping[str, Any]]:
    with contextlib.suppress(NotRunningError):
        found = running(options.state)
        _say(f"using the stack that runs at {found['endpoint']}")
        yield found
        return
    chosen = up.settings(argparse.Namespace(state=options.state, port=options.port, file=up.BUNDLED))
    async with up.started(chosen, lambda _line: None) as stack:
        yield stack


def _offers(stack: Mapping[str, Any]) -> None:
    """Says what the gateways offer; the first list also waits until the targets have been listed."""
    told: list[str] = []
    for name in ("desk", "desk-jwt"):
        tools = asyncio.run(_tools(stack, name))
        if told and tools == told:
            _say(f"the gateway {name} offers the same {len(tools)} tools to whoever has a token")
            continue
        _say(f"the gateway {name} offers {len(tools)} tools")
        for line in offered(tools):
            print(f"       {line}", flush=True)
        told = tools


def offered(tools: Sequence[str]) -> Iterator[str]:
    """A line for each target: how many tools it has, and the names of the first of them."""
    targets: dict[str, list[str]] = {}
    for tool in tools:
        target, _, name = tool.partition(SEPARATOR)
        targets.setdefault(target, []).append(name)
    for target, names in targets.items():
        shown = shorten(", ".join(names), OFFERED, placeholder=" …")
        yield f"{target:<12} {len(names):>3}  {shown}"


async def _tools(stack: Mapping[str, Any], name: str) -> list[str]:
    url, region = stack["gateways"][name]["url"], stack["region"]
    body = jsonrpc.request(1, "tools/list")
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        if stack["gateways"][name]["auth"] == "iam":
            key = local.credentials(stack)
            proof = sign(
                "POST", url, headers, body, credentials=key, region=region, service=SERVICE, now=time.time()
            )
        else:
            transport = Transport(http)
            token = await local.token(
                stack,
                stack["gateways"][name],
                post=transport.post,
                fetch=transport.fetch,
                clock=SystemClock(),
            )
            proof = {"Authorization": f"Bearer {token}"}
        reply = await http.post(url, content=body, headers={**headers, **proof})
        reply.raise_for_status()
        return [tool["name"] for tool in reply.json()["result"]["tools"]]


def _converse(stack: Mapping[str, Any], options: argparse.Namespace) -> None:
    sessions = {agent: session.new() for agent in ("ops", "ops_jwt")}
    _say("1 · signed with AWS credentials: chat → runtime ops → gateway desk")
    for step in CONVERSATION:
        _ask(stack, options, step, agent="ops", session_id=sessions["ops"])
    _say("2 · with a token of the identity provider: chat → runtime ops_jwt → gateway desk-jwt")
    for step in BY_TOKEN:
        _ask(stack, options, step, agent="ops_jwt", session_id=sessions["ops_jwt"])
    _say("3 · and back to how it was")
    for step in AFTERWARDS:
        _ask(stack, options, step, agent="ops", session_id=sessions["ops"])


def _ask(
    stack: Mapping[str, Any], options: argparse.Namespace, step: Step, *, agent: str, session_id: str
) -> None:
    since = time.time()
    wanted = Wanted(agent=agent, state=options.state)
    print(f"\nyou    {step.question}", flush=True)
    face = Transcript(Path(stack["state"]), decided=step.decided)
    chat = Chat(open_backend(wanted), face, session_id, decided=step.decided, wanted=wanted)
    with contextlib.closing(chat):
        code = chat.once(step.question)
    if code != 0:
        raise ProgramError(
            f"the demonstration stopped at '{step.question}': {chat.talk.failed or 'no answer'}.",
            hint=f"Logs: {Path(stack['state']) / 'logs'}",
        )
    if options.hops:
        for line in hops.tree(hops.fetch(stack, since=since)):
            print(f"       {line}", flush=True)


class Transcript(PlainFace):
    """The plain face as a written dialogue: who says what; results of tools only as pictures."""

    def __init__(self, folder: Path, *, decided: bool | None) -> None:
        super().__init__(out=sys.stdout, notes=sys.stdout, folder=folder)
        self._said = "yes" if decided else "no"
        self.shown.tools = False

    def show(self, event: Event) -> None:
        if event["type"] == "TEXT_MESSAGE_START":
            self._write("agent  ")
        elif event["type"] == "TOOL_CALL_START":
            self._write(f"tool   {event['toolCallName']} ")
        elif event["type"] == "TOOL_CALL_ARGS":
            self._write(str(event["delta"]))
        elif event["type"] == "TOOL_CALL_END":
            self._end_line()
        elif event["type"] == "RUN_FINISHED":
            for question in (event.get("outcome") or {}).get("interrupts") or ():
                self._write(f"agent  may I call {question['toolName']} with exactly these arguments?\n")
                self._write(f"you    {self._said}\n")
        super().show(event)


def _say(text: str) -> None:
    print(f"\n── {text}", flush=True)
