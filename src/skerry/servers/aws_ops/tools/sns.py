"""`sns_read_operations`: topics and who gets their messages; no messages, no keys in endpoints."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import (
    Detail,
    Item,
    Members,
    Missing,
    Operation,
    Paging,
    ServiceTool,
    member,
)
from skerry.servers.aws_ops.filters import contains, equals

_PAGES = Paging(size="")


def _topics(answer: Members) -> list[Item]:
    return [{"name": _name(item["TopicArn"]), "arn": item["TopicArn"]} for item in answer["Topics"]]


def _subscriptions(answer: Members) -> list[Item]:
    return [
        {
            "topic": _name(item["TopicArn"]),
            "protocol": item["Protocol"],
            "endpoint": item.get("Endpoint"),
            "arn": item["SubscriptionArn"],
        }
        for item in answer["Subscriptions"]
    ]


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _is_topic(item: Item, value: Any) -> bool:
    return str(value) in (item["name"], item["arn"])


def _without_keys(item: Item) -> Item:
    """A web endpoint by scheme, host and path: what else stands in such an address is often a key."""
    endpoint = str(item.get("endpoint", ""))
    if endpoint.lower().startswith(("http://", "https://")):
        parts = urlsplit(endpoint)
        rest = "?…" if parts.query else ""
        item["endpoint"] = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{rest}"
    return item


TOOL = ServiceTool(
    name="sns_read_operations",
    title="SNS: read",
    service="sns",
    subject="Reads Amazon SNS: notification topics and their subscriptions (e-mail, SMS, queues, functions, "
    "web hooks).",
    operations=(
        Operation(
            name="list_topics",
            summary="topics with the number of subscriptions, confirmed and pending",
            api="ListTopics",
            items=_topics,
            paging=_PAGES,
            keeps={"name_contains": contains("name")},
            details=(
                Detail(
                    api="GetTopicAttributes",
                    fields="Attributes.{display_name: DisplayName, "
                    "subscriptions: to_number(SubscriptionsConfirmed), "
                    "pending: to_number(SubscriptionsPending)}",
                    takes={"TopicArn": "arn"},
                    absent=("NotFound",),
                ),
            ),
        ),
        Operation(
            name="describe_topic",
            summary="one topic's settings, encryption, policy and tags",
            api="ListTopics",
            items=_topics,
            paging=_PAGES,
            keeps={"topic": _is_topic},
            requires=("topic",),
            nothing="Check the name and the region; list_topics shows what there is.",
            details=(
                Detail(
                    api="GetTopicAttributes",
                    fields="Attributes.{display_name: DisplayName, owner: Owner, "
                    "subscriptions: to_number(SubscriptionsConfirmed), "
                    "pending: to_number(SubscriptionsPending), fifo: FifoTopic, kms_key: KmsMasterKeyId, "
                    "policy: Policy, delivery_policy: DeliveryPolicy}",
                    takes={"TopicArn": "arn"},
                ),
                Detail(
                    api="ListTagsForResource",
                    fields="{tags: Tags[].{key: Key, value: Value}}",
                    takes={"ResourceArn": "arn"},
                ),
            ),
        ),
        Operation(
            name="list_subscriptions",
            summary="who is subscribed to what, by protocol and endpoint",
            api="ListSubscriptions",
            items=_subscriptions,
            paging=_PAGES,
            keeps={
                "topic": lambda item, value: item["topic"] == _name(str(value)),
                "protocol": equals("protocol"),
            },
            finish=_without_keys,
        ),
        Operation(
            name="describe_subscription",
            summary="one subscription's filter, delivery and whether it is confirmed",
            api="GetSubscriptionAttributes",
            items="[Attributes.{arn: SubscriptionArn, topic: TopicArn, protocol: Protocol, "
            "endpoint: Endpoint, owner: Owner, pending: PendingConfirmation, raw: RawMessageDelivery, "
            "filter: FilterPolicy, filter_scope: FilterPolicyScope, dead_letters: RedrivePolicy}]",
            sends={"subscription_arn": member("SubscriptionArn")},
            requires=("subscription_arn",),
            finish=_without_keys,
        ),
    ),
    parameters=(
        Parameter(name="topic", description="The name or ARN of a topic.", max_length=512),
        Parameter(name="subscription_arn", description="The ARN of a subscription.", max_length=512),
        Parameter(
            name="protocol",
            description="Only subscriptions of this kind.",
            one_of=(
                "email",
                "email-json",
                "sms",
                "sqs",
                "lambda",
                "http",
                "https",
                "firehose",
                "application",
            ),
        ),
        Parameter(
            name="name_contains", description="Only topics with this text in their name.", max_length=256
        ),
    ),
    missing=(
        Missing(
            code="NotFound",
            hint="Check the ARN and the region; list_topics and list_subscriptions show what there is.",
        ),
    ),
)
