"""`iam_read_operations`: who may do what; never a secret key, a password or a certificate's key.

The credential report is read when there is one and shown as ages and last use; making one is not among
the calls.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from skerry.servers.aws_ops.arguments import Arguments, Parameter
from skerry.servers.aws_ops.definition import (
    Detail,
    Item,
    Members,
    Missing,
    Operation,
    Paging,
    ServiceTool,
    listed,
    member,
)
from skerry.servers.aws_ops.filters import contains

_PAGES = Paging(size="MaxItems", maximum=1000, cursor="Marker", next="Marker")
_USER = {"user": member("UserName")}
_ROLE = {"role": member("RoleName")}
_GROUP = {"group": member("GroupName")}
_NAMED = {"name_contains": contains("name")}
_NOTHING = ("N/A", "no_information", "not_supported", "")
_SCOPES = {"customer": "Local", "aws": "AWS", "all": "All"}
_ATTACHED = "{policies: AttachedPolicies[].{name: PolicyName, arn: PolicyArn}}"
_ROLE_FIELDS = "name: RoleName, description: Description, created: CreateDate, path: Path, arn: Arn"


def _trusted(document: Any) -> list[str]:
    """Who may assume a role, from its trust policy."""
    statements = document.get("Statement", []) if isinstance(document, Mapping) else []
    found: list[str] = []
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        principal = statement.get("Principal", {})
        for values in principal.values() if isinstance(principal, Mapping) else [principal]:
            found += [values] if isinstance(values, str) else values
    return list(dict.fromkeys(found))


def _roles(answer: Members) -> list[Item]:
    return [
        {
            "name": role["RoleName"],
            "description": role.get("Description"),
            "trusts": _trusted(role.get("AssumeRolePolicyDocument")),
            "created": role["CreateDate"],
            "path": role["Path"],
            "arn": role["Arn"],
        }
        for role in answer["Roles"]
    ]


def _summary(answer: Members) -> list[Item]:
    return [{"name": name, "value": value} for name, value in sorted(answer["SummaryMap"].items())]


def _report(answer: Members) -> list[Item]:
    """The credential report's rows: what is enabled, how old it is and when it was last used."""
    rows = csv.DictReader(io.StringIO(answer["Content"].decode("utf-8", "replace")))
    return [
        {
            "name": row["user"],
            "created": row.get("user_creation_time"),
            "password": row.get("password_enabled"),
            "password_last_used": row.get("password_last_used"),
            "password_changed": row.get("password_last_changed"),
            "mfa": row.get("mfa_active"),
            **{
                f"key_{number}_{shown}": row.get(f"access_key_{number}_{column}")
                for number in (1, 2)
                for shown, column in (
                    ("active", "active"),
                    ("rotated", "last_rotated"),
                    ("last_used", "last_used_date"),
                    ("last_service", "last_used_service"),
                )
            },
            "reported": answer.get("GeneratedTime"),
        }
        for row in rows
    ]


def _without_gaps(item: Item) -> Item:
    return {name: value for name, value in item.items() if value not in _NOTHING}


def _policies(arguments: Arguments, _now: float) -> Members:
    return {"Scope": _SCOPES[str(arguments.get("policy_scope", "customer"))]}


