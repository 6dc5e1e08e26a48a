"""`ecs_read_operations`: clusters, services, tasks and their definitions.

Environment variables and secrets of containers are shown by name only. Commands are not shown, because
keys are often passed in them.
"""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import (
    Batch,
    Missing,
    Operation,
    Paging,
    ServiceTool,
    alone,
    member,
)

_PAGES = Paging(size="maxResults", maximum=100, cursor="nextToken", next="nextToken")
_CLUSTER = {"cluster": member("cluster")}
_TAGS = "tags: tags[].{key: key, value: value}"
_CLUSTERS = (
    "name: clusterName, status: status, running_tasks: runningTasksCount, "
    "pending_tasks: pendingTasksCount, services: activeServicesCount, "
    "instances: registeredContainerInstancesCount, capacity_providers: capacityProviders, arn: clusterArn"
)
_SERVICES = (
    "name: serviceName, status: status, desired: desiredCount, running: runningCount, "
    "pending: pendingCount, launch_type: launchType, task_definition: taskDefinition, "
    "created: createdAt, arn: serviceArn"
)
_TASKS = (
    "id: taskArn, group: group, status: lastStatus, desired: desiredStatus, health: healthStatus, "
    "launch_type: launchType, zone: availabilityZone, cpu: cpu, memory: memory, started: startedAt, "
    "stopped: stoppedAt, stop_reason: stoppedReason, task_definition: taskDefinitionArn"
)
_HINT = "Check the name, the cluster and the region; {} shows what there is."

