"""Answers for operations of the AWS tools that moto does not have, with made-up content."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.kit.aws_fixtures import Answers, Error

NOW = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
SECRET = "fixture-secret-that-must-not-show"
_ADDONS = {
    "coredns": ("v1.12.1", []),
    "vpc-cni": ("v1.19.0", [{"code": "AccessDenied", "message": "no role"}]),
}


def _addon(asked: dict[str, Any]) -> Any:
    version, issues = _ADDONS[asked["addonName"]]
    addon = {
        "addonName": asked["addonName"],
        "clusterName": asked["name"] if "name" in asked else asked["clusterName"],
        "status": "DEGRADED" if issues else "ACTIVE",
        "addonVersion": version,
        "owner": "aws",
        "health": {"issues": issues},
        "configurationValues": f'{{"key": "{SECRET}"}}',
    }
    return {"addon": addon}


def _simulated(asked: dict[str, Any]) -> Any:
    if asked["PolicySourceArn"].endswith("/nobody"):
        return Error("NoSuchEntity", "The role with name nobody cannot be found.", 404)
    actions = [value for name, value in sorted(asked.items()) if name.startswith("ActionNames.member.")]
    resource = asked.get("ResourceArns.member.1", "*")
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed" if action == "s3:GetObject" else "implicitDeny",
            "MatchedStatements": [{"SourcePolicyId": "read-reports"}] if action == "s3:GetObject" else [],
            "MissingContextValues": [],
        }
        for action in actions
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


ANSWERS: Answers = {
    ("lambda", "GetAccountSettings"): {
        "AccountLimit": {
            "TotalCodeSize": 80530636800,
            "ConcurrentExecutions": 1000,
            "UnreservedConcurrentExecutions": 900,
        },
        "AccountUsage": {"TotalCodeSize": 4096, "FunctionCount": 12},
    },
    ("cloudformation", "DescribeStackResourceDrifts"): {
        "StackResourceDrifts": [
            {
                "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/shop/1",
                "LogicalResourceId": "Events",
                "PhysicalResourceId": "stack-events",
                "ResourceType": "AWS::SQS::Queue",
                "StackResourceDriftStatus": "MODIFIED",
                "Timestamp": NOW,
                "ExpectedProperties": f'{{"Key": "{SECRET}"}}',
                "ActualProperties": f'{{"Key": "{SECRET}"}}',
                "PropertyDifferences": [
                    {
                        "PropertyPath": "/Key",
                        "ExpectedValue": SECRET,
                        "ActualValue": SECRET,
                        "DifferenceType": "NOT_EQUAL",
                    }
                ],
            }
        ]
    },
    ("iam", "SimulatePrincipalPolicy"): _simulated,
    ("rds", "DescribePendingMaintenanceActions"): {
        "PendingMaintenanceActions": [
            {
                "ResourceIdentifier": "arn:aws:rds:us-east-1:111122223333:db:orders",
                "PendingMaintenanceActionDetails": [
                    {
                        "Action": "system-update",
                        "Description": "New operating system",
                        "AutoAppliedAfterDate": NOW,
                    }
                ],
            }
        ]
    },
    ("monitoring", "DescribeAlarmHistory"): {
        "AlarmHistoryItems": [
            {
                "AlarmName": "errors-high",
                "AlarmType": "MetricAlarm",
                "Timestamp": NOW,
                "HistoryItemType": "StateUpdate",
                "HistorySummary": "Alarm updated from OK to ALARM",
                "HistoryData": "{}",
            }
        ]
    },
    ("eks", "ListAddons"): {"addons": list(_ADDONS)},
    ("eks", "DescribeAddon"): _addon,
    ("eks", "ListAccessEntries"): {"accessEntries": ["arn:aws:iam::111122223333:role/admin"]},
    ("eks", "ListInsights"): {
        "insights": [
            {
                "id": "1",
                "name": "Deprecated APIs removed in Kubernetes 1.34",
                "category": "UPGRADE_READINESS",
                "kubernetesVersion": "1.34",
                "lastRefreshTime": NOW,
                "description": "Checks for deprecated APIs.",
                "insightStatus": {"status": "WARNING", "reason": "2 objects use them"},
            }
        ]
    },
}
