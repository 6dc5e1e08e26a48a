"""The clock of tokens: read again when its file changes, and never a reason to fail."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.moved_clock import LONGEST_LEAD, MovedClock, advance, clock_of, reset
from skerry.errors import ConfigurationError, StateError
from tests.kit.clock import FakeClock


@pytest.mark.behaviour("CLK-MOVED")
def test_every_clock_of_a_file_moves_at_once(tmp_path):
    base, file = FakeClock(), tmp_path / "idp" / "clock.json"
    one, other = MovedClock(file, base), clock_of(file, base)
    start, ticks = base.time(), base.monotonic()
    assert (one.time(), one.lead) == (start, 0.0)
    assert advance(file, 7200) == 7200.0
    assert (one.time(), other.time()) == (start + 7200, start + 7200)
    assert one.monotonic() == ticks + 7200
    assert advance(file, 60) == 7260.0
    assert other.time() == start + 7260


@pytest.mark.behaviour("CLK-MOVED")
def test_a_reset_takes_the_lead_away_and_no_clock_goes_back_that_must_not(tmp_path):
    base, file = FakeClock(), tmp_path / "clock.json"
    clock, ticks = MovedClock(file, base), base.monotonic()
    advance(file, 100)
    assert clock.monotonic() == ticks + 100
    reset(file)
    assert (clock.time(), clock.lead) == (base.time(), 0.0)
    assert clock.monotonic() == ticks + 100
    assert MovedClock(file, base).monotonic() == ticks + 100


def test_without_a_file_a_clock_is_as_it_was(tmp_path):
    base = FakeClock()
    assert clock_of(None, base) is base
    assert abs(clock_of(None).time() - MovedClock(tmp_path / "none").time()) < 5


def test_a_file_that_goes_away_takes_its_lead_along(tmp_path):
    base, file = FakeClock(), tmp_path / "clock.json"
    clock = MovedClock(file, base)
    advance(file, 100)
    assert clock.lead == 100.0
    file.unlink()
    assert clock.lead == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, LONGEST_LEAD + 1, float("inf"), float("nan")])
def test_a_clock_moves_forward_and_not_too_far(tmp_path, seconds):
    with pytest.raises(ConfigurationError):
        advance(tmp_path / "clock.json", seconds)
    assert not (tmp_path / "clock.json").exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")
def test_the_file_is_its_owners(tmp_path):
    advance(tmp_path / "state" / "clock.json", 5)
    assert stat.S_IMODE((tmp_path / "state" / "clock.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@given(
    content=st.binary(max_size=40)
    | st.sampled_from(
        [b'{"moved": NaN, "advanced": 0}', b'{"moved": -1, "advanced": 0}', b"[" * 4000, b'{"moved": "x"}']
    )
)
def test_a_broken_file_changes_nothing_and_the_command_says_so(tmp_path_factory, content):
    base, file = FakeClock(), tmp_path_factory.mktemp("clock") / "clock.json"
    advance(file, 50)
    clock = MovedClock(file, base)
    assert clock.lead == 50.0
    file.unlink()
    file.write_bytes(content)
    assert clock.lead == 50.0
    with pytest.raises(StateError):
        advance(file, 1)
