"""`sqs_read_operations`: queues and how full they are; never a message, because receiving one hides it."""

from __future__ import annotations

from typing import Any

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
from skerry.servers.aws_ops.times import from_millis

_WAITING = (
    "messages: to_number(Attributes.ApproximateNumberOfMessages), "
    "in_flight: to_number(Attributes.ApproximateNumberOfMessagesNotVisible), "
    "delayed: to_number(Attributes.ApproximateNumberOfMessagesDelayed)"
)
_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_QUEUE: Any = {"queue": lambda value: {"QueueName": str(value).rpartition("/")[2].rpartition(":")[2]}}


def _listed(answer: Members) -> list[Item]:
    return [{"name": url.rpartition("/")[2], "url": url} for url in answer.get("QueueUrls", [])]


def _dated(item: Item) -> Item:
    """Times of the service, which are seconds as text, as ISO 8601."""
    for name in ("created", "changed"):
        if name in item:
            item[name] = from_millis(float(item[name]) * 1000)
    return item


def _found(answer: Members) -> list[Item]:
    return _listed({"QueueUrls": [answer["QueueUrl"]]})


TOOL = ServiceTool(
    name="sqs_read_operations",
    title="SQS: read",
    service="sqs",
    subject="Reads Amazon SQS: message queues, how many messages wait, age limits, dead-letter queues, "
    "policies and tags. It never receives a message.",
    operations=(
        Operation(
            name="list_queues",
            summary="queues with the number of messages that wait, are in flight or delayed",
            api="ListQueues",
            items=_listed,
            sends={"prefix": member("QueueNamePrefix")},
            paging=Paging(maximum=1000),
            details=(
                Detail(
                    api="GetQueueAttributes",
                    fields=f"{{{_WAITING}}}",
                    takes={"QueueUrl": "url"},
                    always={
                        "AttributeNames": [
                            "ApproximateNumberOfMessages",
                            "ApproximateNumberOfMessagesNotVisible",
                            "ApproximateNumberOfMessagesDelayed",
                        ]
                    },
                    absent=_GONE,
                ),
            ),
        ),
        Operation(
            name="describe_queue",
            summary="one queue's settings, counts, dead-letter queue, encryption, policy and tags",
            api="GetQueueUrl",
            items=_found,
            sends=_QUEUE,
            requires=("queue",),
            details=(
                Detail(
                    api="GetQueueAttributes",
                    fields=f"{{arn: Attributes.QueueArn, {_WAITING}, "
                    "visibility_seconds: to_number(Attributes.VisibilityTimeout), "
                    "retention_seconds: to_number(Attributes.MessageRetentionPeriod), "
                    "delay_seconds: to_number(Attributes.DelaySeconds), "
                    "wait_seconds: to_number(Attributes.ReceiveMessageWaitTimeSeconds), "
                    "maximum_bytes: to_number(Attributes.MaximumMessageSize), "
                    "fifo: Attributes.FifoQueue, dead_letters: Attributes.RedrivePolicy, "
                    "kms_key: Attributes.KmsMasterKeyId, sse: Attributes.SqsManagedSseEnabled, "
                    "policy: Attributes.Policy, created: Attributes.CreatedTimestamp, "
                    "changed: Attributes.LastModifiedTimestamp}",
                    takes={"QueueUrl": "url"},
                    always={"AttributeNames": ["All"]},
                ),
                Detail(api="ListQueueTags", fields="{tags: Tags}", takes={"QueueUrl": "url"}),
            ),
            finish=_dated,
        ),
        Operation(
            name="list_dead_letter_sources",
            summary="which queues send their failed messages to this one",
            api="GetQueueUrl",
            items=_found,
            sends=_QUEUE,
            requires=("queue",),
            details=(
                Detail(
                    api="ListDeadLetterSourceQueues",
                    fields="{sources: queueUrls, more: NextToken && `true`}",
                    takes={"QueueUrl": "url"},
                    always={"MaxResults": 1000},
                ),
            ),
        ),
    ),
    parameters=(
        Parameter(name="queue", description="The name, URL or ARN of a queue.", max_length=400),
        Parameter(name="prefix", description="Only queues whose name begins with this.", max_length=80),
    ),
    missing=tuple(
        Missing(code=code, hint="Check the name and the region; list_queues shows what there is.")
        for code in _GONE
    ),
)
