"""`eks_read_operations`: Kubernetes clusters as AWS sees them; no tokens, no certificates, no kubeconfig."""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Detail, Missing, Operation, Paging, ServiceTool, member

_PAGES = Paging(size="maxResults", maximum=100, cursor="nextToken", next="nextToken")
_CLUSTER = {"cluster": member("clusterName")}
_GONE = ("ResourceNotFoundException",)
_TAGS = "tags: tags"
_ISSUES = "issues: health.issues[].{code: code, message: message}"
_CLUSTERS = "status: status, version: version, platform: platformVersion, created: createdAt"
_NODEGROUP = (
    "status: status, version: version, instance_types: instanceTypes, capacity: capacityType, "
    "desired: scalingConfig.desiredSize, minimum: scalingConfig.minSize, "
    "maximum: scalingConfig.maxSize"
)

TOOL = ServiceTool(
    name="eks_read_operations",
    title="EKS: read",
    service="eks",
    subject="Reads Amazon EKS: Kubernetes clusters, versions, node groups, Fargate profiles, add-ons, access "
    "entries and upgrade insights. Not what runs inside; no tokens, no kubeconfig.",
    operations=(
        Operation(
            name="list_clusters",
            summary="clusters with status and Kubernetes version",
            api="ListClusters",
            items="clusters[].{name: @}",
            paging=_PAGES,
            details=(
                Detail(
                    api="DescribeCluster",
                    fields=f"cluster.{{{_CLUSTERS}}}",
                    takes={"name": "name"},
                    absent=_GONE,
                ),
            ),
        ),
        Operation(
            name="describe_cluster",
            summary="one cluster's endpoint, network, logging, access, health and tags",
            api="DescribeCluster",
            items=f"[cluster.{{name: name, {_CLUSTERS}, arn: arn, endpoint: endpoint, role: roleArn, "
            "vpc: resourcesVpcConfig.vpcId, subnets: resourcesVpcConfig.subnetIds, "
            "public_endpoint: resourcesVpcConfig.endpointPublicAccess, "
            "private_endpoint: resourcesVpcConfig.endpointPrivateAccess, "
            "public_cidrs: resourcesVpcConfig.publicAccessCidrs, "
            "service_cidr: kubernetesNetworkConfig.serviceIpv4Cidr, "
            "logging: logging.clusterLogging[?enabled].types[], "
            "issuer: identity.oidc.issuer, authentication: accessConfig.authenticationMode, "
            "support: upgradePolicy.supportType, deletion_protection: deletionProtection, "
            f"encrypted: encryptionConfig[].resources[], {_ISSUES}, {_TAGS}}}]",
            sends={"cluster": member("name")},
            requires=("cluster",),
        ),
        Operation(
            name="list_nodegroups",
            summary="node groups of a cluster with size, instance types and status",
            api="ListNodegroups",
            items="nodegroups[].{name: @}",
            sends=_CLUSTER,
            requires=("cluster",),
            paging=_PAGES,
            details=(
                Detail(
                    api="DescribeNodegroup",
                    fields=f"nodegroup.{{{_NODEGROUP}}}",
                    sends=("cluster",),
                    takes={"nodegroupName": "name"},
                    absent=_GONE,
                ),
            ),
        ),
        Operation(
            name="describe_nodegroup",
            summary="one node group's image, disk, labels, taints, health and tags",
            api="DescribeNodegroup",
            items=f"[nodegroup.{{name: nodegroupName, {_NODEGROUP}, release: releaseVersion, "
            "image: amiType, disk_gib: diskSize, role: nodeRole, subnets: subnets, labels: labels, "
            "taints: taints, launch_template: launchTemplate.name, "
            "scaling_groups: resources.autoScalingGroups[].name, created: createdAt, "
            f"changed: modifiedAt, {_ISSUES}, {_TAGS}}}]",
            sends={**_CLUSTER, "nodegroup": member("nodegroupName")},
            requires=("nodegroup", "cluster"),
        ),
        Operation(
            name="list_fargate_profiles",
            summary="Fargate profiles of a cluster with the namespaces they take",
            api="ListFargateProfiles",
            items="fargateProfileNames[].{name: @}",
            sends=_CLUSTER,
            requires=("cluster",),
            paging=_PAGES,
            details=(
                Detail(
                    api="DescribeFargateProfile",
                    fields="fargateProfile.{status: status, selectors: selectors, subnets: subnets, "
                    "role: podExecutionRoleArn}",
                    sends=("cluster",),
                    takes={"fargateProfileName": "name"},
                    absent=_GONE,
                ),
            ),
        ),
        Operation(
            name="list_addons",
            summary="add-ons of a cluster with version and health",
            api="ListAddons",
            items="addons[].{name: @}",
            sends=_CLUSTER,
            requires=("cluster",),
            paging=_PAGES,
            details=(
                Detail(
                    api="DescribeAddon",
                    fields=f"addon.{{status: status, version: addonVersion, owner: owner, {_ISSUES}}}",
                    sends=("cluster",),
                    takes={"addonName": "name"},
                    absent=_GONE,
                ),
            ),
        ),
        Operation(
            name="list_access_entries",
            summary="users and roles that may sign in to a cluster",
            api="ListAccessEntries",
            items="accessEntries[].{principal: @}",
            sends=_CLUSTER,
            requires=("cluster",),
            paging=_PAGES,
        ),
        Operation(
            name="list_insights",
            summary="what stands in the way of an upgrade of a cluster",
            api="ListInsights",
            items="insights[].{name: name, category: category, status: insightStatus.status, "
            "reason: insightStatus.reason, version: kubernetesVersion, description: description, "
            "checked: lastRefreshTime}",
            sends=_CLUSTER,
            requires=("cluster",),
            paging=_PAGES,
        ),
    ),
    parameters=(
        Parameter(name="cluster", description="The name of a cluster.", max_length=100),
        Parameter(name="nodegroup", description="The name of a node group.", max_length=100),
    ),
    missing=(
        Missing(
            code="ResourceNotFoundException",
            hint="Check the name and the region; list_clusters and list_nodegroups show what there is.",
        ),
    ),
)
