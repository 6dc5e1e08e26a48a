"""AWS::S3::BucketPolicy, which moto lacks: the policy of a bucket of the same account.

Source: CloudFormation template reference, AWS::S3::BucketPolicy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.s3.exceptions import MissingBucket
from moto.s3.models import S3Backend, s3_backends
from moto.utilities.utils import get_partition

TYPE = "AWS::S3::BucketPolicy"


class BucketPolicy(CloudFormationModel):
    """The policy that a template gives a bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    @staticmethod
    def cloudformation_name_type() -> str:
        """None: it is called as its bucket."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """The name of the type."""
        return TYPE

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """It has no attributes."""
        del attr
        return False

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self.bucket

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> BucketPolicy:
        """Puts it. Raises moto's errors of S3."""
        del resource_name, kwargs
        properties = cloudformation_json["Properties"]
        document, bucket = properties["PolicyDocument"], str(properties["Bucket"])
        text = document if isinstance(document, str) else json.dumps(document, default=str)
        _s3(account_id, region_name).put_bucket_policy(bucket, text.encode())
        return cls(bucket)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: BucketPolicy,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> BucketPolicy:
        """Puts another one; of another bucket, in place of the one before."""
        made = cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )
        if made.bucket != original_resource.bucket:
            original_resource.delete(account_id, region_name)
        return made

    def delete(self, account_id: str, region_name: str) -> None:
        """Takes it away; a bucket that is gone has none."""
        try:
            _s3(account_id, region_name).delete_bucket_policy(self.bucket)
        except MissingBucket:
            return


def _s3(account_id: str, region_name: str) -> S3Backend:
    found: S3Backend = s3_backends[account_id][get_partition(region_name)]
    return found
