"""`skerry web`: options, and what the page is given."""

from __future__ import annotations

import argparse
import json
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import replace

from skerry.auth import local
from skerry.auth.ports import Surroundings
from skerry.chat.agents import Agent
from skerry.chat.backend import Backend
from skerry.chat.doors.open import open_backend
from skerry.chat.target import Wanted
from skerry.chat.web.agents import Runtimes
from skerry.chat.web.host import Choice, Host, install
from skerry.chat.web.server import ADDRESS, serve
from skerry.settings import DEFAULT_WEB_PORT, ChatSettings, WebSettings, add_state_directory
from skerry.sockets import bind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    settings = ChatSettings.from_env(os.environ)
    parser.add_argument(
        "--port", type=_port, help=f"the page's port, 0 takes any free one (default: {DEFAULT_WEB_PORT})"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", default="", help="the agent's web service, instead of a runtime")
    where.add_argument(
        "--agent", default="", metavar="NAME|ARN", help="the runtime (default: the stack's first)"
    )
    parser.add_argument(
        "--region", default="", help="the region to sign for (default: the stack's or the ARN's)"
    )
    parser.add_argument(
        "--endpoint-url", default="", metavar="URL", help="another endpoint than the runtime's own"
    )
    parser.add_argument("--auth", choices=("auto", "iam", "bearer"), default="auto", help="default: auto")
    parser.add_argument("--profile", default="", help="the AWS profile to sign with")
    parser.add_argument("--user", default="", metavar="NAME", help="whom a runtime is told that you are")
    add_state_directory(parser, settings.state)
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    parser.add_argument("--json", action="store_true", help="say where the page is in one JSON line")


def run(options: argparse.Namespace) -> int:
    """Serves the page until SIGINT or SIGTERM.

    Raises ConfigurationError, NotRunningError, PortInUseError, StateError.
    """
    web = WebSettings.from_env(os.environ)
    wanted = _wanted(options, ChatSettings.from_env(os.environ))
    host = host_of(wanted, web)
    name = _checked(host)
    with bind(ADDRESS, DEFAULT_WEB_PORT if options.port is None else options.port) as listening:
        url = f"http://{ADDRESS}:{listening.getsockname()[1]}"
        install(host)
        browses = not (options.no_browser or options.json) and sys.stdout.isatty()
        serve(listening, web, _ready(url, name, as_json=options.json, browses=browses))
    return 0


def host_of(wanted: Wanted, web: WebSettings) -> Host:
    """What the page is given: every visitor's way to the agent goes through `connect`."""

    def connect(choice: Choice) -> Backend:
        chosen = replace(wanted, agent=choice.agent or wanted.agent, region=choice.region or wanted.region)
        if web.issuer:
            chosen = replace(chosen, auth="bearer", token=choice.token, user="", login="")
        return open_backend(chosen, Surroundings(serving=True))

    stack = local.read(wanted.state)
    region = wanted.region or str((stack or {}).get("region", ""))
    agents: Callable[[str], Sequence[Agent]] | None = None
    regions: Sequence[str] = ()
    if not wanted.url and not web.issuer:
        if stack is not None:
            runtimes = Runtimes(endpoint_url=str(stack["endpoint"]), keys=local.credentials(stack))
        else:
            runtimes = Runtimes(profile=wanted.profile)
            regions = runtimes.regions(region)
        agents = runtimes.of
    return Host(connect, agents, region, regions, web.token if web.issuer else "")


def _wanted(options: argparse.Namespace, settings: ChatSettings) -> Wanted:
    stack = (options.state / "stack.json").is_file()
    return Wanted(
        agent=options.agent,
        region=options.region or ("" if stack else settings.region),
        endpoint_url=options.endpoint_url or ("" if stack else settings.endpoint_url),
        auth=options.auth,
        state=options.state,
        runtime_arn=settings.runtime_arn,
        token=settings.token,
        url=options.url or ("" if options.agent else settings.url),
        profile=options.profile,
        user=options.user or settings.user,
        login=settings.login,
        sts=settings.sts,
    )


def _checked(host: Host) -> str:
    """The agent's name, once it is clear that there is a way to it; nothing is sent.

    Where people sign in, the first of them finds out.
    """
    if host.token:
        return ""
    backend = host.connect(Choice())
    backend.close()
    return backend.name


def _ready(url: str, name: str, *, as_json: bool, browses: bool) -> Callable[[], None]:
    def ready() -> None:
        if as_json:
            print(json.dumps({"ready": True, "url": url, "agent": name}), flush=True)
            return
        print(f"skerry web: {name or 'sign in to talk to the agent'} at {url}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        if browses:
            webbrowser.open(url)

    return ready


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)
