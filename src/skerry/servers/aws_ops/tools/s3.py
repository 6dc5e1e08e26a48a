"""`s3_read_operations`: buckets, their settings and the names of their objects; never their contents."""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Detail, Operation, Paging, ServiceTool, member

_BUCKET = {"bucket": member("Bucket")}
_IN_BUCKET = {**_BUCKET, "prefix": member("Prefix")}

TOOL = ServiceTool(
    name="s3_read_operations",
    title="S3: read",
    service="s3",
    subject="Reads Amazon S3: buckets, their settings, and objects by name and size, not their contents.",
    operations=(
        Operation(
            name="list_buckets",
            summary="all buckets of the account with region and creation time",
            api="ListBuckets",
            items="Buckets[].{name: Name, region: BucketRegion, created: CreationDate}",
            sends={"prefix": member("Prefix")},
            paging=Paging(
                size="MaxBuckets",
                minimum=1000,
                maximum=10_000,
                cursor="ContinuationToken",
                next="ContinuationToken",
            ),
            scope="account",
        ),
        Operation(
            name="describe_bucket",
            summary="one bucket's region, versioning, encryption, public access block and tags",
            api="GetBucketLocation",
            items="[{region: LocationConstraint || 'us-east-1'}]",
            sends=_BUCKET,
            requires=("bucket",),
            echo=("bucket",),
            details=(
                Detail(
                    api="GetBucketVersioning",
                    fields="{versioning: Status || 'Off', mfa_delete: MFADelete}",
                    sends=("bucket",),
                ),
                Detail(
                    api="GetBucketEncryption",
                    fields="{encryption: ServerSideEncryptionConfiguration.Rules[0]"
                    ".ApplyServerSideEncryptionByDefault.SSEAlgorithm}",
                    sends=("bucket",),
                    absent=("ServerSideEncryptionConfigurationNotFoundError",),
                    otherwise={"encryption": "none"},
                ),
                Detail(
                    api="GetPublicAccessBlock",
                    fields="{public_access_block: PublicAccessBlockConfiguration}",
                    sends=("bucket",),
                    absent=("NoSuchPublicAccessBlockConfiguration",),
                    otherwise={"public_access_block": "none"},
                ),
                Detail(
                    api="GetBucketTagging",
                    fields="{tags: TagSet[].{key: Key, value: Value}}",
                    sends=("bucket",),
                    absent=("NoSuchTagSet",),
                ),
            ),
            scope="account",
        ),
        Operation(
            name="get_bucket_policy",
            summary="the policy document of a bucket",
            api="GetBucketPolicy",
            items="[{policy: Policy}]",
            absent=("NoSuchBucketPolicy",),
            sends=_BUCKET,
            requires=("bucket",),
            echo=("bucket",),
            scope="account",
        ),
        Operation(
            name="get_bucket_lifecycle",
            summary="the lifecycle rules of a bucket",
            api="GetBucketLifecycleConfiguration",
            absent=("NoSuchLifecycleConfiguration",),
            items="Rules[].{id: ID, status: Status, prefix: Filter.Prefix || Prefix, "
            "expires_days: Expiration.Days, transitions: Transitions[].{days: Days, class: StorageClass}}",
            sends=_BUCKET,
            requires=("bucket",),
            scope="account",
        ),
        Operation(
            name="list_objects",
            summary="objects of a bucket with size and time of change",
            api="ListObjectsV2",
            items="Contents[].{key: Key, size: Size, changed: LastModified, class: StorageClass}",
            sends=_IN_BUCKET,
            requires=("bucket",),
            paging=Paging(
                size="MaxKeys", maximum=1000, cursor="ContinuationToken", next="NextContinuationToken"
            ),
            scope="account",
        ),
        Operation(
            name="list_object_versions",
            summary="the first thousand versions of objects, with who is the latest",
            api="ListObjectVersions",
            items="Versions[].{key: Key, version: VersionId, latest: IsLatest, size: Size, "
            "changed: LastModified}",
            sends=_IN_BUCKET,
            requires=("bucket",),
            scope="account",
        ),
        Operation(
            name="describe_object",
            summary="one object's size, type, encryption and metadata",
            api="HeadObject",
            items="[{size: ContentLength, type: ContentType, changed: LastModified, "
            "etag: ETag, version: VersionId, class: StorageClass, encryption: ServerSideEncryption, "
            "metadata: Metadata}]",
            sends={**_BUCKET, "key": member("Key")},
            requires=("bucket", "key"),
            echo=("bucket", "key"),
            scope="account",
        ),
    ),
    parameters=(
        Parameter(name="bucket", description="The name of a bucket.", max_length=63),
        Parameter(name="key", description="The key of an object.", max_length=1024),
        Parameter(name="prefix", description="Only names that begin with this text.", max_length=1024),
    ),
    also=("HeadBucket",),  # botocore asks it for a bucket's region when a call went to the wrong one
)
