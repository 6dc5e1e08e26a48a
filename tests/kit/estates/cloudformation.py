"""Stacks of CloudFormation: one with secrets, one that is gone, and an export."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SECRET = "stack-secret-that-must-not-show"
DEFAULT_SECRET = "default-secret-that-must-not-show"

SHOP = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "The shop.",
    "Parameters": {
        "Stage": {"Type": "String", "Default": "test", "AllowedValues": ["test", "live"]},
        "Password": {"Type": "String", "NoEcho": True, "Default": DEFAULT_SECRET},
    },
    "Resources": {
        "Events": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "stack-events"}},
        "Alerts": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "stack-alerts"}},
    },
    "Outputs": {
        "QueueUrl": {
            "Value": {"Ref": "Events"},
            "Description": "where orders go",
            "Export": {"Name": "shop-queue"},
        },
        "Connection": {"Value": {"Fn::Join": ["", ["db://user:", {"Ref": "Password"}, "@host"]]}},
    },
}

YAML = """
Parameters:
  Token:
    Type: String
    NoEcho: true
Resources:
  Inbox:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: yaml-inbox
Outputs:
  Link:
    Value: !Sub "https://example.com/?token=${Token}"
  Inbox:
    Value: !GetAtt Inbox.QueueName
"""


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """Stacks `shop` (JSON), `links` (YAML) and the deleted `old`; a change set and a stack set."""
    stacks = client("cloudformation")
    made = stacks.create_stack(
        StackName="shop",
        TemplateBody=json.dumps(SHOP),
        Parameters=[{"ParameterKey": "Password", "ParameterValue": SECRET}],
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    stacks.create_stack(
        StackName="links",
        TemplateBody=YAML,
        Parameters=[{"ParameterKey": "Token", "ParameterValue": SECRET}],
    )
    small = json.dumps({"Resources": {"Gone": {"Type": "AWS::SQS::Queue"}}})
    stacks.create_stack(StackName="old", TemplateBody=small)
    stacks.delete_stack(StackName="old")
    stacks.create_change_set(
        StackName="shop",
        ChangeSetName="more",
        ChangeSetType="UPDATE",
        TemplateBody=json.dumps(SHOP),
        Description="a change that waits",
    )
    stacks.create_stack_set(StackSetName="everywhere", TemplateBody=small, Description="in all accounts")
    return {"shop": made["StackId"], "secrets": (SECRET, DEFAULT_SECRET)}
