"""`skerry status --wait`, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from skerry.errors import NotRunningError, RemoteError
from skerry.stack.commands.status import PAUSE, Seen, waited
from skerry.stack.resources import Resource

READY = Resource(kind="target", name="g/t", status="READY")
MOVING = Resource(kind="target", name="g/t", status="SYNCHRONIZING")
FAILED = Resource(kind="target", name="g/t", status="FAILED")


class Clock:
    """Time passes only in pauses."""

    def __init__(self) -> None:
        self.time = 0.0

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def waited(self, *sights: Resource | Exception, seconds: float = 60) -> Seen:
        """What is seen of these sights, one a look; the last stays."""
        left = list(sights)

        def look() -> Seen:
            sight = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(sight, Exception):
                raise sight
            return {}, [sight]

        now: Callable[[], float] = lambda: self.time  # noqa: E731
        return waited(look, seconds, where=Path("state"), now=now, pause=self.pause)


@pytest.mark.behaviour("STATUS-WAIT")
@pytest.mark.parametrize("last", [READY, FAILED])
def test_it_waits_for_a_stack_that_answers_and_in_which_nothing_moves(last: Resource):
    clock = Clock()
    _, found = clock.waited(NotRunningError("none yet"), RemoteError("it ends"), MOVING, last)
    assert (list(found), clock.time) == ([last], pytest.approx(3 * PAUSE))


@pytest.mark.behaviour("STATUS-WAIT")
def test_what_still_moves_when_the_time_is_over_is_shown():
    clock = Clock()
    _, found = clock.waited(MOVING, seconds=5)
    assert list(found) == [MOVING]
    assert 5 <= clock.time < 5 + PAUSE


@pytest.mark.behaviour("STATUS-WAIT")
def test_no_stack_and_no_answer_are_told_when_the_time_is_over():
    with pytest.raises(NotRunningError, match=r"no stack was ready on .*state within 5 s\."):
        Clock().waited(NotRunningError("none"), seconds=5)
    with pytest.raises(RemoteError, match="silent"):
        Clock().waited(RemoteError("silent"), seconds=5)
