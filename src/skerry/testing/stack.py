"""A running stack as a test sees it."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from skerry.errors import ConfigurationError, MissingExtraError
from skerry.testing import program
from skerry.wire import hop
from skerry.wire.hop import Hop

PATIENCE = 60.0
"""Seconds that a command against a stack may take."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An agent runtime: `auth` is "iam", "jwt" or "none", `protocol` "HTTP", "MCP", "A2A" or "AGUI"."""

    name: str
    arn: str
    url: str
    auth: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway: `auth` is "iam", "jwt" or "none"."""

    name: str
    id: str
    arn: str
    url: str
    auth: str


_OF_NOBODY: dict[str, tuple[None, None, str | None, None]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's variables that would read a developer's profile, without the names by which they are set."""

_Kind = TypeVar("_Kind")


class Named(dict[str, _Kind]):
    """What a stack declares, by name; asking for what it does not declare raises ConfigurationError."""

    def __init__(self, what: str, items: Iterable[tuple[str, _Kind]]) -> None:
        super().__init__(items)
        self._what = what

    def __missing__(self, name: str) -> _Kind:
        near = difflib.get_close_matches(name, self, n=1)
        meant = f"Did you mean '{near[0]}'? " if near else ""
        raise ConfigurationError(
            f"the stack has no {self._what} '{name}'.", hint=f"{meant}Declared: {', '.join(self) or 'none'}."
        )


@dataclass(frozen=True, slots=True, repr=False)
class Stack:
    """A running stack: where everything is, and what a test asks it. Made by `running`.

    `environment` is what `skerry env` prints, for programs that a test starts. `facts` is everything that
    `skerry up --json` prints: functions, realms, services and guardrails too. Methods run a command of
    skerry, which takes part of a second, and raise its error as a SkerryError.
    """

    url: str
    region: str
    account: str
    state: Path
    runtimes: Mapping[str, Runtime]
    gateways: Mapping[str, Gateway]
    environment: Mapping[str, str]
    facts: Mapping[str, Any]
    _around: Mapping[str, str]

    def __repr__(self) -> str:
        """Short, and without keys: pytest shows it in every failed test."""
        return f"Stack({self.url!r}, state={str(self.state)!r})"

    @classmethod
    def of(cls, facts: Mapping[str, Any], environment: Mapping[str, str], around: Mapping[str, str]) -> Stack:
        """A stack from what it printed; its commands are run with the environment `around`."""
        runtimes = Named(
            "runtime", ((name, _runtime(name, each)) for name, each in facts["runtimes"].items())
        )
        gateways = Named(
            "gateway", ((name, _gateway(name, each)) for name, each in facts["gateways"].items())
        )
        return cls(
            url=facts["endpoint"],
            region=facts["region"],
            account=facts["account"],
            state=Path(facts["state"]),
            runtimes=runtimes,
            gateways=gateways,
            environment=MappingProxyType(dict(environment)),
            facts=MappingProxyType(dict(facts)),
            _around=MappingProxyType(dict(around)),
        )

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of a service at this stack, with its key; `options` are those of boto3.

        Raises MissingExtraError without boto3, which is imported here and not before.
        """
        try:
            import boto3
        except ModuleNotFoundError as error:
            if error.name != "boto3":
                raise
            raise MissingExtraError("local", "boto3") from error
        import botocore.session

        session = boto3.session.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.region,
            botocore_session=botocore.session.Session(session_vars=_OF_NOBODY),
        )
        return session.client(service, **{"endpoint_url": self.url, **options})

    def token(self, *, client: str = "", audience: str = "", scope: str = "", realm: str = "") -> str:
        """An access token of a client that skerry.toml declares, as `skerry token` gets it.

        What is left out is the first: realm, client, audience; and all scopes of the client.
        """
        given = {"--client": client, "--audience": audience, "--scope": scope, "--realm": realm}
        options = [word for flag, value in given.items() if value for word in (flag, value)]
        return str(json.loads(self.skerry("token", "--json", *options))["access_token"])

    def hops(self, *, since: float = 0.0, trace: str = "", session: str = "", limit: int = 1000) -> list[Hop]:
        """What happened on every hop, oldest first: the newest `limit` that fit.

        `since` is a time as `time.time()` gives it, `trace` and `session` are ids. Those of a stack that has
        ended by itself can still be read.
        """
        options = _narrowed(since=since, trace=trace, session=session, limit=limit)
        return [hop.of(json.loads(line)) for line in self.skerry("hops", "--json", *options).splitlines()]

    def hop_tree(
        self, *, since: float = 0.0, trace: str = "", session: str = "", limit: int = 1000
    ) -> list[str]:
        """`hops` as lines for people, each below the hop that called it."""
        options = _narrowed(since=since, trace=trace, session=session, limit=limit)
        return self.skerry("hops", *options).splitlines()

    def advance(self, by: str | float | timedelta) -> Mapping[str, Any]:
        """Lets time pass for all runtime sessions: "20m", seconds, or a timedelta. Nothing else moves.

        Returns `sessions`, those that live, and `ended`, the latest that ended with their reason.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        text = seconds if isinstance(seconds, str) else f"{seconds:.3f}"
        found: dict[str, Any] = json.loads(self.skerry("sessions", "--json", f"--advance={text}"))
        return found

    def logs(self, name: str, *, lines: int = 100) -> list[str]:
        """The end of a log (`endpoint`, `idp`, a service), or of what the programs of a runtime printed.

        Raises ConfigurationError with the known names for another.
        """
        found = json.loads(self.skerry("logs", "--json", "--lines", str(lines), name))
        return list(found[name])

    def skerry(self, *words: str, timeout: float = PATIENCE) -> str:
        """Runs any command of skerry against this stack; what it printed.

        Raises the error that it reports, ProgramError when it takes longer than `timeout` seconds.
        """
        return program.run(words, self._around, timeout=timeout)


def _runtime(name: str, facts: Mapping[str, Any]) -> Runtime:
    return Runtime(name, facts["arn"], facts["url"], facts["auth"], facts.get("protocol", "HTTP"))


def _gateway(name: str, facts: Mapping[str, Any]) -> Gateway:
    return Gateway(name, facts["id"], facts["arn"], facts["url"], facts["auth"])


def _narrowed(*, since: float, trace: str, session: str, limit: int) -> list[str]:
    given = {"--since": str(since), "--trace": trace, "--session": session, "--limit": str(limit)}
    return [word for flag, value in given.items() if value for word in (flag, value)]
