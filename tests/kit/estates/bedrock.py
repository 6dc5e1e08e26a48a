from __future__ import annotations

from collections.abc import Callable
from typing import Any


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """Two customized models, with the jobs that made them."""
    client("s3").create_bucket(Bucket="training-data")
    bedrock = client("bedrock")
    for name in ("support-tone", "night-summaries"):
        bedrock.create_model_customization_job(
            jobName=f"{name}-1",
            customModelName=name,
            roleArn="arn:aws:iam::123456789012:role/bedrock",
            baseModelIdentifier="amazon.nova-lite-v1:0",
            trainingDataConfig={"s3Uri": "s3://training-data/in"},
            outputDataConfig={"s3Uri": "s3://training-data/out"},
            hyperParameters={"epochs": "2"},
        )
    return {}
