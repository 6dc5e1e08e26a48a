"""Roles of IAM as CloudFormation makes them: with all of their policies, and changed with their template.

Moto attaches no managed policy, keeps inline ones as objects that IAM's API cannot show, and changes nothing
but the description.

Source: CloudFormation template reference, AWS::IAM::Role.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.iam.models import Role, iam_backends
from moto.utilities.utils import get_partition

from skerry.local.aws import managed_policies

_BY_TEMPLATE = "skerry_by_template"
"""Member of moto's role: the names of inline policies and the ARNs of managed ones that its template has."""


def make_roles_as_iam_does() -> None:
    """Changes moto's role, for every stack."""
    create, update, delete = (
        getattr(Role, name).__func__
        for name in (
            "create_from_cloudformation_json",
            "update_from_cloudformation_json",
            "delete_from_cloudformation_json",
        )
    )

    def created(cls: type[Role], name: str, definition: Any, account: str, region: str, **rest: Any) -> Role:
        role: Role = create(cls, name, _without_policies(definition), account, region, **rest)
        whole = False
        try:
            _bring(role, definition["Properties"], account, region)
            whole = True
        finally:
            if not whole:  # it was not made, and its name is free
                deleted(cls, role.name, definition, account, region)
        return role

    def updated(cls: type[Role], **given: Any) -> Role:
        role: Role = update(cls, **given)
        properties = given["cloudformation_json"]["Properties"]
        role.max_session_duration = properties.get("MaxSessionDuration", 3600)
        role.assume_role_policy_document = _text(properties["AssumeRolePolicyDocument"])
        role.permissions_boundary_arn = properties.get("PermissionsBoundary", "")
        _bring(role, properties, given["account_id"], given["region_name"])
        return role

    def deleted(cls: type[Role], resource_name: str, definition: Any, account: str, region: str) -> None:
        iam = iam_backends[account][get_partition(region)]
        role = next((item for item in list(iam.roles.values()) if item.name == resource_name), None)
        for arn in getattr(role, _BY_TEMPLATE, ((), ()))[1]:
            if arn in role.managed_policies:  # type: ignore[union-attr]
                iam.detach_role_policy(arn, resource_name)
        delete(cls, resource_name, definition, account, region)

    for name, made in (("create", created), ("update", updated), ("delete", deleted)):
        setattr(Role, f"{name}_from_cloudformation_json", classmethod(made))


def _bring(role: Role, properties: Mapping[str, Any], account: str, region: str) -> None:
    """Gives a role the policies of its template, and takes those away that it has no more."""
    iam = iam_backends[account][get_partition(region)]
    inline = {item["PolicyName"]: _text(item["PolicyDocument"]) for item in properties.get("Policies") or []}
    managed = list(properties.get("ManagedPolicyArns") or [])
    names, arns = getattr(role, _BY_TEMPLATE, ((), ()))
    setattr(role, _BY_TEMPLATE, ([], []))
    for name in set(names) - set(inline):
        role.policies.pop(name, None)
    for name, text in inline.items():
        role.put_policy(name, text)
        getattr(role, _BY_TEMPLATE)[0].append(name)
    for arn in set(arns) - set(managed):
        if arn in role.managed_policies:
            iam.detach_role_policy(arn, role.name)
    if any(map(managed_policies.is_of_aws, managed)):
        managed_policies.bring(iam)
    for arn in managed:
        if arn not in role.managed_policies:
            iam.attach_role_policy(arn, role.name)
        getattr(role, _BY_TEMPLATE)[1].append(arn)


def _without_policies(definition: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in definition["Properties"].items() if name != "Policies"}
    return {**definition, "Properties": kept}


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)
