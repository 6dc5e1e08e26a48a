"""`skerry call`: lists the tools of an MCP server and calls one."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult

from skerry.auth.ports import Surroundings
from skerry.client.arguments import Typed, arguments, typed
from skerry.client.connection import all_tools, over_http, over_stdio
from skerry.client.problems import FAILURES, Refusals, innermost, problem
from skerry.client.questions import Questions
from skerry.client.report import result_lines, tool_lines
from skerry.client.target import Wanted, find
from skerry.errors import ArgumentsError, ConfigurationError
from skerry.settings import ChatSettings, SignInSettings, add_sign_in, add_state_directory
from skerry.usage import Parser
from skerry.wire import eras, jsonrpc, session
from skerry.wire.shown import clean
from skerry.wire.tool_arguments import misfits, takes
from skerry.wire.tool_names import SEPARATOR

USAGE = """\
%(prog)s TARGET [list | TOOL ['{json}' | name=value ...]] [options]
       %(prog)s [list | TOOL ...] [options] -- COMMAND [arguments]"""


@dataclass(frozen=True, slots=True)
class Task:
    """What to do: the command of a stdio server or a target, and a tool with arguments, or a listing."""

    target: str = ""
    command: tuple[str, ...] = ()
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = USAGE
    _add_options(parser)
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="TARGET …",
        help="a URL, an ARN, or a name in the running stack; then list, or a tool and arguments",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    settings = ChatSettings.from_env(os.environ)
    parser.add_argument(
        "--auth",
        choices=("auto", "none", "iam", "bearer", "browser"),
        default="auto",
        help="browser: your own sign-in, which auto begins when the server asks (default: auto)",
    )
    add_sign_in(parser)
    parser.add_argument("--json", action="store_true", help="print the server's answer as JSON")
    parser.add_argument("--session", default="", metavar="ID", help="the runtime session to call in")
    parser.add_argument("--region", default="", help="the region to sign for (default: from the target)")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a further header (again for more)",
    )
    parser.add_argument(
        "--era", choices=("auto", "legacy", "2026-07-28"), default="auto", help="protocol era (default: auto)"
    )
    parser.add_argument("--yes", action="store_true", help="accept a server's plain confirmation")
    add_state_directory(parser, settings.state)


def run(options: argparse.Namespace) -> int:
    """Lists or calls. Returns 0 done, 1 when the tool answered with an error.

    Raises SkerryError: wrong usage (exit code 2), a server that refuses or does not answer (1).
    """
    options, words, command = _split(options)
    task = _task(words, command)
    if options.session and (wrong := session.problem(options.session)):
        raise ConfigurationError(f"--session cannot be used: {wrong}.")
    return asyncio.run(_serve(task, options))


def _split(options: argparse.Namespace) -> tuple[argparse.Namespace, list[str], tuple[str, ...]]:
    """Options may stand before and after the words; what follows `--` is the stdio command, untouched."""
    words = list(options.words)
    command: tuple[str, ...] = ()
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], tuple(words[at + 1 :])
        if not command:
            raise ConfigurationError("there is no command after --.")
    inner = Parser(prog="skerry call", usage=USAGE)
    _add_options(inner)
    inner.add_argument("words", nargs="*")
    given = argparse.Namespace(**{name: value for name, value in vars(options).items() if name != "words"})
    parsed = inner.parse_intermixed_args(words, namespace=given)
    return parsed, parsed.words, command


def _task(words: Sequence[str], command: tuple[str, ...]) -> Task:
    rest = list(words)
    target = ""
    if not command:
        if not rest:
            raise ConfigurationError(
                "there is no target.", hint="Give a URL, an ARN, a gateway's name, or -- and a command."
            )
        target = rest.pop(0)
    if not rest or rest == ["list"]:
        return Task(target, command)
    return Task(target, command, rest[0], arguments(rest[1:]))


async def _typed(client: Client, task: Task) -> dict[str, Any]:
    """The arguments with the types of the tool's schema; the tools are listed only if that is needed."""
    if not any(isinstance(value, Typed) for value in task.arguments.values()):
        return task.arguments
    schemas = [tool.input_schema for tool in await all_tools(client) if tool.name == task.tool]
    return typed(task.arguments, schemas[0] if schemas else {})


