"""Credentials lent to the embedded cloud for as long as it works on a stack of CloudFormation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.aws.cloudformation.acting import HEADER, Acting
from skerry.local.iam.access import Access
from skerry.local.ports.callers import Caller
from skerry.local.ports.running import Clock

LIFE = 12 * 3600.0
"""Seconds after which credentials end by themselves. One custom resource alone may take an hour."""
AT_A_TIME = 64
"""Stacks in work. Each holds a connection to the embedded cloud, and what it makes needs more of them."""


@dataclass(slots=True)
class Loan:
    """What goes along with a request. `goes_on` is the name of work that is not over when it is answered."""

    header: tuple[str, str]
    goes_on: str = ""


class Loans:
    """Lends credentials. `done` returns when a work that goes on is over; `forget` is called then.

    `changing` is a block in which principals change: a stack makes a role's policy and needs it for the next
    resource.
    """

    def __init__(
        self,
        access: Access,
        clock: Clock,
        url: str,
        region: str,
        *,
        done: Callable[[str], Awaitable[None]],
        forget: Callable[[], None],
        changing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._access = access
        self._clock = clock
        self._url = url
        self._region = region
        self._done = done
        self._forget = forget
        self._changing = changing
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._going_on: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lend(self, who: Caller) -> AsyncIterator[Loan]:
        """Credentials of `who` for one request; they end with the block, or with the work that goes on."""
        async with self._turns:
            now = self._clock.time()
            expires = now + LIFE if who.expires is None else min(now + LIFE, who.expires)
            made = self._access.on_behalf(who, expires=expires)
            token = made.session_token or ""
            acting = Acting(self._url, self._region, made.access_key_id, made.secret_access_key, token)
            loan = Loan((HEADER, acting.encoded()))
            work = ExitStack()
            work.enter_context(self._changing())
            try:
                yield loan
            finally:
                if loan.goes_on:
                    task = asyncio.create_task(self._until_done(loan.goes_on, made, work))
                    self._going_on.add(task)
                    task.add_done_callback(self._going_on.discard)
                else:
                    work.close()
                    self._access.revoke(made)

    async def _until_done(self, name: str, made: Credentials, work: ExitStack) -> None:
        try:
            await self._done(name)
        finally:
            work.close()
            self._access.revoke(made)
            self._forget()
