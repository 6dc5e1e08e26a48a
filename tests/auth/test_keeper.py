from __future__ import annotations

import asyncio

import pytest

from skerry.auth.keeper import Keeper, Lease
from skerry.auth.ports import Origin
from skerry.errors import RemoteError
from tests.kit.clock import FakeClock

ORIGIN = Origin("bearer", "the test")


class Source:
    """What a keeper asks: numbers its leases, and can be held up or made to fail."""

    def __init__(self, clock: FakeClock, lifetime: float | None = 1000.0) -> None:
        self.clock = clock
        self.lifetime = lifetime
        self.asked: list[bool] = []
        self.open = asyncio.Event()
        self.open.set()
        self.fail = False
        self.same = False

    async def __call__(self, anew: bool) -> Lease[str]:
        self.asked.append(anew)
        await self.open.wait()
        if self.fail:
            raise RemoteError("down")
        ends = None if self.lifetime is None else self.clock.time() + self.lifetime
        return Lease("one" if self.same else f"value-{len(self.asked)}", ORIGIN, ends)


def kept(source: Source) -> Keeper[str]:
    return Keeper(source, ahead=60.0, now=source.clock.time)


async def settled(keeper: Keeper[str]) -> None:
    """Until nothing is on its way."""
    await keeper.reload()


async def test_many_callers_share_one_fetch_and_a_cancelled_one_takes_nothing_from_them(clock):
    source = Source(clock)
    source.open.clear()
    keeper = kept(source)
    first, *others = [asyncio.create_task(keeper.value()) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    source.open.set()
    assert await asyncio.gather(*others) == ["value-1"] * 4
    assert source.asked == [False]


async def test_it_is_replaced_ahead_of_its_end_while_the_old_one_is_used(clock):
    source = Source(clock)
    keeper = kept(source)
    await keeper.value()
    clock.advance(939)
    assert keeper.ready() == "value-1"
    assert source.asked == [False]
    source.open.clear()
    clock.advance(2)
    assert keeper.ready() == keeper.ready() == "value-1"
    await asyncio.sleep(0)
    assert source.asked == [False, False]
    clock.advance(30)  # its last seconds: wait for the new one
    assert keeper.ready() is None
    waiting = asyncio.create_task(keeper.value())
    await asyncio.sleep(0)
    source.open.set()
    assert await waiting == keeper.ready() == "value-2"


async def test_a_short_lease_is_not_fetched_for_each_request(clock):
    source = Source(clock, lifetime=40.0)
    keeper = kept(source)
    for _ in range(5):
        assert await keeper.value() == "value-1"
        await asyncio.sleep(0)
    assert len(source.asked) == 1


async def test_a_source_that_fails_is_forgiven_while_the_old_one_holds(clock):
    source = Source(clock)
    keeper = kept(source)
    await keeper.value()
    source.fail = True
    clock.advance(950)
    assert keeper.ready() == "value-1"
    assert await keeper.reload() == "value-1"
    assert len(source.asked) == 2
    for _ in range(5):
        assert keeper.ready() == "value-1"
    await asyncio.sleep(0)
    assert len(source.asked) == 2  # not again for each request
    clock.advance(51)
    with pytest.raises(RemoteError):
        await keeper.value()
    source.fail = False
    assert await keeper.value() == "value-4"


async def test_a_source_with_nothing_newer_is_asked_once_a_minute(clock):
    source = Source(clock)
    source.same = True
    keeper = kept(source)
    await keeper.value()
    source.lifetime = 45.0
    clock.advance(955)
    keeper.ready()
    await settled(keeper)
    asked = len(source.asked)
    keeper.ready()
    await asyncio.sleep(0)
    assert len(source.asked) == asked


async def test_a_refusal_asks_anew_once_for_all_and_is_believed_when_it_comes_back(clock):
    source = Source(clock, lifetime=None)
    keeper = kept(source)
    await keeper.value()
    assert await asyncio.gather(*(keeper.renew(replaced=False) for _ in range(8))) == [True] * 8
    assert source.asked == [False, True]
    assert await keeper.renew(replaced=True)
    assert not await keeper.renew(replaced=False)
    clock.advance(31)
    assert await keeper.renew(replaced=False)
    assert source.asked == [False, True, True]


async def test_a_renewal_that_fails_is_tried_again_at_once_by_the_next(clock):
    source = Source(clock, lifetime=None)
    keeper = kept(source)
    await keeper.value()
    source.fail = True
    with pytest.raises(RemoteError):
        await keeper.renew(replaced=False)
    source.fail = False
    assert await keeper.renew(replaced=False)


def test_a_lease_does_not_show_its_value():
    assert "hidden" not in repr(Lease("hidden", ORIGIN))
