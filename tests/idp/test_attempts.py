"""The count of failures."""

from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.attempts import MOST, Attempts
from tests.kit.clock import FakeClock


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 5))
def test_never_more_than_the_limit_within_a_window(pauses, limit):
    clock = FakeClock()
    attempts = Attempts(clock=clock.monotonic, limit=limit, window=60)
    allowed = []
    for pause in pauses:
        clock.advance(pause)
        if not attempts.wait("chat"):
            attempts.failed("chat")
            allowed.append(clock.monotonic())
    assert all(later - earlier >= 60 for earlier, later in zip(allowed, allowed[limit:], strict=False))


def test_waiting_as_long_as_told_is_enough():
    clock = FakeClock()
    attempts = Attempts(clock=clock.monotonic, limit=2, window=60)
    attempts.failed("chat")
    clock.advance(10)
    attempts.failed("chat")
    assert attempts.wait("chat") == 50
    assert attempts.wait("gateway") == 0
    clock.advance(50)
    assert attempts.wait("chat") == 0
    attempts.failed("chat")
    assert attempts.wait("chat") == 10


def test_only_the_keys_that_failed_last_are_remembered():
    attempts = Attempts(clock=FakeClock().monotonic, limit=1)
    attempts.failed("first")
    for number in range(MOST):
        attempts.failed(number)
    assert attempts.wait("first") == 0
    assert attempts.wait(MOST - 1) == 60
