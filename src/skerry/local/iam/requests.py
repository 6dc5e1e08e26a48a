"""Requests to IAM itself: who may change policies and principals.

Of the embedded cloud's services this one is decided, since what it changes decides about everything else. A
request is about the user, role, group or policy that it names; an operation that names none is about `*`, and
one on one's own user may leave the name out. A parameter that the operation does not have is refused: here it
would count, as another resource or a condition's value, and be passed over where the request is performed.

Source: AWS service authorization reference, AWS Identity and Access Management.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from skerry.errors import ServiceError
from skerry.local.api import service_model
from skerry.local.iam.access import DEVELOPER
from skerry.local.iam.assume_role import Form
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Ask, Notes

_KINDS = (
    ("RoleName", "role"),
    ("GroupName", "group"),
    ("UserName", "user"),
    ("InstanceProfileName", "instance-profile"),
)
_CONDITIONS: Mapping[str, str] = {
    "iam:policyarn": "PolicyArn",
    "iam:permissionsboundary": "PermissionsBoundary",
    "iam:awsservicename": "AWSServiceName",
}
_OF_ONESELF = frozenset(
    {"GetUser", "CreateAccessKey", "ListAccessKeys", "DeleteAccessKey", "UpdateAccessKey"}
)


_COMMON = frozenset({"Action", "Version"})
_SIGNATURE = "X-Amz-"


class IamRequests:
    """Decides on requests to IAM of an account."""

    def __init__(self, permissions: PermissionChecks, account: str) -> None:
        self._permissions = permissions
        self._account = account

    async def permit(self, caller: Caller, given: Form, notes: Notes) -> None:
        """Raises AccessDenied (403), in the name that a query service gives it."""
        operation = given.get("Action", "")
        await _check_parameters(operation, given)
        if operation == "CreateUser" and given.get("UserName") == DEVELOPER:
            raise ServiceError(
                "EntityAlreadyExists", 409, f"User with name {DEVELOPER} already exists: the developer's own."
            )
        context: dict[str, Sequence[str]] = {
            key: (given[member],) for key, member in _CONDITIONS.items() if given.get(member)
        }
        ask = Ask(f"iam:{operation}", await self._resource(caller, operation, given), context)
        try:
            await self._permissions.check(caller, [ask], notes)
        except ServiceError as error:
            raise ServiceError("AccessDenied", error.status, error.message) from error

    async def _resource(self, caller: Caller, operation: str, given: Form) -> str:
        for member, kind in _KINDS:
            if given.get(member):
                arn = f"arn:aws:iam::{self._account}:{kind}{given.get('Path') or '/'}{given[member]}"
                known = kind in ("role", "user") and not operation.startswith("Create")
                return (await self._permissions.principals.known(arn)).arn if known else arn
        if given.get("PolicyArn"):
            return given["PolicyArn"]
        if given.get("PolicyName"):
            return f"arn:aws:iam::{self._account}:policy{given.get('Path') or '/'}{given['PolicyName']}"
        return caller.arn if operation in _OF_ONESELF and ":user/" in caller.arn else "*"


async def _check_parameters(operation: str, given: Form) -> None:
    """Raises ServiceError (400) for what IAM does not have: the operation, or a parameter of it.

    Parameters of a presigned request's signature are no operation's.
    """
    model = await asyncio.to_thread(service_model.load, "iam")
    known = model.operations.get(operation)
    if known is None:
        raise ServiceError("InvalidAction", 400, f"IAM has no operation {operation[:128]!r}.")
    members = known.input.get("members", {})
    for name in given:
        first = name.partition(".")[0]
        if first not in members and name not in _COMMON and not name.startswith(_SIGNATURE):
            raise ServiceError("ValidationError", 400, f"{operation} has no parameter {name[:128]!r}.")
