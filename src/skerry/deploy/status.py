"""`skerry deploy status`: the stack and its resources, as CloudFormation has them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from skerry.deploy.account.access import Account
from skerry.deploy.account.cloudformation import CloudFormation
from skerry.deploy.account.records import NONE, Formation, Stack
from skerry.deploy.naming import stack_name
from skerry.errors import NotRunningError


def run(options: argparse.Namespace) -> int:
    """Returns 1 when the stack or one of its resources has failed. Raises NotRunningError without a stack."""
    formation = CloudFormation(Account(profile=options.profile, region=options.region))
    stack = deployed(formation, stack_name(options.stack_name, options.file))
    members = formation.members(stack.name)
    bad = [one for one in members if one.status.endswith("_FAILED")]
    if options.json:
        found = {"stack": stack.name, "status": stack.status, "reason": stack.reason}
        print(json.dumps({**found, "resources": [asdict(one) for one in members]}))
    else:
        print(f"stack {stack.name}  {stack.status}  {stack.reason}".rstrip())
        width = max((len(one.name) for one in members), default=0)
        for one in members:
            print(f"  {one.name:<{width}}  {one.status}  {one.physical}".rstrip())
            if one in bad and one.reason:
                print(f"    {one.reason}")
    return 0 if not bad and (stack.good or stack.moving) else 1


def deployed(formation: Formation, name: str) -> Stack:
    """A stack that is there. Raises NotRunningError."""
    stack = formation.stack(name)
    if stack is None or stack.status in (NONE, "DELETE_COMPLETE"):
        raise NotRunningError(
            f"there is no stack {name} in this account and region.",
            hint="Make it with: skerry deploy up — or name another with --stack-name, --profile, --region.",
        )
    return stack
