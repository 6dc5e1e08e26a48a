"""Roles and users by their bare names: those of the running stack's IAM, of its parts, and of the hops."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError, NotRunningError, RemoteError, StateError
from skerry.stack.record import recorded
from skerry.stack.state import running
from skerry.wire.arn import is_arn, role_of
from skerry.wire.hop import Hop
from skerry.wire.shown import safe

NAMED = 3
"""Names that an error lists."""
_LISTS = (("list_roles", "Roles"), ("list_users", "Users"))


def chosen(word: str, state: Path) -> str:
    """The ARN that a word means: an ARN itself, or a role's or user's name, `role/NAME`, `user/NAME`.

    Raises ConfigurationError when nobody or more than one has the name, RemoteError when IAM does not list.
    """
    return word if is_arn(word) else meant(word, known(state))


def meant(word: str, among: Iterable[str]) -> str:
    """The one ARN of `among` that a word means. Raises ConfigurationError."""
    arns = sorted(set(among))
    found = [arn for arn in arns if word in (_name(arn), arn.split(":", 5)[5])]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"more than one principal is called {safe(word, 80)}.",
            hint=f"Give the ARN: {' or '.join(found[:NAMED])}",
        )
    names = sorted({_name(arn) for arn in arns})
    near = difflib.get_close_matches(word.rpartition("/")[2], names, n=NAMED)
    near = near or [name for name in names if name.endswith(f"-{word}")][:NAMED]
    raise ConfigurationError(
        f"there is no role or user {safe(word, 80)} in the stack, and none in its hops.",
        hint=f"Did you mean: {', '.join(near)}?"
        if near
        else "Give the ARN, for example arn:aws:iam::123456789012:role/desk.",
    )


def known(state: Path) -> set[str]:
    """The ARNs of roles and users that a state directory and the stack on it know.

    Raises NotRunningError when there is neither a stack nor a hop, RemoteError when IAM does not list.
    """
    found: set[str] = set()
    with contextlib.suppress(StateError):  # nothing has happened yet
        found.update(arn for hop in recorded(state) for arn in of_hop(hop))
    try:
        stack = running(state)
    except NotRunningError:
        if not found:
            raise
        return found
    return found.union(_own(stack), _in_iam(stack))


def of_hop(hop: Hop) -> Iterator[str]:
    """The role or user who called, and those in whose name something was done."""
    for arn in (hop.identity, *(str(note.get("principal") or "") for note in hop.iam)):
        if role := role_of(arn):
            yield role
        elif is_arn(arn) and arn.split(":", 5)[5].startswith(("role/", "user/")):
            yield arn


def _own(stack: Mapping[str, Any]) -> Iterator[str]:
    """Roles that the stack gives its parts; IAM need not have them."""
    for kind in ("runtime", "gateway"):
        for name in stack.get(f"{kind}s", {}):
            yield f"arn:aws:iam::{stack['account']}:role/skerry-{kind}-{name}"


def _in_iam(stack: Mapping[str, Any]) -> Iterator[str]:
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    client: Any = botocore.session.Session().create_client(
        "iam",
        endpoint_url=stack["endpoint"],
        region_name=stack["region"],
        aws_access_key_id=stack["access_key_id"],
        aws_secret_access_key=stack["secret_access_key"],
    )
    try:
        for operation, member in _LISTS:
            for page in client.get_paginator(operation).paginate():
                yield from (str(item["Arn"]) for item in page[member])
    except (BotoCoreError, ClientError) as error:
        raise RemoteError(
            f"IAM in the stack does not list its roles ({type(error).__name__}).",
            hint="Give the ARN, or look at what runs: skerry status",
        ) from error


def _name(arn: str) -> str:
    """The last part of a path: names are unique among an account's roles, and among its users."""
    return arn.rpartition("/")[2]
