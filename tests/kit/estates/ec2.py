from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.kit.estates import AWAY


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """Networks with twelve machines, one stopped machine, and two machines in another region."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1b")
    group = ec2.create_security_group(GroupName="web", Description="the web", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ],
    )
    image = "ami-0123456789abcdef0"  # one of another account, which moto does not ask after
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
    away = client("ec2", AWAY).run_instances(ImageId=image, MinCount=2, MaxCount=2)
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
