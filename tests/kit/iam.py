"""Users and roles of a running endpoint's IAM, with policies as lists of statements, and their keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import boto3

from skerry.auth.aws.sigv4 import Credentials

ACCOUNT = "123456789012"
Statements = Sequence[Mapping[str, Any]]


class NoPolicies:
    """Implements `stored_policies.PolicySource`: no resource of the embedded cloud has one."""

    async def policies(self, asked: Sequence[Mapping[str, str]]) -> list[list[dict[str, Any]]]:
        return [[] for _ in asked]


def document(*statements: Mapping[str, Any]) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **members: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **members}


def deny(action: str | list[str], resource: str | list[str] = "*", **members: Any) -> dict[str, Any]:
    """A statement that denies."""
    return {**allow(action, resource), "Effect": "Deny", **members}


def trust(principal: Any, **condition: Any) -> str:
    """A trust policy for one principal; keywords are the operators of its Condition."""
    made: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return document(made | ({"Condition": condition} if condition else {}))


def user(iam: Any, name: str, *statements: Mapping[str, Any], **members: Any) -> Credentials:
    """A new user with one inline policy, `own`; its key."""
    iam.create_user(UserName=name, **members)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"])


def role(iam: Any, name: str, trusted: str, *statements: Mapping[str, Any], **members: Any) -> str:
    """A new role with one inline policy, `own`; its ARN."""
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, **members)["Role"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return str(made["Arn"])


def taken(sts: Any, arn: str, session: str = "night", **members: Any) -> Credentials:
    """Credentials of a role."""
    found = sts.assume_role(RoleArn=arn, RoleSessionName=session, **members)["Credentials"]
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def session(environment: Mapping[str, str], key: Credentials | None = None) -> boto3.session.Session:
    """A boto3 session of a running stack, by what `skerry env` prints; with another key."""
    own = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    chosen = key or own
    return boto3.session.Session(
        aws_access_key_id=chosen.access_key_id,
        aws_secret_access_key=chosen.secret_access_key,
        aws_session_token=chosen.session_token,
        region_name=environment["AWS_REGION"],
    )