def _headers(given: Sequence[str]) -> dict[str, str]:
    headers = {}
    for item in given:
        name, mark, value = item.partition(":")
        if not mark or not name.strip():
            raise ConfigurationError(
                f"--header {item.partition(':')[0]!r} has no value.", hint="Write NAME:VALUE."
            )
        headers[name.strip()] = value.strip()
    return headers


async def _serve(task: Task, options: argparse.Namespace) -> int:
    settings = ChatSettings.from_env(os.environ)
    refusals = Refusals()
    terminal = sys.stdin.isatty() and sys.stderr.isatty()
    questions = Questions(_ask if terminal else None, _say, yes=options.yes)
    opened: AbstractAsyncContextManager[Client]
    if task.command:
        where = task.command[0]
        opened = over_stdio(task.command, era=options.era, answers=questions)
    else:
        target = find(
            Wanted(
                target=task.target,
                auth=options.auth,
                region=options.region,
                session=options.session,
                state=options.state,
                endpoint_url="" if (options.state / "stack.json").is_file() else settings.endpoint_url,
                token=settings.token,
                headers=_headers(options.header),
                sign_in=SignInSettings.of(options, os.environ, person=options.auth == "browser"),
            )
        )
        where = target.url.partition("?")[0]
        around = Surroundings(
            _show if terminal else None,
            _say,
            device=terminal and options.device,
            agree=lambda question: terminal and _ask(clean(question)).strip().lower() in ("y", "yes"),
        )
        opened = over_http(target, era=options.era, answers=questions, refusals=refusals, surroundings=around)
    try:
        async with opened as client:
            return await work(client, task, questions, as_json=options.json)
    except FAILURES as error:
        if isinstance(cause := innermost(error), BrokenPipeError):
            raise cause from error  # who reads our output went away; a server's end has other errors
        raise problem(error, where, refusals) from error


async def work(client: Client, task: Task, questions: Questions, *, as_json: bool) -> int:
    """Lists or calls, and prints what comes back; `questions` asks the person. Returns the exit code."""
    server = client.server_info
    name = f"{server.name} {server.version}" if server else "a server without a name"
    if not task.tool:
        tools = await all_tools(client)
        if as_json:
            listing = [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in tools]
            print(json.dumps({"protocolVersion": client.protocol_version, "server": name, "tools": listing}))
            return 0
        _say(f"{name} · MCP {client.protocol_version} · {len(tools)} tools")
        print("\n".join(tool_lines(tools)))
        return 0
    if not as_json:
        _say(f"{name} · MCP {client.protocol_version}")
    given = await _typed(client, task)
    try:
        result = await client.call_tool(task.tool, given)
    except MCPError as refused:
        needed = refused.error.code == eras.URL_ELICITATION_REQUIRED
        if refused.error.code == jsonrpc.INVALID_PARAMS:
            await _explained(client, task.tool, given)
        if not needed or not await questions.pages(refused.error.data):
            raise
        result = await client.call_tool(task.tool, given)  # once: a page that does not help is an error
    if result.is_error and not as_json:
        await _explained(client, task.tool, given)
    return _print(result, as_json=as_json)


async def _explained(client: Client, tool: str, given: Mapping[str, Any]) -> None:
    """Raises ArgumentsError when a call that was refused does not fit what the server lists of the tool.

    Asked only then: a server may take more than it lists.
    """
    listed = {item.name: item.input_schema for item in await all_tools(client)}
    if tool not in listed:
        if near := _near(tool, list(listed)):
            raise ArgumentsError(f"there is no tool {tool}.", hint=f"Did you mean: {', '.join(near)}?")
        return
    if found := list(misfits(given, listed[tool])):
        raise ArgumentsError.of(tool, found, takes(tool, listed[tool]))


def _near(tool: str, listed: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(tool, listed, n=3, cutoff=0.75) or [
        name for name in listed if name.endswith(f"{SEPARATOR}{tool}")
    ]


def _print(result: CallToolResult, *, as_json: bool) -> int:
    if as_json:
        print(
            json.dumps(result.model_dump(by_alias=True, exclude_none=True, mode="json"), ensure_ascii=False)
        )
    else:
        for line in result_lines(result):
            print(line)
    return 1 if result.is_error else 0


def _say(text: str) -> None:
    print(clean(text), file=sys.stderr)


def _show(url: str) -> None:
    _say(f"If no browser opens, open this yourself:\n{url}")
    webbrowser.open(url)


def _ask(text: str) -> str:
    sys.stderr.write(text)
    sys.stderr.flush()
    return sys.stdin.readline()
