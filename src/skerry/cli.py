"""The commands of skerry: a table of names and the modules that serve them.

A command's module has `add_arguments(parser)` and `run(options) -> exit code`; it is imported only
when its command is called, so that `skerry --help` and the base commands start without the extras.
Errors are mapped here and nowhere else: one line on standard error, the exit code of the error.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from skerry import __version__
from skerry.errors import ConfigurationError, MissingExtraError, SkerryError, StateError
from skerry.garbage import kept
from skerry.usage import ALIASES, CODES, Parser, nearest


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table: what it does, the module that serves it, its extra, its exit codes."""

    summary: str
    module: str
    extra: str = ""
    examples: tuple[str, ...] = ()
    codes: str = CODES


COMMANDS: dict[str, Command] = {
    "up": Command(
        "run the local stack, in the foreground or with --detach in the background",
        "skerry.stack.commands.up",
        "local",
        (
            "skerry up",
            "skerry up --detach",
            "skerry up --port 0 --json",
            "skerry up --state /tmp/team-a",
            "skerry up --strict",
        ),
        "0 ended as told (--detach: ready), 1 failed or something was FAILED when it was ready, "
        "2 wrong usage or skerry.toml",
    ),
    "status": Command(
        "show what runs, and the status of every runtime, gateway and target",
        "skerry.stack.commands.status",
        examples=("skerry status", "skerry status --json", "skerry status --wait 60"),
        codes="0 all can be used, 1 something is FAILED, no stack runs, or none was ready in time (--wait), "
        "2 wrong usage",
    ),
    "stop": Command(
        "end the running stack",
        "skerry.stack.commands.stop",
        examples=("skerry stop", "skerry stop --state /tmp/team-a"),
    ),
    "logs": Command(
        "show the end of what the stack's programs wrote",
        "skerry.stack.commands.logs",
        examples=("skerry logs", "skerry logs endpoint --lines 100"),
    ),
    "env": Command(
        "print the environment of the running stack",
        "skerry.stack.commands.env",
        examples=('eval "$(skerry env)"', "skerry env --json", "skerry env --shell powershell"),
    ),
    "deploy": Command(
        "deploy what skerry.toml declares to AWS, with CloudFormation",
        "skerry.deploy.command",
        "local",
        (
            "skerry deploy plan",
            "skerry deploy template --output team.yaml",
            "skerry deploy up",
            'eval "$(skerry deploy env)"',
            "skerry deploy down",
        ),
        "0 done or nothing to do, 1 failed, 2 wrong usage or skerry.toml, 130 interrupted",
    ),
    "chat": Command(
        "chat with an agent runtime in the terminal",
        "skerry.chat.command",
        examples=(
            "skerry chat",
            'skerry chat --once "What is the email for account 12345?"',
            'skerry chat --once "Show me a chart" --json',
            "skerry chat --url https://abcdefghij.lambda-url.eu-central-1.on.aws --profile dev --continue",
        ),
    ),
    "web": Command(
        "chat with an agent in the browser",
        "skerry.chat.web.command",
        "web",
        (
            "skerry web",
            "skerry web --port 0 --no-browser --json",
            "skerry web --url https://agent.example.com",
            "skerry web --agent ARN --profile team-a",
        ),
    ),
    "proxy": Command(
        "serve a runtime, a gateway or any MCP URL over stdio, for editors and other hosts",
        "skerry.proxy.command",
        examples=(
            "skerry proxy arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk-0123456789",
            "skerry proxy desk --read-only",
            "skerry proxy https://mcp.example.com/mcp --token-file ~/.token",
            "skerry proxy ARN --print-config vscode --write",
        ),
    ),
    "call": Command(
        "list and call the tools of an MCP server",
        "skerry.client.command",
        "client",
        (
            "skerry call desk list",
            """skerry call desk accounts___get_email '{"account_id": "12345"}'""",
            "skerry call list -- python server.py",
        ),
    ),
    "bridge": Command(
        "host a stdio MCP server behind the AgentCore container contract",
        "skerry.bridge.command",
        "bridge",
        (
            "skerry bridge -- python server.py",
            "skerry bridge --port 8000 -- npx -y @modelcontextprotocol/server-everything",
            "skerry bridge --protocol mcp --pass-env GITHUB_TOKEN -- uvx some-mcp-server",
            "MCP_SERVER_CMD='python server.py' skerry bridge",
        ),
    ),
    "smoke": Command(
        "walk through a demo or guardrails server and say what was seen",
        "skerry.client.smoke",
        "client",
        (
            "skerry smoke arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/demo-1a2b3c4d5e",
            "skerry smoke guardrails_jwt",
            "skerry smoke demo --mode stateful --json -- --read-timeout 30",
            "skerry smoke -- python -m skerry.servers.demo stateless",
        ),
    ),
    "login": Command(
        "sign in for a server, with a browser or a code",
        "skerry.stack.commands.login",
        examples=(
            "skerry login https://mcp.example.com/mcp",
            "skerry login desk --device",
            "skerry login ARN --issuer https://login.example.com --client-id skerry",
            "skerry login --list",
        ),
    ),
    "logout": Command(
        "forget a sign-in",
        "skerry.stack.commands.logout",
        examples=(
            "skerry logout desk-jwt",
            "skerry logout https://mcp.example.com/mcp",
            "skerry logout --all",
        ),
    ),
    "token": Command(
        "print an access token from the identity provider, or that of your sign-in",
        "skerry.stack.commands.token",
        examples=(
            "skerry token",
            "skerry token --client chat --audience desk-gateway",
            "skerry token --client reports --client-secret-file reports.secret",
            "skerry token --target https://mcp.example.com/mcp",
        ),
    ),
    "idp": Command(
        "keep the identity provider: clients, people, keys, and the clock of tokens",
        "skerry.stack.commands.idp.command",
        "local",
        (
            "skerry idp show",
            "skerry idp clients add reports --scope desk/use --audience desk-gateway",
            "skerry idp users add ann --group ops --claim email=ann@example.com",
            "skerry idp keys rotate --realm desk",
            "skerry idp clock --advance 2h",
        ),
    ),
    "doctor": Command(
        "say why a call is refused: issuer, token, clock, permission, and what runs",
        "skerry.stack.commands.doctor.command",
        examples=(
            "skerry doctor",
            "skerry doctor desk-jwt",
            "skerry doctor desk-jwt --token-file token.txt",
            "skerry doctor https://mcp.example.com/mcp --json",
        ),
        codes="0 nothing is wrong, 1 something is, 2 wrong usage",
    ),
    "hops": Command(
        "show what happened on every hop",
        "skerry.stack.commands.hops",
        examples=("skerry hops", "skerry hops --session ID --json"),
    ),
    "iam": Command(
        "say what a role or user needs, may do and has",
        "skerry.stack.commands.iam",
        examples=(
            "skerry iam least skerry-runtime-ops",
            "skerry iam explain --principal ARN --action lambda:InvokeFunction --resource ARN",
            "skerry iam show arn:aws:iam::123456789012:role/desk-read-only",
        ),
        codes="0 done or allowed, 1 failed or not allowed, 2 wrong usage",
    ),
    "sessions": Command(
        "show the runtime sessions, and let time pass for them",
        "skerry.stack.commands.sessions",
        examples=("skerry sessions", "skerry sessions --advance 15m", "skerry sessions --json"),
    ),
    "store": Command(
        "make, read, export and clear the store of conversations",
        "skerry.stack.commands.store",
        examples=(
            "skerry store create --environment dev",
            "skerry store list --owner user:ann",
            "skerry store export ID --owner user:ann --format json",
            "skerry store purge --url sqlite:///conversations.db",
        ),
    ),
    "demo": Command(
        "start the stack and hold a conversation over the whole road",
        "skerry.stack.commands.demo",
        "all",
        ("skerry demo", "skerry demo </dev/null"),
    ),
    "eval": Command(
        "score how the desk's model chooses tools, on labelled questions",
        "skerry.stack.commands.evaluate",
        "all",
        ("skerry eval", "skerry eval --questions held-out --wrong", "skerry eval --json"),
    ),
    "aws-ops": Command(
        "read an AWS account: one call, an MCP server, the tools' schema and IAM policy",
        "skerry.servers.aws_ops.command",
        "servers",
        (
            """skerry aws-ops table ec2 '{"operation": "list_instances", "region": "all"}'""",
            """skerry aws-ops call cost_explorer '{"operation": "costs_by_service"}'""",
            "skerry aws-ops policy",
            "skerry aws-ops stdio",
            "skerry aws-ops http --port 8000",
        ),
    ),
    "completion": Command(
        "print a completion script for bash, zsh or fish",
        "skerry.completion",
        examples=('eval "$(skerry completion bash)"',),
    ),
}

