"""`sns_read_operations` on topics with content."""

import json

import pytest

from skerry.errors import RemoteError


@pytest.fixture(scope="module")
def held(estate):
    return estate.need("sns")


@pytest.fixture(scope="module")
def sns(ask, held):
    return ask("sns")


def test_topics(sns, held):
    found = {item["name"]: item for item in sns(operation="list_topics")["items"]}
    assert {"alerts", "news"} <= set(found)
    assert found["alerts"]["arn"] == held["topic"]
    assert found["alerts"]["display_name"] == "Alerts"
    named = sns(operation="list_topics", name_contains="EW")["items"]
    assert [item["name"] for item in named] == ["news"]


@pytest.mark.parametrize("by", ["name", "arn"])
def test_one_topic(sns, held, by):
    topic = "alerts" if by == "name" else held["topic"]
    (item,) = sns(operation="describe_topic", topic=topic)["items"]
    assert (item["name"], item["owner"]) == ("alerts", "123456789012")
    assert item["tags"] == [{"key": "team", "value": "shop"}]
    assert json.loads(item["policy"])["Statement"]


def test_subscriptions(sns, held):
    found = {item["protocol"]: item for item in sns(operation="list_subscriptions", topic="alerts")["items"]}
    assert found["sqs"]["endpoint"] == held["queue"]
    assert found["email"]["endpoint"] == "ops@example.com"
    only = sns(operation="list_subscriptions", protocol="email", topic=held["topic"])["items"]
    assert [item["protocol"] for item in only] == ["email"]
    assert sns(operation="list_subscriptions", topic="news")["items"] == []
    (item,) = sns(operation="describe_subscription", subscription_arn=held["inbox"])["items"]
    assert (item["raw"], json.loads(item["filter"])) == ("true", {"kind": ["error"]})


@pytest.mark.behaviour("OPS-SECRETS")
def test_keys_in_the_address_of_a_web_hook_are_not_shown(sns, held):
    listed = sns(operation="list_subscriptions", topic="alerts", protocol="https")
    whole = sns(operation="describe_subscription", subscription_arn=held["hook"])
    for answer in (listed, whole):
        (item,) = answer["items"]
        assert item["endpoint"] == "https://hooks.example.com/in?…"
    assert held["secret"] not in json.dumps([listed, whole])


@pytest.mark.behaviour("OPS-MISSING")
def test_a_topic_that_is_not_there(sns):
    with pytest.raises(RemoteError, match=r"There is no topic 'nope'\. .*list_topics shows"):
        sns(operation="describe_topic", topic="nope")
    with pytest.raises(RemoteError, match="found no subscription arn 'arn:aws:sns:us-east-1:1:x:y'"):
        sns(operation="describe_subscription", subscription_arn="arn:aws:sns:us-east-1:1:x:y")
