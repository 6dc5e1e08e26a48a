"""What moto's IAM knows of roles, users, managed policies and OIDC providers, read in moto's own process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from skerry.local.aws.boundaries import boundary_of

if TYPE_CHECKING:
    from moto.iam.models import Group, IAMBackend, Policy, Role, User


def principal(arn: str) -> dict[str, Any] | None:
    """A role, user, managed policy or OIDC provider by its ARN; None when IAM has none.

    Names are unique in an account, so a path in the ARN is not compared. A role or user has `arn`, `id`,
    `tags`, its policies as `identity` (pairs of name and document), `boundary` (such a pair or None) and, for
    a role, `trust`; a policy has its `document`, a provider its `clients`.
    """
    from moto.iam.models import iam_backends

    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[4] not in (*iam_backends, "aws"):
        return None
    kind, _, rest = parts[5].partition("/")
    name = rest.rpartition("/")[2]
    for partition, iam in list(iam_backends.get(parts[4], {}).items()) if parts[4] != "aws" else _any():
        if partition != parts[1]:
            continue
        if kind == "policy":
            found = iam.managed_policies.get(arn)
            return None if found is None else {"document": _document(found)}
        if kind == "oidc-provider":
            provider = iam.open_id_providers.get(arn)
            return None if provider is None else {"clients": list(provider.client_id_list)}
        if kind == "role":
            role = next((role for role in list(iam.roles.values()) if role.name == name), None)
            return None if role is None else _role(iam, role)
        if kind == "user":
            user = iam.users.get(name)
            return None if user is None else _user(iam, user)
    return None


def _any() -> Iterable[tuple[str, IAMBackend]]:
    """The IAM of some account: AWS's managed policies are in each."""
    from moto.iam.models import iam_backends

    return [item for account in list(iam_backends.values()) for item in list(account.items())]


def _role(iam: IAMBackend, role: Role) -> dict[str, Any]:
    boundary = role.permissions_boundary_arn
    return {
        "arn": role.arn,
        "id": role.id,
        "tags": _tags(role.tags),
        "identity": _policies(role),
        "boundary": [boundary, _known(iam, boundary)] if boundary else None,
        "trust": _text(role.assume_role_policy_document),
    }


def _user(iam: IAMBackend, user: User) -> dict[str, Any]:
    groups = [group for group in list(iam.groups.values()) if user in group.users]
    boundary = boundary_of(user)
    inherited = [
        [f"{name} of group {group.name}", document] for group in groups for name, document in _policies(group)
    ]
    return {
        "arn": user.arn,
        "id": user.id,
        "tags": _tags(user.tags or []),
        "identity": [*_policies(user), *inherited],
        "boundary": [boundary, _known(iam, boundary)] if boundary else None,
    }


def _policies(holder: Role | User | Group) -> list[list[str]]:
    """Inline policies, and managed ones in the version that is in force."""
    inline = [[f"inline {name}", _text(document)] for name, document in list(holder.policies.items())]
    managed = [[arn, _document(policy)] for arn, policy in list(holder.managed_policies.items())]
    return [*inline, *managed]


def _document(policy: Policy) -> str:
    return next((_text(version.document) for version in policy.versions if version.is_default), "")


def _text(document: object) -> str:
    """A document as it was put; CloudFormation hands over objects."""
    return document if isinstance(document, str) else json.dumps(document)


def _known(iam: IAMBackend, arn: str) -> str:
    """The document of a managed policy; "" for one that is gone, which then denies everything."""
    policy = iam.managed_policies.get(arn)
    return "" if policy is None else _document(policy)


def _tags(tags: Iterable[Mapping[str, str]] | Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    items = tags.values() if isinstance(tags, Mapping) else tags
    return {item["Key"]: item["Value"] for item in items}
