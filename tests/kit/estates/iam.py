"""Users, roles, groups and policies of IAM."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com", "AWS": "arn:aws:iam::123456789012:root"},
        }
    ],
}
READ = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}],
}
PASSWORD = "Password-That-Must-Not-Show-1"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """The user `ada` with key, group and MFA device, the role `reader`, and the policy they have."""
    iam = client("iam")
    policy = iam.create_policy(PolicyName="read-reports", PolicyDocument=json.dumps(READ))["Policy"]["Arn"]
    iam.create_user(UserName="ada", Tags=[{"Key": "team", "Value": "shop"}])
    iam.create_user(UserName="bob")
    iam.create_login_profile(UserName="ada", Password=PASSWORD)
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName="ada", SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    iam.create_group(GroupName="operators")
    iam.add_user_to_group(GroupName="operators", UserName="ada")
    iam.attach_group_policy(GroupName="operators", PolicyArn=policy)
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=json.dumps(READ))
    iam.attach_user_policy(UserName="ada", PolicyArn=policy)
    iam.create_role(
        RoleName="reader",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Description="Reads reports.",
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    iam.attach_role_policy(RoleName="reader", PolicyArn=policy)
    iam.put_role_policy(RoleName="reader", PolicyName="inline", PolicyDocument=json.dumps(READ))
    iam.create_instance_profile(InstanceProfileName="machines")
    iam.add_role_to_instance_profile(InstanceProfileName="machines", RoleName="reader")
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True)
    iam.generate_credential_report()
    return {
        "policy": policy,
        "key": key["AccessKeyId"],
        "secrets": (key["SecretAccessKey"], PASSWORD),
        "device": device,
    }