TOOL = ServiceTool(
    name="iam_read_operations",
    title="IAM: read",
    service="iam",
    subject="Reads AWS IAM: users, roles, groups, policies and permissions, who trusts whom, access keys by "
    "age and last use, MFA devices, the password policy, and whether an action is allowed.",
    operations=(
        Operation(
            name="list_users",
            summary="users with creation and last sign-in",
            api="ListUsers",
            items="Users[].{name: UserName, created: CreateDate, password_last_used: PasswordLastUsed, "
            "path: Path, arn: Arn}",
            paging=_PAGES,
            keeps=_NAMED,
            scope="account",
        ),
        Operation(
            name="describe_user",
            summary="one user's groups, policies, access keys by id and MFA devices",
            api="GetUser",
            items="[User.{name: UserName, arn: Arn, created: CreateDate, path: Path, "
            "password_last_used: PasswordLastUsed, boundary: PermissionsBoundary.PermissionsBoundaryArn, "
            "tags: Tags[].{key: Key, value: Value}}]",
            sends=_USER,
            requires=("user",),
            details=(
                Detail(api="ListGroupsForUser", fields="{groups: Groups[].GroupName}", sends=("user",)),
                Detail(api="ListAttachedUserPolicies", fields=_ATTACHED, sends=("user",)),
                Detail(api="ListUserPolicies", fields="{inline_policies: PolicyNames}", sends=("user",)),
                Detail(
                    api="ListAccessKeys",
                    fields="{access_keys: AccessKeyMetadata[].{id: AccessKeyId, status: Status, "
                    "created: CreateDate}}",
                    sends=("user",),
                ),
                Detail(
                    api="ListMFADevices",
                    fields="{mfa_devices: MFADevices[].{serial: SerialNumber, enabled: EnableDate}}",
                    sends=("user",),
                ),
            ),
            scope="account",
        ),
        Operation(
            name="list_roles",
            summary="roles with description and who may assume them",
            api="ListRoles",
            items=_roles,
            paging=_PAGES,
            keeps=_NAMED,
            scope="account",
        ),
        Operation(
            name="describe_role",
            summary="one role's trust policy, permissions, last use and tags",
            api="GetRole",
            items=f"[Role.{{{_ROLE_FIELDS}, trust_policy: AssumeRolePolicyDocument, "
            "last_used: RoleLastUsed.LastUsedDate, last_region: RoleLastUsed.Region, "
            "max_session_seconds: MaxSessionDuration, "
            "boundary: PermissionsBoundary.PermissionsBoundaryArn, "
            "tags: Tags[].{key: Key, value: Value}}]",
            sends=_ROLE,
            requires=("role",),
            details=(
                Detail(api="ListAttachedRolePolicies", fields=_ATTACHED, sends=("role",)),
                Detail(api="ListRolePolicies", fields="{inline_policies: PolicyNames}", sends=("role",)),
            ),
            scope="account",
        ),
        Operation(
            name="get_role_policy",
            summary="the document of a role's inline policy",
            api="GetRolePolicy",
            items="[{role: RoleName, policy: PolicyName, document: PolicyDocument}]",
            sends={**_ROLE, "policy_name": member("PolicyName")},
            requires=("policy_name", "role"),
            scope="account",
        ),
        Operation(
            name="list_groups",
            summary="groups of users",
            api="ListGroups",
            items="Groups[].{name: GroupName, created: CreateDate, path: Path, arn: Arn}",
            paging=_PAGES,
            keeps=_NAMED,
            scope="account",
        ),
        Operation(
            name="describe_group",
            summary="one group's members and policies",
            api="GetGroup",
            items="[{name: Group.GroupName, arn: Group.Arn, created: Group.CreateDate, "
            "users: Users[].UserName}]",
            sends=_GROUP,
            requires=("group",),
            details=(
                Detail(api="ListAttachedGroupPolicies", fields=_ATTACHED, sends=("group",)),
                Detail(api="ListGroupPolicies", fields="{inline_policies: PolicyNames}", sends=("group",)),
            ),
            scope="account",
        ),
        Operation(
            name="list_policies",
            summary="managed policies with how often they are attached",
            api="ListPolicies",
            items="Policies[].{name: PolicyName, arn: Arn, attached: AttachmentCount, "
            "version: DefaultVersionId, created: CreateDate, updated: UpdateDate}",
            build=_policies,
            uses=("policy_scope",),
            paging=_PAGES,
            keeps=_NAMED,
            scope="account",
        ),
        Operation(
            name="describe_policy",
            summary="a managed policy's document: what it allows and denies",
            api="GetPolicy",
            items="[Policy.{name: PolicyName, arn: Arn, description: Description, "
            "attached: AttachmentCount, version: DefaultVersionId, updated: UpdateDate}]",
            sends={"policy_arn": member("PolicyArn")},
            requires=("policy_arn",),
            details=(
                Detail(
                    api="GetPolicyVersion",
                    fields="{document: PolicyVersion.Document}",
                    takes={"PolicyArn": "arn", "VersionId": "version"},
                ),
                Detail(
                    api="ListEntitiesForPolicy",
                    fields="{users: PolicyUsers[].UserName, roles: PolicyRoles[].RoleName, "
                    "groups: PolicyGroups[].GroupName}",
                    takes={"PolicyArn": "arn"},
                ),
            ),
            scope="account",
        ),
        Operation(
            name="list_access_keys",
            summary="a user's access keys by id, age, status and last use, never the secret",
            api="ListAccessKeys",
            items="AccessKeyMetadata[].{id: AccessKeyId, user: UserName, status: Status, "
            "created: CreateDate}",
            sends=_USER,
            requires=("user",),
            paging=_PAGES,
            details=(
                Detail(
                    api="GetAccessKeyLastUsed",
                    fields="AccessKeyLastUsed.{last_used: LastUsedDate, last_service: ServiceName, "
                    "last_region: Region}",
                    takes={"AccessKeyId": "id"},
                ),
            ),
            finish=_without_gaps,
            scope="account",
        ),
        Operation(
            name="list_credentials_last_used",
            summary="all users with password and key age, last use and MFA, from the credential report",
            api="GetCredentialReport",
            items=_report,
            finish=_without_gaps,
            scope="account",
        ),
        Operation(
            name="list_instance_profiles",
            summary="instance profiles with their roles",
            api="ListInstanceProfiles",
            items="InstanceProfiles[].{name: InstanceProfileName, arn: Arn, roles: Roles[].RoleName, "
            "created: CreateDate}",
            paging=_PAGES,
            keeps=_NAMED,
            scope="account",
        ),
        Operation(
            name="get_account_summary",
            summary="how many users, roles, policies there are, and their limits",
            api="GetAccountSummary",
            items=_summary,
            scope="account",
        ),
        Operation(
            name="get_password_policy",
            summary="the rules for passwords of the account",
            api="GetAccountPasswordPolicy",
            items="[PasswordPolicy.{minimum_length: MinimumPasswordLength, symbols: RequireSymbols, "
            "numbers: RequireNumbers, uppercase: RequireUppercaseCharacters, "
            "lowercase: RequireLowercaseCharacters, expires: ExpirePasswords, "
            "maximum_age_days: MaxPasswordAge, reuse_prevention: PasswordReusePrevention}]",
            absent=("NoSuchEntity",),
            scope="account",
        ),
        Operation(
            name="check_permission",
            summary="whether a user or role may do an action on a resource (policy simulator)",
            api="SimulatePrincipalPolicy",
            items="EvaluationResults[].{action: EvalActionName, resource: EvalResourceName, "
            "decision: EvalDecision, because: MatchedStatements[].SourcePolicyId, "
            "missing_context: MissingContextValues}",
            sends={
                "principal_arn": member("PolicySourceArn"),
                "action": listed("ActionNames"),
                "resource_arn": listed("ResourceArns"),
            },
            requires=("principal_arn", "action"),
            paging=_PAGES,
            scope="account",
        ),
    ),
    parameters=(
        Parameter(name="user", description="The name of a user.", max_length=64),
        Parameter(name="role", description="The name of a role.", max_length=64),
        Parameter(name="group", description="The name of a group.", max_length=128),
        Parameter(name="policy_name", description="The name of a role's inline policy.", max_length=128),
        Parameter(name="policy_arn", description="The ARN of a managed policy."),
        Parameter(
            name="policy_scope",
            description="Whose policies to list; customer when left out.",
            one_of=tuple(_SCOPES),
        ),
        Parameter(name="name_contains", description="Only what has this text in its name.", max_length=128),
        Parameter(name="principal_arn", description="The ARN of a user, group or role."),
        Parameter(
            name="action",
            description="Actions such as s3:GetObject, separated by commas.",
        ),
        Parameter(
            name="resource_arn", description="ARNs of resources, separated by commas; any when left out."
        ),
    ),
    missing=(
        Missing(
            code="NoSuchEntity",
            hint="Check the name; list_users, list_roles, list_groups and list_policies show what there is.",
        ),
        Missing(
            code="ReportNotPresent",
            hint="There is no credential report yet; somebody with that right makes one: "
            "aws iam generate-credential-report.",
        ),
        Missing(
            code="ReportExpired",
            hint="The report is too old; somebody with that right makes a new one: "
            "aws iam generate-credential-report.",
        ),
    ),
)