TOOL = ServiceTool(
    name="ecs_read_operations",
    title="ECS: read",
    service="ecs",
    subject="Reads Amazon ECS and Fargate: container clusters, services, tasks, task definitions, container "
    "instances, deployments and why tasks stopped. Environment variables and secrets by name only.",
    operations=(
        Operation(
            name="list_clusters",
            summary="clusters with running and pending tasks, services and instances",
            api="ListClusters",
            items="clusterArns",
            batch=Batch(
                api="DescribeClusters", member="clusters", items=f"clusters[].{{{_CLUSTERS}}}", key="arn"
            ),
            paging=_PAGES,
        ),
        Operation(
            name="describe_cluster",
            summary="one cluster's settings, capacity providers and tags",
            api="DescribeClusters",
            items=f"clusters[].{{{_CLUSTERS}, settings: settings[].{{name: name, value: value}}, {_TAGS}}}",
            always={"include": ["SETTINGS", "TAGS"]},
            sends={"cluster": alone("clusters")},
            requires=("cluster",),
            nothing=_HINT.format("list_clusters"),
        ),
        Operation(
            name="list_services",
            summary="services of a cluster with desired and running tasks",
            api="ListServices",
            items="serviceArns",
            sends=_CLUSTER,
            batch=Batch(
                api="DescribeServices",
                member="services",
                items=f"services[].{{{_SERVICES}}}",
                key="arn",
                size=10,
                sends=("cluster",),
            ),
            paging=_PAGES,
        ),
        Operation(
            name="describe_service",
            summary="one service's deployments, latest events, network, load balancers and tags",
            api="DescribeServices",
            items=f"services[].{{{_SERVICES}, deployments: deployments[].{{status: status, "
            "state: rolloutState, reason: rolloutStateReason, task_definition: taskDefinition, "
            "desired: desiredCount, running: runningCount, failed: failedTasks, updated: updatedAt}, "
            "events: events[:10].{time: createdAt, message: message}, "
            "load_balancers: loadBalancers[].{target_group: targetGroupArn, container: containerName, "
            "port: containerPort}, subnets: networkConfiguration.awsvpcConfiguration.subnets, "
            "security_groups: networkConfiguration.awsvpcConfiguration.securityGroups, "
            f"public_ip: networkConfiguration.awsvpcConfiguration.assignPublicIp, {_TAGS}}}",
            always={"include": ["TAGS"]},
            sends={**_CLUSTER, "service": alone("services")},
            requires=("service",),
            nothing=_HINT.format("list_services"),
        ),
        Operation(
            name="list_tasks",
            summary="running tasks of a cluster or service, or stopped ones with the reason",
            api="ListTasks",
            items="taskArns",
            always={"desiredStatus": "RUNNING"},
            sends={
                **_CLUSTER,
                "service": member("serviceName"),
                "family": member("family"),
                "status": member("desiredStatus"),
            },
            batch=Batch(
                api="DescribeTasks",
                member="tasks",
                items=f"tasks[].{{{_TASKS}}}",
                key="id",
                sends=("cluster",),
            ),
            paging=_PAGES,
        ),
        Operation(
            name="describe_task",
            summary="one task's containers with state, exit code, reason and image",
            api="DescribeTasks",
            items=f"tasks[].{{{_TASKS}, stop_code: stopCode, created: createdAt, "
            "containers: containers[].{name: name, status: lastStatus, exit_code: exitCode, "
            "reason: reason, health: healthStatus, image: image, "
            f"addresses: networkInterfaces[].privateIpv4Address}}, {_TAGS}}}",
            always={"include": ["TAGS"]},
            sends={**_CLUSTER, "task": alone("tasks")},
            requires=("task",),
            nothing=_HINT.format("list_tasks"),
        ),
        Operation(
            name="list_task_definitions",
            summary="active task definitions, newest first, by family",
            api="ListTaskDefinitions",
            items="taskDefinitionArns[].{arn: @}",
            always={"sort": "DESC"},
            sends={"family": member("familyPrefix")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_task_definition",
            summary="one task definition's containers, images, ports, sizes, roles and variable names",
            api="DescribeTaskDefinition",
            items="[taskDefinition.{family: family, revision: revision, status: status, "
            "arn: taskDefinitionArn, cpu: cpu, memory: memory, network: networkMode, "
            "compatible: requiresCompatibilities, task_role: taskRoleArn, "
            "execution_role: executionRoleArn, registered: registeredAt, "
            "containers: containerDefinitions[].{name: name, image: image, cpu: cpu, memory: memory, "
            "essential: essential, ports: portMappings[].containerPort, "
            "environment_names: environment[].name, secret_names: secrets[].name, "
            'log_driver: logConfiguration.logDriver, log_group: logConfiguration.options."awslogs-group", '
            "health_check: healthCheck && `true`}, "
            "volumes: volumes[].name}]",
            sends={"task_definition": member("taskDefinition")},
            requires=("task_definition",),
        ),
        Operation(
            name="list_container_instances",
            summary="machines of a cluster with state and tasks",
            api="ListContainerInstances",
            items="containerInstanceArns",
            sends=_CLUSTER,
            batch=Batch(
                api="DescribeContainerInstances",
                member="containerInstances",
                items="containerInstances[].{instance: ec2InstanceId, status: status, "
                "connected: agentConnected, running_tasks: runningTasksCount, "
                "pending_tasks: pendingTasksCount, registered: registeredAt, "
                "agent: versionInfo.agentVersion, arn: containerInstanceArn}",
                key="arn",
                sends=("cluster",),
            ),
            paging=_PAGES,
        ),
    ),
    parameters=(
        Parameter(
            name="cluster",
            description="The name or ARN of a cluster; the one named default when left out.",
            max_length=400,
        ),
        Parameter(name="service", description="The name or ARN of a service.", max_length=400),
        Parameter(name="task", description="The id or ARN of a task.", max_length=400),
        Parameter(
            name="task_definition",
            description="A task definition as family, family:revision or ARN.",
            max_length=400,
        ),
        Parameter(
            name="family", description="Only task definitions or tasks of this family.", max_length=255
        ),
        Parameter(
            name="status",
            description="Whether to list running or stopped tasks; running when left out.",
            one_of=("RUNNING", "PENDING", "STOPPED"),
        ),
    ),
    missing=(
        Missing(code="ClusterNotFoundException", hint=_HINT.format("list_clusters")),
        Missing(code="ServiceNotFoundException", hint=_HINT.format("list_services")),
        Missing(
            code="ClientException",
            says="Unable to describe task definition",
            hint=_HINT.format("list_task_definitions"),
        ),
    ),
)
