from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.kit.estates import AWAY


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """A bucket with every setting, and a plain one."""
    s3 = client("s3")
    s3.create_bucket(Bucket="plain")
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": AWAY})
    s3.put_bucket_versioning(Bucket="reports", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(
        Bucket="reports",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
        },
    )
    s3.put_public_access_block(
        Bucket="reports",
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_tagging(Bucket="reports", Tagging={"TagSet": [{"Key": "team", "Value": "ops"}]})
    policy = {"Version": "2012-10-17", "Statement": []}
    s3.put_bucket_policy(Bucket="reports", Policy=json.dumps(policy))
    s3.put_bucket_lifecycle_configuration(
        Bucket="reports",
        LifecycleConfiguration={
            "Rules": [
                {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "2020/"}, "Expiration": {"Days": 30}}
            ]
        },
    )
    for number in range(7):
        s3.put_object(Bucket="reports", Key=f"2026/{number}.csv", Body=b"x" * number, ContentType="text/csv")
    s3.put_object(Bucket="reports", Key="2026/0.csv", Body=b"newer", Metadata={"author": "ada"})
    return {"policy": policy}
