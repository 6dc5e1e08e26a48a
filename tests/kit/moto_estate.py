"""moto on a loopback port, filled with a small estate: what the AWS tools read in tests."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

HOME, AWAY = "us-east-1", "eu-west-1"


@dataclass(frozen=True)
class Estate:
    """Where moto listens, the environment that points there, and the ids of what it holds."""

    url: str
    environment: Mapping[str, str]
    ids: Mapping[str, Any]


@contextlib.contextmanager
def running_estate() -> Iterator[Estate]:
    """A seeded moto server in a thread; it forgets everything when the block ends."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": HOME,
            "AWS_DEFAULT_REGION": HOME,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        yield Estate(url, environment, {**_machines(url), **_buckets(url)})
    finally:
        server.stop()


def _client(url: str, service: str, region: str = HOME) -> Any:
    return boto3.client(
        service, region, endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing"
    )


def _machines(url: str) -> dict[str, Any]:
    ec2 = _client(url, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1b")
    group = ec2.create_security_group(GroupName="web", Description="the web", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ],
    )
    image = ec2.describe_images()["Images"][0]["ImageId"]
    made = ec2.run_instances(
        ImageId=image,
        MinCount=12,
        MaxCount=12,
        InstanceType="t3.micro",
        SubnetId=subnet["Subnet"]["SubnetId"],
        SecurityGroupIds=[group],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
    )
    web = [item["InstanceId"] for item in made["Instances"]]
    database = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="m5.large")
    stopped = database["Instances"][0]["InstanceId"]
    ec2.stop_instances(InstanceIds=[stopped])
    volume = ec2.create_volume(Size=33, AvailabilityZone="us-east-1b", VolumeType="gp3")["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume, Description="before the change")["SnapshotId"]
    ec2.create_tags(Resources=[snapshot], Tags=[{"Key": "keep", "Value": "yes"}])
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=web[0])
    away = _client(url, "ec2", AWAY).run_instances(ImageId=image, MinCount=2, MaxCount=2)
    return {
        "vpc": vpc,
        "subnet": subnet["Subnet"]["SubnetId"],
        "group": group,
        "web": web,
        "stopped": stopped,
        "volume": volume,
        "snapshot": snapshot,
        "address": address["PublicIp"],
        "image": ec2.create_image(InstanceId=web[0], Name="golden")["ImageId"],
        "key": ec2.create_key_pair(KeyName="ops")["KeyPairId"],
        "away": [item["InstanceId"] for item in away["Instances"]],
    }


def _buckets(url: str) -> dict[str, Any]:
    s3 = _client(url, "s3")
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
