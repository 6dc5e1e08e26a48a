"""The bucket of the packages. Its name can be guessed, so every call says whose it must be."""

from __future__ import annotations

from pathlib import Path

from botocore.exceptions import ClientError

from skerry.deploy.account.access import Account, Identity, code_of
from skerry.errors import ConfigurationError

FOLDER = "skerry"
"""What keys begin with."""
_ABSENT = frozenset({"404", "NoSuchBucket", "NotFound", "NoSuchKey"})
_FIRST_REGION = "us-east-1"


def default_name(identity: Identity) -> str:
    """The bucket of an account and region."""
    return f"skerry-deploy-{identity.account}-{identity.region}"


class Bucket:
    """A bucket of this account."""

    def __init__(self, account: Account, identity: Identity, name: str) -> None:
        self.name = name
        self._account = account
        self._identity = identity
        self._client = account.client("s3")
        self._owner = {"ExpectedBucketOwner": identity.account}

    def exists(self) -> bool:
        """Whether it is there. Raises ConfigurationError when it is somebody else's."""
        with self._account.told("HeadBucket"):
            try:
                self._client.head_bucket(Bucket=self.name, **self._owner)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return False
                if code_of(error) == "403":
                    raise self._foreign() from error
                raise
        return True

    def make(self) -> None:
        """Makes it: nothing public, encrypted. Raises ConfigurationError for a name that is taken."""
        place = (
            {} if self._identity.region == _FIRST_REGION else {"LocationConstraint": self._identity.region}
        )
        given = {"CreateBucketConfiguration": place} if place else {}
        with self._account.told("CreateBucket"):
            try:
                self._client.create_bucket(Bucket=self.name, **given)
            except ClientError as error:
                if code_of(error) == "BucketAlreadyExists":
                    raise self._foreign() from error
                if code_of(error) != "BucketAlreadyOwnedByYou":
                    raise
            block = dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            )
            self._client.put_public_access_block(
                Bucket=self.name, PublicAccessBlockConfiguration=block, **self._owner
            )
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            self._client.put_bucket_encryption(
                Bucket=self.name, ServerSideEncryptionConfiguration={"Rules": [rule]}, **self._owner
            )

    def has(self, key: str) -> bool:
        """Whether an object is there."""
        with self._account.told("HeadObject"):
            try:
                self._client.head_object(Bucket=self.name, Key=key, **self._owner)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return False
                raise
        return True

    def put(self, key: str, content: Path | bytes) -> None:
        """Writes an object."""
        with self._account.told("PutObject"):
            if isinstance(content, bytes):
                self._client.put_object(Bucket=self.name, Key=key, Body=content, **self._owner)
                return
            with content.open("rb") as body:
                self._client.put_object(Bucket=self.name, Key=key, Body=body, **self._owner)

    def url(self, key: str) -> str:
        """Where CloudFormation finds an object."""
        suffix = "amazonaws.com.cn" if self._identity.partition == "aws-cn" else "amazonaws.com"
        return f"https://{self.name}.s3.{self._identity.region}.{suffix}/{key}"

    def _foreign(self) -> ConfigurationError:
        return ConfigurationError(
            f"the bucket {self.name} belongs to another account, or you may not see it.",
            hint="Nothing was sent to it. Name a bucket of yours: --bucket NAME.",
        )
