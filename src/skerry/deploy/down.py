"""`skerry deploy down`: deletes the stack; what is left is said."""

from __future__ import annotations

import argparse

from skerry.deploy.account.access import Account
from skerry.deploy.account.bucket import default_name
from skerry.deploy.account.cloudformation import CloudFormation
from skerry.deploy.account.records import Formation, Stack
from skerry.deploy.face import Face
from skerry.deploy.naming import stack_name
from skerry.deploy.progress import Watch, failed, going_on
from skerry.deploy.status import deployed
from skerry.deploy.template.draft import BUCKET


def run(options: argparse.Namespace) -> int:
    """Returns 0 when the stack is gone, or a person did not agree. Raises NotRunningError, RemoteError."""
    face = Face(as_json=options.json, color=options.settings.color)
    account = Account(profile=options.profile, region=options.region)
    identity = account.identity()
    formation = CloudFormation(account)
    stack = deployed(formation, stack_name(options.stack_name, options.file))
    bucket = stack.parameters.get(BUCKET) or default_name(identity)
    face.say(f"account {identity.account}, region {identity.region}, at {account.endpoint}")
    if not face.agreed(f"Delete the stack {stack.name} and all that it made?", yes=options.yes):
        face.say("Nothing was deleted.")
        return 0
    delete(formation, face, stack, options.role_arn)
    face.say(f"The stack {stack.name} is deleted. Left: the bucket {bucket} with the packages, and logs.")
    face.result({"stack": stack.name, "status": "DELETE_COMPLETE", "left": [bucket]})
    return 0


def delete(formation: Formation, face: Face, stack: Stack, role: str) -> None:
    """Deletes a stack and waits for it. Raises RemoteError when something cannot be deleted."""
    watch = Watch(formation, face.event)
    watch.begin(stack.id)
    with going_on():
        formation.delete(stack, role)
        left = watch.end(stack.id)
    if left is not None:
        raise failed(stack.name, left, watch.failure())
