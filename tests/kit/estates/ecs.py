"""Clusters, services and tasks of ECS."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SECRET = "container-secret-that-must-not-show"
PARAMETER = "arn:aws:secretsmanager:us-east-1:123456789012:secret:where-the-key-is"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """The cluster `shop` with a service, a running and a stopped task, and a machine."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName="shop", tags=[{"key": "team", "value": "shop"}])
    ecs.create_cluster(clusterName="batch")
    definition = {
        "family": "web",
        "networkMode": "bridge",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "app",
                "image": "example.com/shop/web:1.4",
                "cpu": 128,
                "memory": 256,
                "essential": True,
                "command": ["serve", f"--key={SECRET}"],
                "portMappings": [{"containerPort": 8080}],
                "environment": [{"name": "API_KEY", "value": SECRET}, {"name": "STAGE", "value": "live"}],
                "secrets": [{"name": "PASSWORD", "valueFrom": PARAMETER}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/shop/web"}},
            }
        ],
    }
    for _ in range(2):
        made = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web:2",
        desiredCount=2,
        launchType="EC2",
    )
    machine = client("ec2").describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
    document = {"instanceId": machine, "region": "us-east-1", "accountId": "123456789012"}
    ecs.register_container_instance(
        cluster="shop",
        instanceIdentityDocument=json.dumps(document),
        instanceIdentityDocumentSignature="none",
    )
    overrides = {"containerOverrides": [{"name": "app", "environment": [{"name": "KEY", "value": SECRET}]}]}
    tasks = [
        ecs.run_task(cluster="shop", taskDefinition="web:2", launchType="EC2", overrides=overrides)["tasks"][
            0
        ]["taskArn"]
        for _ in range(2)
    ]
    ecs.stop_task(cluster="shop", task=tasks[1], reason="by hand")
    return {
        "definition": made,
        "tasks": tasks,
        "machine": machine,
        "secrets": (SECRET, PARAMETER),
    }
