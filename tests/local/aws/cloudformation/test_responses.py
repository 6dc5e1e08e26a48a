"""Where the answers of custom resources arrive."""

from __future__ import annotations

import threading

import pytest

from skerry.errors import SkerryError
from skerry.local.aws.cloudformation import responses


@pytest.mark.behaviour("CFN-CUSTOM-URL")
def test_an_answer_counts_once_and_only_at_its_own_url():
    with responses.awaited("s", "http://here") as waiting:
        assert waiting.url == f"http://here/cloudformation/responses/{waiting.token}"
        assert len(waiting.token) == 43
        assert not responses.arrive("another", "{}")
        assert responses.arrive(waiting.token, "first")
        assert not responses.arrive(waiting.token, "second")
        assert b"first" == waiting.wait(0)
    assert not responses.arrive(waiting.token, "late")


def test_who_waits_is_woken():
    with responses.awaited("s", "http://here") as waiting:
        found = []
        thread = threading.Thread(target=lambda: found.append(waiting.wait(30)))
        thread.start()
        responses.arrive(waiting.token, "it")
        thread.join(30)
        assert [b"it"] == found


def test_no_answer_in_time_is_none():
    with responses.awaited("s", "http://here") as waiting:
        assert waiting.wait(0) is None


@pytest.mark.behaviour("CFN-CUSTOM-URL")
def test_an_answer_that_is_too_long_fails():
    with responses.awaited("s", "http://here") as waiting:
        assert responses.arrive(waiting.token, None)
        with pytest.raises(SkerryError, match="too long"):
            waiting.wait(0)


@pytest.mark.behaviour("CFN-CUSTOM-DELETED")
def test_a_stack_that_is_deleted_waits_no_more_and_others_do():
    with responses.awaited("s", "http://here") as mine, responses.awaited("t", "http://here") as other:
        responses.give_up("s", SkerryError("it goes"))
        with pytest.raises(SkerryError, match="it goes"):
            mine.wait(0)
        assert other.wait(0) is None
