"""Credentials that the embedded cloud has for as long as it works on a stack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skerry.errors import SignatureError
from skerry.local.aws import loans
from skerry.local.aws.cloudformation.acting import HEADER, decoded
from skerry.local.aws.loans import Loans
from skerry.local.iam.access import Access
from skerry.local.ports.callers import Caller
from tests.kit.clock import FakeClock
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION, Keys

ANA = Caller(kind="iam", arn=f"arn:aws:iam::{ACCOUNT}:user/ana", user_id="AIDA")


class Bank:
    """Loans over a real `Access`; `done` ends when `over` is set."""

    def __init__(self):
        self.clock = FakeClock()
        self.access = Access(DEVELOPER, account=ACCOUNT, clock=self.clock, source=Keys())
        self.over = asyncio.Event()
        self.asked: list[str] = []
        self.forgotten = asyncio.Event()
        self.changing = 0
        self.loans = Loans(
            self.access,
            self.clock,
            "http://here",
            REGION,
            done=self.done,
            forget=self.forgotten.set,
            changing=self.change,
        )

    @contextmanager
    def change(self) -> Iterator[None]:
        self.changing += 1
        yield
        self.changing -= 1

    async def done(self, name: str) -> None:
        self.asked.append(name)
        await self.over.wait()

    async def holds(self, acting) -> bool:
        try:
            key = await self.access._key(acting.access_key_id)
        except SignatureError:
            return False
        return key.arn == ANA.arn and (key.expires is None or key.expires > self.clock.time())


@pytest.mark.behaviour("CFN-PRINCIPAL")
async def test_credentials_are_the_callers_and_end_with_the_request():
    bank = Bank()
    async with bank.loans.lend(ANA) as loan:
        assert HEADER == loan.header[0]
        acting = decoded(loan.header[1])
        assert ("http://here", REGION) == (acting.url, acting.region)
        assert await bank.holds(acting)
        assert bank.changing == 1
    assert not await bank.holds(acting)
    assert ([], 0) == (bank.asked, bank.changing)


async def test_they_end_when_a_request_fails():
    bank = Bank()
    with pytest.raises(RuntimeError):
        async with bank.loans.lend(ANA) as loan:
            raise RuntimeError
    assert not await bank.holds(decoded(loan.header[1]))


@pytest.mark.behaviour("CFN-LONG")
async def test_work_that_goes_on_keeps_them_until_it_is_over():
    bank = Bank()
    async with bank.loans.lend(ANA) as loan:
        loan.goes_on = "work"
    assert await bank.holds(decoded(loan.header[1]))
    assert bank.changing == 1
    bank.over.set()
    await asyncio.wait_for(bank.forgotten.wait(), 30)
    assert not await bank.holds(decoded(loan.header[1]))
    assert (["work"], 0) == (bank.asked, bank.changing)


async def test_they_do_not_outlive_those_of_the_caller():
    bank = Bank()
    short = Caller(kind="iam", arn=ANA.arn, expires=bank.clock.time() + 60)
    async with bank.loans.lend(short) as loan:
        acting = decoded(loan.header[1])
        bank.clock.advance(61)
        assert not await bank.holds(acting)


@pytest.mark.behaviour("CFN-CONCURRENT")
async def test_only_so_many_stacks_hold_a_connection_at_a_time():
    bank = Bank()
    inside, leave = asyncio.Semaphore(0), asyncio.Event()

    async def work():
        async with bank.loans.lend(ANA):
            inside.release()
            await leave.wait()

    tasks = [asyncio.create_task(work()) for _ in range(loans.AT_A_TIME + 1)]
    for _ in range(loans.AT_A_TIME):
        await inside.acquire()
    assert inside.locked()
    leave.set()
    await asyncio.gather(*tasks)
