"""A Kubernetes cluster of EKS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """The cluster `shop` with a node group and a Fargate profile, and `test`."""
    eks, ec2 = client("eks"), client("ec2")
    found = ec2.describe_subnets()["Subnets"][:2]  # of the network that is always there
    subnets = [subnet["SubnetId"] for subnet in found]
    role = "arn:aws:iam::123456789012:role/eks"
    network = {"subnetIds": subnets, "endpointPublicAccess": True, "endpointPrivateAccess": True}
    made = eks.create_cluster(
        name="shop", version="1.33", roleArn=role, resourcesVpcConfig=network, tags={"team": "shop"}
    )["cluster"]
    eks.create_cluster(name="test", version="1.31", roleArn=role, resourcesVpcConfig=network)
    eks.create_nodegroup(
        clusterName="shop",
        nodegroupName="workers",
        nodeRole=role,
        subnets=subnets,
        instanceTypes=["m7g.large"],
        scalingConfig={"minSize": 1, "maxSize": 5, "desiredSize": 3},
        labels={"pool": "main"},
        diskSize=40,
    )
    eks.create_fargate_profile(
        clusterName="shop",
        fargateProfileName="jobs",
        podExecutionRoleArn=role,
        subnets=subnets,
        selectors=[{"namespace": "jobs"}],
    )
    return {"subnets": subnets, "certificate": made["certificateAuthority"]["data"]}
