"""Functions of Lambda, one of them with everything that can be set."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from tests.kit.estates import iam

SECRET = "lambda-secret-that-must-not-show"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """Three functions of two runtimes, versions, an alias, a trigger, a layer, a URL and a policy."""
    functions = client("lambda")
    role = client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument=json.dumps(iam.TRUST))
    common = {"Role": role["Role"]["Arn"], "Code": {"ZipFile": _archive()}, "Handler": "main.handler"}
    orders = functions.create_function(
        FunctionName="orders",
        Runtime="python3.12",
        Description="Takes orders.",
        Timeout=30,
        MemorySize=512,
        Environment={"Variables": {"TABLE": "orders", "API_KEY": SECRET}},
        Tags={"team": "shop"},
        **common,
    )
    functions.create_function(FunctionName="mail", Runtime="python3.11", **common)
    functions.create_function(FunctionName="web", Runtime="nodejs22.x", **common)
    functions.publish_version(FunctionName="orders", Description="first")
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    functions.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=7)
    functions.add_permission(
        FunctionName="orders", StatementId="gateway", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )  # fmt: skip
    functions.create_function_url_config(FunctionName="orders", AuthType="AWS_IAM")
    functions.publish_layer_version(
        LayerName="libraries", Content={"ZipFile": _archive()}, CompatibleRuntimes=["python3.12"]
    )
    queue = client("sqs").create_queue(QueueName="lambda-trigger")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    mapping = functions.create_event_source_mapping(
        FunctionName="orders", EventSourceArn=arn["Attributes"]["QueueArn"], BatchSize=5
    )
    return {"arn": orders["FunctionArn"], "mapping": mapping["UUID"], "secret": SECRET}


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return 1\n")
    return buffer.getvalue()
