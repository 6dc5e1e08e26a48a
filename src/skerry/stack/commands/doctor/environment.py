"""AWS keys of the environment beside a stack: boto3 and the AWS CLI use them, skerry's commands the stack's.

They are shown to the stack only where boto3 would show them to it: when AWS_ENDPOINT_URL leads there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skerry.auth.aws.aws_keys import aws_keys
from skerry.auth.aws.identity import caller_identity, sts_endpoint
from skerry.auth.http.one_request import post_bytes
from skerry.errors import SkerryError
from skerry.stack.commands.doctor.findings import Finding, note
from skerry.wire.shown import safe
from skerry.wire.spelling import same

_RENEW = 'To have them use the stack\'s own key too: eval "$(skerry env)"'

May = Callable[[str], str]
"""What to say of the permission of a principal, by its ARN; "" for nothing."""


def name_of(env: Mapping[str, str], stack: Mapping[str, Any]) -> str:
    """Which keys boto3 would take in place of the stack's; "" where none are named, or those are the same."""
    if key := env.get("AWS_ACCESS_KEY_ID", "").strip():
        return "" if key == stack["access_key_id"] else "AWS_ACCESS_KEY_ID"
    profile = env.get("AWS_PROFILE", "").strip()
    return f"AWS_PROFILE {safe(profile, 80)}" if profile else ""


async def beside(
    env: Mapping[str, str], stack: Mapping[str, Any], *, may: May = lambda _who: ""
) -> Finding | None:
    """What boto3 would do with the keys of `env`; None where it has none, or those of the stack."""
    name = name_of(env, stack)
    if not name:
        return None
    told = f"boto3 and the AWS CLI would use {name}, not the stack's key that skerry's commands use"
    endpoint, region = sts_endpoint(env, str(stack["region"])), str(stack["region"])
    if not same(endpoint, str(stack["endpoint"])):
        return note("keys", f"{told}, and not call the stack: AWS_ENDPOINT_URL does not lead to it.", _RENEW)
    try:
        keys = await aws_keys(env).frozen()
        who = await caller_identity(keys, region, endpoint, post=post_bytes)
        more = may(who)
    except SkerryError as error:
        return note("keys", f"{told}: {error.message}", _RENEW)
    return note("keys", f"{told}: they are {who}.{f' {more}' if more else ''}", _RENEW)
