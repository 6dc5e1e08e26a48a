"""A catalogue of over 10,000 tools that real people named and described: operations of AWS services.

Made from the service models that botocore ships; each service is a target, each operation a tool of it.
"""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore

SERVICES = """
    acm apigateway apigatewayv2 application-autoscaling appstream athena autoscaling backup batch
    bedrock bedrock-agent bedrock-agentcore-control bedrock-runtime budgets ce chime-sdk-voice
    cleanrooms cloudformation cloudfront cloudtrail cloudwatch codebuild codepipeline cognito-idp
    comprehend config connect customer-profiles datasync datazone deadline dms dynamodb ec2 ecr ecs efs
    eks elasticache elbv2 events gamelift geo-places geo-routes glacier glue guardduty iam inspector2
    iot iot-managed-integrations iotsitewise iotwireless kinesis kms lambda location logs macie2
    mediaconnect medialive mgn networkmanager odb omics opensearch organizations polly proton qbusiness
    qconnect quicksight rds redshift redshift-data rekognition resourcegroupstaggingapi route53
    route53domains s3 s3control sagemaker sagemaker-runtime scheduler secretsmanager securityagent
    securityhub service-quotas servicecatalog ses sesv2 sns sqs ssm stepfunctions storagegateway sts
    support textract transcribe translate wafv2 wellarchitected workmail workspaces xray
""".split()  # noqa: SIM905
"""Services that a platform team meets; those that another replaced are left out."""

_TAG = re.compile(r"<[^>]+>|\s+")
DESCRIBED = 400
"""Characters of an operation's documentation that become its description."""


def targets() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Services and the definitions of their tools."""
    data = Path(botocore.__file__).parent / "data"
    for service in SERVICES:
        newest = max(path for path in (data / service).iterdir() if path.is_dir())
        model = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
        yield service, [_tool(name, operation, model) for name, operation in model["operations"].items()]


def _tool(name: str, operation: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    told = html.unescape(_TAG.sub(" ", operation.get("documentation", "")))
    members = model["shapes"].get(operation.get("input", {}).get("shape", ""), {}).get("members", {})
    return {
        "name": name,
        "description": " ".join(told.split())[:DESCRIBED],
        "inputSchema": {"type": "object", "properties": {member: {} for member in members}},
    }