# Top-level packages that an extra brings: what is missing names the extra to install.
EXTRAS = {
    "aiohttp": "local",
    "awslambdaric": "local",
    "boto3": "local",
    "cedarpy": "local",
    "cryptography": "local",
    "httptools": "local",
    "joserfc": "local",
    "moto": "local",
    "starlette": "local",
    "uvicorn": "local",
    "werkzeug": "local",
    "yaml": "local",
    "bedrock_agentcore": "agent",
    "strands": "agent",
    "ag_ui": "agent",
    "fastmcp": "servers",
    "mcp": "client",
    "rich": "client",
    "prompt_toolkit": "client",
    "PIL": "client",
    "streamlit": "web",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("-h", "--help"):
        print(usage(), end="")
        return 0
    if words[0] in ("-V", "--version"):
        print(f"skerry {__version__}")
        return 0
    typed = words.pop(0)
    name = ALIASES.get(typed, typed)
    as_json = "--json" in words
    if name not in COMMANDS:
        unknown = ConfigurationError(f"there is no command '{name}'.", hint=nearest(name, COMMANDS))
        return _fail(name, unknown, as_json=as_json, code=2)
    try:
        with _whole_output():
            with kept() if arguments is None else contextlib.nullcontext():  # only where the process is ours
                module = load(name)
            options = parser(name, module).parse_args(words)
            return int(module.run(options))
    except SkerryError as error:
        return _fail(name, error, as_json=as_json, code=error.exit_code)
    except ModuleNotFoundError as error:  # a command may import what it needs only when it needs it
        extra = _missing_extra(name, error)
        if extra is None:
            raise
        return _fail(name, extra, as_json=as_json, code=extra.exit_code)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away: `skerry … | head`
        sys.stderr.close()
        return 0
    except OSError as error:  # nobody nearer knew what it means: a disk that is full, a folder to read only
        what = f"{error.filename}: " if error.filename else ""
        text = f"{what}{error.strerror or type(error).__name__}."
        hint = "Check the permissions and the space that is left."
        return _fail(name, StateError(text, hint=hint), as_json=as_json, code=StateError.exit_code)


def load(name: str) -> ModuleType:
    """The module of a command. Raises MissingExtraError when packages of an extra are missing."""
    try:
        return importlib.import_module(COMMANDS[name].module)
    except ModuleNotFoundError as error:
        extra = _missing_extra(name, error)
        if extra is None:
            raise
        raise extra from error


def parser(name: str, module: ModuleType) -> argparse.ArgumentParser:
    """The argument parser of a command, with its examples below."""
    command = COMMANDS[name]
    examples = "".join(f"  {line}\n" for line in command.examples)
    built = Parser(
        prog=f"skerry {name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=f"exit codes: {command.codes}\n\nexamples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(built)
    return built


def usage() -> str:
    """The text of `skerry --help`."""
    lines = ["Amazon Bedrock AgentCore on your own machine, and the road to the real one.", ""]
    lines += ["usage: skerry COMMAND [options]", "", "commands:"]
    lines += [f"  {name:<12}{command.summary}" for name, command in COMMANDS.items()]
    lines += ["", "skerry COMMAND --help shows the options, exit codes and examples of a command."]
    lines += ["Begin with: skerry up", ""]
    return "\n".join(lines)


def _missing_extra(name: str, error: ModuleNotFoundError) -> MissingExtraError | None:
    """The extra that has the package which a command lacks; None where no extra brings it."""
    missing = (error.name or "").partition(".")[0]
    return MissingExtraError(COMMANDS[name].extra or EXTRAS[missing], missing) if missing in EXTRAS else None


def _open_streams() -> None:
    """Nothing in place of a standard stream that was closed (`skerry … <&-`), as a command expects one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  (open to the end)


@contextlib.contextmanager
def _whole_output() -> Iterator[None]:
    """Gives output that is not buffered (PYTHONUNBUFFERED, as in many containers) a buffer for each line.

    Without one Python forgets what a full pipe had not taken yet when a signal came.
    """
    before = sys.stdout
    raw = getattr(before, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        yield
        return
    lines = io.BufferedWriter(raw)
    sys.stdout = text = io.TextIOWrapper(lines, before.encoding, before.errors, line_buffering=True)
    try:
        yield
    finally:
        sys.stdout = before
        text.detach()  # which writes what is left
        lines.detach()


def _fail(name: str, error: SkerryError, *, as_json: bool, code: int) -> int:
    if as_json:
        problem = {"code": error.code, "message": error.message, "hint": error.hint}
        print(json.dumps({"error": problem}), file=sys.stderr)
    else:
        print(f"skerry {name}: {error} [{error.code}]", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
