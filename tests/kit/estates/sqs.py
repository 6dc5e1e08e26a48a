"""Queues of SQS."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SECRET = "message-that-must-not-show"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """The queue `jobs` with three messages, its dead-letter queue, and some more."""
    sqs = client("sqs")
    dead = sqs.create_queue(QueueName="jobs-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    jobs = sqs.create_queue(
        QueueName="jobs",
        Attributes={
            "VisibilityTimeout": "45",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3}),
        },
        tags={"team": "shop"},
    )["QueueUrl"]
    for _ in range(3):
        sqs.send_message(QueueUrl=jobs, MessageBody=SECRET)
    for number in range(6):
        sqs.create_queue(QueueName=f"more-{number}")
    return {"jobs": jobs, "dead": dead, "dead_arn": arn, "secret": SECRET}
