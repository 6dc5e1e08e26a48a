"""`ec2_read_operations`: machines, and the networks and disks around them."""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Operation, Paging, ServiceTool, filtered, listed, tagged

_PAGES = Paging(minimum=5, maximum=1000)
_STATES = (
    *("pending", "running", "stopping", "stopped", "shutting-down", "terminated"),
    *("creating", "available", "in-use", "deleting", "deleted", "completed", "failed", "error"),
)
_NAME = "name: Tags[?Key=='Name'] | [0].Value"

TOOL = ServiceTool(
    name="ec2_read_operations",
    title="EC2: read",
    service="ec2",
    subject="Reads Amazon EC2: instances (virtual machines), volumes, images, addresses and networks.",
    operations=(
        Operation(
            name="list_instances",
            summary="instances with name, state, type, zone and addresses",
            api="DescribeInstances",
            items=f"Reservations[].Instances[].{{id: InstanceId, {_NAME}, state: State.Name, "
            "type: InstanceType, zone: Placement.AvailabilityZone, private_ip: PrivateIpAddress, "
            "public_ip: PublicIpAddress, launched: LaunchTime}",
            sends={
                "state": filtered("instance-state-name"),
                "type": filtered("instance-type"),
                "vpc_id": filtered("vpc-id"),
                "tag": tagged,
            },
            paging=_PAGES,
        ),
        Operation(
            name="describe_instance",
            summary="one instance in detail",
            api="DescribeInstances",
            items=f"Reservations[].Instances[].{{id: InstanceId, {_NAME}, state: State.Name, "
            "type: InstanceType, image: ImageId, key: KeyName, platform: PlatformDetails, "
            "architecture: Architecture, zone: Placement.AvailabilityZone, vpc: VpcId, subnet: SubnetId, "
            "private_ip: PrivateIpAddress, public_ip: PublicIpAddress, launched: LaunchTime, "
            "profile: IamInstanceProfile.Arn, metadata_tokens: MetadataOptions.HttpTokens, "
            "security_groups: SecurityGroups[].{id: GroupId, name: GroupName}, "
            "volumes: BlockDeviceMappings[].{device: DeviceName, id: Ebs.VolumeId}, "
            "tags: Tags[].{key: Key, value: Value}}",
            sends={"instance_id": listed("InstanceIds")},
            requires=("instance_id",),
        ),
        Operation(
            name="list_instance_status",
            summary="health checks of running instances",
            api="DescribeInstanceStatus",
            items="InstanceStatuses[].{id: InstanceId, state: InstanceState.Name, "
            "instance: InstanceStatus.Status, system: SystemStatus.Status, zone: AvailabilityZone, "
            "events: Events[].{code: Code, description: Description, not_before: NotBefore}}",
            sends={"state": filtered("instance-state-name")},
            always={"IncludeAllInstances": False},
            paging=_PAGES,
        ),
        Operation(
            name="list_volumes",
            summary="disks with size, type, state and where they are attached",
            api="DescribeVolumes",
            items=f"Volumes[].{{id: VolumeId, {_NAME}, state: State, size_gib: Size, type: VolumeType, "
            "encrypted: Encrypted, zone: AvailabilityZone, attached_to: Attachments[].InstanceId, "
            "created: CreateTime}",
            sends={"state": filtered("status"), "tag": tagged},
            paging=_PAGES,
        ),
        Operation(
            name="list_snapshots",
            summary="the account's own disk snapshots",
            api="DescribeSnapshots",
            items=f"Snapshots[].{{id: SnapshotId, {_NAME}, state: State, volume: VolumeId, "
            "size_gib: VolumeSize, encrypted: Encrypted, started: StartTime, description: Description}",
            sends={"state": filtered("status"), "tag": tagged},
            always={"OwnerIds": ["self"]},
            paging=_PAGES,
        ),
        Operation(
            name="list_images",
            summary="the account's own machine images",
            api="DescribeImages",
            items="Images[].{id: ImageId, name: Name, state: State, architecture: Architecture, "
            "platform: PlatformDetails, public: Public, created: CreationDate}",
            sends={"state": filtered("state"), "tag": tagged},
            always={"Owners": ["self"]},
            paging=Paging(minimum=5, maximum=1000),
        ),
        Operation(
            name="list_addresses",
            summary="elastic IP addresses and what uses them",
            api="DescribeAddresses",
            items=f"Addresses[].{{id: AllocationId, {_NAME}, public_ip: PublicIp, "
            "private_ip: PrivateIpAddress, instance: InstanceId, interface: NetworkInterfaceId}",
            sends={"tag": tagged},
        ),
        Operation(
            name="list_key_pairs",
            summary="key pairs by name and fingerprint",
            api="DescribeKeyPairs",
            items="KeyPairs[].{id: KeyPairId, name: KeyName, type: KeyType, fingerprint: KeyFingerprint, "
            "created: CreateTime}",
            sends={"tag": tagged},
        ),
        Operation(
            name="list_vpcs",
            summary="virtual networks with their address ranges",
            api="DescribeVpcs",
            items=f"Vpcs[].{{id: VpcId, {_NAME}, state: State, cidr: CidrBlock, default: IsDefault}}",
            sends={"state": filtered("state"), "vpc_id": filtered("vpc-id"), "tag": tagged},
            paging=_PAGES,
        ),
        Operation(
            name="list_subnets",
            summary="subnets with zone, range and free addresses",
            api="DescribeSubnets",
            items=f"Subnets[].{{id: SubnetId, {_NAME}, vpc: VpcId, zone: AvailabilityZone, "
            "cidr: CidrBlock, free_addresses: AvailableIpAddressCount, public: MapPublicIpOnLaunch}",
            sends={"state": filtered("state"), "vpc_id": filtered("vpc-id"), "tag": tagged},
            paging=_PAGES,
        ),
        Operation(
            name="list_security_groups",
            summary="firewall groups with what they let in",
            api="DescribeSecurityGroups",
            items="SecurityGroups[].{id: GroupId, name: GroupName, vpc: VpcId, description: Description, "
            "ingress: IpPermissions[].{protocol: IpProtocol, from: FromPort, to: ToPort, "
            "cidrs: IpRanges[].CidrIp, groups: UserIdGroupPairs[].GroupId}}",
            sends={"vpc_id": filtered("vpc-id"), "tag": tagged},
            paging=_PAGES,
        ),
    ),
    parameters=(
        Parameter(
            name="instance_id",
            description="An instance id such as i-0123456789abcdef0.",
            max_length=400,
        ),
        Parameter(
            name="state",
            description="Only what is in this state: instances are running or stopped, others available.",
            one_of=_STATES,
        ),
        Parameter(name="type", description="Only instances of this type, such as t3.micro.", max_length=32),
        Parameter(name="vpc_id", description="Only what is in this network (vpc-…).", max_length=32),
        Parameter(
            name="tag", description="Only what has this tag, as key=value or only key.", max_length=385
        ),
    ),
)
