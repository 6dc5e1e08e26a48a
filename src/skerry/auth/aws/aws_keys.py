"""AWS credentials as a signer needs them: at hand, replaced before they end, asked for anew when refused.

`AwsKeys` keeps what a `Source` found: that of `environment_keys`, or of `chain`, botocore's, which is loaded
when it is needed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from skerry.auth.aws.environment_keys import EnvironmentSource
from skerry.auth.aws.signing import Credentials
from skerry.auth.background import in_thread
from skerry.auth.keeper import Keeper, Lease
from skerry.auth.ports import Origin

AHEAD = 840.0
"""Seconds before their end at which credentials are replaced: a minute after botocore is willing to."""


class Source(Protocol):
    """Where credentials are from. Its methods may block; they run in a thread, one at a time."""

    @property
    def blocks(self) -> bool:
        """False when `find` neither waits nor imports."""
        ...

    def find(self, *, anew: bool) -> Lease[Credentials]:
        """Credentials that hold; `anew` forgets what was read before, files and logins included.

        Raises ConfigurationError when there are none, RemoteError when they cannot be had now.
        """
        ...


class AwsKeys:
    """The credentials of a source, kept until they end. One instance belongs to one event loop.

    `now` is the wall clock in seconds since the epoch.
    """

    def __init__(self, source: Source, *, now: Callable[[], float] = time.time) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._keeper = Keeper(self._asked, ahead=AHEAD, now=now)

    @property
    def origin(self) -> Origin:
        """Where the credentials are from, as far as that is known yet."""
        held = self._keeper.held
        return held.origin if held is not None else Origin("sigv4", "the AWS credential chain")

    def ready(self) -> Credentials | None:
        """The credentials when they are at hand; None when they must be waited for (`frozen`).

        Credentials that end soon are replaced meanwhile. Needs a running event loop.
        """
        if self._keeper.held is None and not self._source.blocks:
            return self._keeper.keep(self._source.find(anew=False)).value
        return self._keeper.ready()

    async def frozen(self) -> Credentials:
        """The credentials for one request, off the event loop whenever that may block.

        Raises ConfigurationError when there are none, RemoteError when they cannot be refreshed.
        """
        return self.ready() or await self._keeper.value()

    def current(self) -> Credentials:
        """The same for callers without an event loop; may block. The source is asked each time."""
        return self._find(anew=False).value

    async def renew(self, refused: Credentials | None = None) -> bool:
        """Asks the source anew because a service refused `refused`, the present ones by default.

        True when there are other credentials now. Asks at most once for many callers, and not again at once
        when what it got is refused too. Raises as `frozen` does.
        """
        held = self._keeper.held
        return await self._keeper.renew(
            replaced=held is not None and refused is not None and refused != held.value
        )

    async def _asked(self, anew: bool) -> Lease[Credentials]:
        return await in_thread(lambda: self._find(anew=anew))

    def _find(self, *, anew: bool) -> Lease[Credentials]:
        with self._lock:
            return self._source.find(anew=anew)


def aws_keys(
    env: Mapping[str, str],
    *,
    profile: str = "",
    role_arn: str = "",
    role_session_name: str = "",
    region: str = "",
    now: Callable[[], float] = time.time,
) -> AwsKeys:
    """The credentials of a command line: a named profile, else the default chain, and a role on top.

    Keys of the environment are used as they are, without loading botocore, unless a profile or a role is
    named (botocore's own order). `env` is the process's environment: botocore reads that itself.
    """
    source: Source = EnvironmentSource(env)
    if not env.get("AWS_ACCESS_KEY_ID", "").strip() or profile or role_arn:
        from skerry.auth.aws.chain import ChainSource, Role

        role = Role(role_arn, role_session_name) if role_arn else None
        source = ChainSource(profile=profile, region=region, role=role)
    return AwsKeys(source, now=now)
