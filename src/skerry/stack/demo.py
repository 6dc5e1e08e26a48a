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
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.chat import command as chat
from skerry.chat.conversation import Conversation
from skerry.chat.face import Event, PlainFace
from skerry.chat.main import Chat
from skerry.chat.target import Wanted, find
from skerry.errors import NotRunningError, ProgramError
from skerry.stack import hops, up
from skerry.stack.env import add_state
from skerry.stack.state import running


@dataclass(frozen=True, slots=True)
class Step:
    """A question of the demonstration; `decided` is what the person says when the agent asks back."""

    question: str
    decided: bool | None = None


CONVERSATION = (
    Step("What is the email for account 12345?"),
    Step("Change the email for account 12345 to mynew@email.com", decided=False),
    Step("What is the email for account 12345?"),
    Step("Change the email for account 12345 to mynew@email.com", decided=True),
    Step("What is the email for account 12345?"),
    Step("Show me a chart"),
    Step("List my EC2 instances in us-east-1"),
    Step("What is the capital of France?"),
)
BY_TOKEN = (Step("What is the email for account 12345?"),)
AFTERWARDS = (Step("Change the email for account 12345 to user@example.com", decided=True),)
"""Puts things back, so that the next demonstration begins as this one did."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--port", type=int, default=0, help="the endpoint's port (default: any free one)")
    parser.add_argument("--no-hops", dest="hops", action="store_false", help="do not show the hops")


def run(options: argparse.Namespace) -> int:
    return asyncio.run(_demonstrate(options))


async def _demonstrate(options: argparse.Namespace) -> int:
    began = time.monotonic()
    async with _stack(options) as stack:
        _say(f"the stack is up after {time.monotonic() - began:.1f} s at {stack['endpoint']}")
        await asyncio.to_thread(_converse, stack, options)
        if sys.stdin.isatty():
            _say("your turn: the same agent, a new session; /help lists commands, /quit ends")
            parser = argparse.ArgumentParser()
            chat.add_arguments(parser)
            await asyncio.to_thread(chat.run, parser.parse_args(["--state", str(options.state)]))
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


def _converse(stack: Mapping[str, Any], options: argparse.Namespace) -> None:
    _say("1 · signed with AWS credentials: chat → runtime ops → gateway desk")
    for step in CONVERSATION:
        _ask(stack, options, "ops", step)
    _say("2 · with a token of the identity provider: chat → runtime ops_jwt → gateway desk-jwt")
    for step in BY_TOKEN:
        _ask(stack, options, "ops_jwt", step)
    _say("3 · and back to how it was")
    for step in AFTERWARDS:
        _ask(stack, options, "ops", step)


_SESSIONS: dict[str, str] = {}


def _ask(stack: Mapping[str, Any], options: argparse.Namespace, agent: str, step: Step) -> None:
    since = time.time()
    conversation = Conversation(
        find(Wanted(agent=agent, state=options.state)), session_id=_SESSIONS.get(agent, "")
    )
    _SESSIONS[agent] = conversation.session_id
    print(f"\nyou    {step.question}", flush=True)
    face = Transcript()
    try:
        code = Chat(conversation, face, renew=lambda: conversation, decided=step.decided).once(step.question)
    finally:
        conversation.close()
    if code != 0:
        raise ProgramError(
            f"the demonstration stopped at '{step.question}': {conversation.failed or 'no answer'}.",
            hint=f"Logs: {Path(stack['state']) / 'logs'}",
        )
    if options.hops:
        for line in hops.table(hops.fetch(stack, since=since)):
            print(f"       {line}", flush=True)


class Transcript(PlainFace):
    """The plain face on standard output alone, each answer marked as the agent's."""

    def __init__(self) -> None:
        super().__init__(out=sys.stdout, notes=sys.stdout)
        self._begun = False

    def show(self, event: Event) -> None:
        if event["type"] == "TEXT_MESSAGE_START" and not self._begun:
            print("agent  ", end="")
            self._begun = True
        if event["type"] == "RUN_FINISHED":
            for interrupt in (event.get("outcome") or {}).get("interrupts") or ():
                print(f"agent  asks before {interrupt.get('toolName')} {interrupt.get('arguments')}")
        super().show(event)


def _say(text: str) -> None:
    print(f"\n── {text}", flush=True)
