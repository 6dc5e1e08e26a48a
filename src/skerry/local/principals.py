"""The names under which an IAM caller is known."""

from __future__ import annotations

from skerry.errors import ProtocolError
from skerry.wire.arn import Arn


def role_of(arn: str) -> str:
    """The role's ARN for the ARN of an assumed role, else "".

    The path of the role is not part of the ARN that a session has, and so not of this one either.
    """
    try:
        found = Arn.parse(arn)
    except ProtocolError:
        return ""
    kind, _, rest = found.resource.partition("/")
    if found.service != "sts" or kind != "assumed-role":
        return ""
    return f"arn:{found.partition}:iam::{found.account}:role/{rest.partition('/')[0]}"
