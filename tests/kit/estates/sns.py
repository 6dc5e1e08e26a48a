"""Topics and subscriptions of SNS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SECRET = "hook-secret-that-must-not-show"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """The topic `alerts` with three subscriptions, and `news` without."""
    sns, sqs = client("sns"), client("sqs")
    topic = sns.create_topic(
        Name="alerts", Attributes={"DisplayName": "Alerts"}, Tags=[{"Key": "team", "Value": "shop"}]
    )["TopicArn"]
    sns.create_topic(Name="news")
    url = sqs.create_queue(QueueName="sns-inbox")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    inbox = sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": '{"kind": ["error"]}'},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    hook = sns.subscribe(
        TopicArn=topic,
        Protocol="https",
        Endpoint=f"https://me:{SECRET}@hooks.example.com/in?token={SECRET}",
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return {"topic": topic, "queue": queue, "inbox": inbox, "hook": hook, "secret": SECRET}
