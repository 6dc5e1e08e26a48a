"""`sqs_read_operations` on queues with content."""

import json

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("sqs")


@pytest.fixture(scope="module")
def sqs(ask, held):
    return ask("sqs")


def test_queues_with_how_full_they_are(sqs, held):
    found = {item["name"]: item for item in sqs(operation="list_queues", prefix="jobs")["items"]}
    assert set(found) == {"jobs", "jobs-dead"}
    assert (found["jobs"]["messages"], found["jobs"]["in_flight"], found["jobs"]["delayed"]) == (3, 0, 0)
    assert found["jobs"]["url"] == held["jobs"]


@pytest.mark.behaviour("OPS-PAGING")
@pytest.mark.parametrize("limit", [1, 4, 6])
def test_queues_page_by_page(sqs, limit):
    answers = [sqs(operation="list_queues", prefix="more-", limit=limit)]
    while answers[-1]["truncated"]:
        token = answers[-1]["next_token"]
        answers.append(sqs(operation="list_queues", prefix="more-", limit=limit, next_token=token))
    names = [item["name"] for answer in answers for item in answer["items"]]
    assert sorted(names) == [f"more-{number}" for number in range(6)]


@pytest.mark.parametrize("by", ["name", "url", "arn"])
def test_one_queue(sqs, held, by):
    queue = {"name": "jobs", "url": held["jobs"], "arn": "arn:aws:sqs:us-east-1:123456789012:jobs"}[by]
    (item,) = sqs(operation="describe_queue", queue=queue)["items"]
    assert (item["name"], item["messages"], item["visibility_seconds"]) == ("jobs", 3, 45)
    assert json.loads(item["dead_letters"])["deadLetterTargetArn"] == held["dead_arn"]
    assert item["tags"] == {"team": "shop"}
    assert item["created"].endswith("+00:00")


def test_who_uses_a_dead_letter_queue(sqs, held):
    (item,) = sqs(operation="list_dead_letter_sources", queue="jobs-dead")["items"]
    assert item["sources"] == [held["jobs"]]


@pytest.mark.behaviour("OPS-SECRETS")
def test_no_message_is_read_or_hidden_from_others(sqs, held):
    text = json.dumps([sqs(operation="describe_queue", queue="jobs") for _ in range(2)])
    assert held["secret"] not in text
    assert sqs(operation="describe_queue", queue="jobs")["items"][0]["messages"] == 3


@pytest.mark.behaviour("OPS-MISSING")
def test_a_queue_that_is_not_there(sqs):
    with pytest.raises(RemoteError, match=r"found no queue 'nope' .*list_queues shows what there is"):
        sqs(operation="describe_queue", queue="nope")
