"""The count of failures."""

from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.attempts import MOST, Attempts
from tests.kit.clock import FakeClock


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 5))
def test_never_more_than_the_limit_at_once_and_as_many_in_each_window_after_that(pauses, limit):
    clock = FakeClock()
    attempts = Attempts(clock=clock.monotonic, limit=limit, window=60)
    allowed = []
    for pause in pauses:
        clock.advance(pause)
        if not attempts.wait("chat"):
            attempts.failed("chat")
            allowed.append(clock.monotonic())
    for first, since in enumerate(allowed):
        for last, until in enumerate(allowed[first:], 1):
            assert last <= limit + (until - since) * limit / 60 + 1e-6


def test_waiting_as_long_as_told_is_enough():
    clock = FakeClock()
    attempts = Attempts(clock=clock.monotonic, limit=2, window=60)
    attempts.failed("chat")
    clock.advance(10)
    attempts.failed("chat")
    assert attempts.wait("chat") == 20
    assert attempts.wait("gateway") == 0
    clock.advance(20)
    assert attempts.wait("chat") == 0
    attempts.failed("chat")
    assert attempts.wait("chat") == 30


def test_however_many_failed_the_wait_is_one_pause():
    attempts = Attempts(clock=FakeClock().monotonic, limit=2, window=60)
    for _ in range(100):
        attempts.failed("chat")
    assert attempts.wait("chat") == 30


def test_only_the_keys_that_failed_last_are_remembered():
    attempts = Attempts(clock=FakeClock().monotonic, limit=1)
    attempts.failed("first")
    for number in range(MOST):
        attempts.failed(number)
    assert attempts.wait("first") == 0
    assert attempts.wait(MOST - 1) == 60
