"""What the page is given by the process that serves it: ways to an agent, and whether people sign in.

Streamlit runs the page as a script for every browser tab and every click. It finds the host here; nothing in
it belongs to one visitor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from skerry.chat.agents import Agent
from skerry.chat.backend import Backend
from skerry.errors import NotRunningError


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visitor chose. Empty strings mean: as the command line said."""

    agent: str = ""
    region: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Host:
    """`connect` opens a way to an agent for one visitor; `agents` lists the runtimes of a region.

    `agents` is None where there is nothing to pick (one web service, one ARN). `regions` are offered beside
    `region`. `token` names the token of a sign-in that the agent gets, and is empty where nobody signs in.
    """

    connect: Callable[[Choice], Backend]
    agents: Callable[[str], Sequence[Agent]] | None = None
    region: str = ""
    regions: Sequence[str] = ()
    token: str = ""


_current: list[Host] = []


def install(host: Host) -> None:
    """Makes `host` the one that the page finds."""
    _current[:] = [host]


def current() -> Host:
    """The installed host. Raises NotRunningError where the page was started by something else."""
    if not _current:
        raise NotRunningError("this page is served by skerry web.", hint="Start it with: skerry web")
    return _current[0]
