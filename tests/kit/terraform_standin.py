"""The stand-in of the Terraform API on a loopback port, in a thread of the test's process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from skerry.servers.terraform.standin import seed
from skerry.servers.terraform.standin.app import Standin
from tests.kit.asgi_thread import serve
from tests.kit.clock import FakeClock

TOKEN, OTHER_TOKEN = "token-of-ada.atlasv1.made-up", "token-of-eve.atlasv1.made-up"
TOKENS = {TOKEN: "user-ada", OTHER_TOKEN: "user-eve"}
STEP = 5.0


@dataclass(frozen=True)
class RunningStandin:
    """A running stand-in: its `url`, what it holds, and the clock that moves its runs."""

    url: str
    standin: Standin
    clock: FakeClock

    def refill(self) -> None:
        """Begins again with what the seed says."""
        fresh = _made(self.clock, self.standin.rate)
        self.standin.estate, self.standin.runs = fresh.estate, fresh.runs

    def phases(self, count: int) -> None:
        """Lets `count` phases of every run go by."""
        self.clock.advance(STEP * count)


@contextlib.contextmanager
def running_standin(*, rate: int = 0) -> Iterator[RunningStandin]:
    """A stand-in with the bundled seed; it knows TOKEN and OTHER_TOKEN."""
    clock = FakeClock()
    standin = _made(clock, rate)
    with serve(standin.app(), lifespan="off") as url:
        yield RunningStandin(url, standin, clock)


def _made(clock: FakeClock, rate: int) -> Standin:
    return Standin.of(seed.load(), tokens=TOKENS, clock=clock, step=STEP, rate=rate)
