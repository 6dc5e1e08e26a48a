"""`skerry deploy env`: the environment of the deployed stack, in the form of `skerry env`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from skerry.deploy.account.access import Account
from skerry.deploy.account.cloudformation import CloudFormation
from skerry.deploy.naming import stack_name
from skerry.deploy.status import deployed
from skerry.settings.deploy import is_here
from skerry.stack.commands.env import line

OUTPUTS = {
    "SkerryRuntimeArn": "SKERRY_RUNTIME_ARN",
    "SkerryRuntimeUrl": "SKERRY_RUNTIME_URL",
    "SkerryGatewayUrl": "SKERRY_GATEWAY_URL",
    "SkerryGatewayArn": "SKERRY_GATEWAY_ARN",
}
"""Variables by the outputs of the template that they come from."""


def run(options: argparse.Namespace) -> int:
    """Prints the lines. Raises NotRunningError without a stack."""
    account = Account(profile=options.profile, region=options.region)
    formation = CloudFormation(account)
    stack = deployed(formation, stack_name(options.stack_name, options.file))
    region = str(account.client("cloudformation").meta.region_name)
    values = environment(stack.outputs, region, account.endpoint, options.profile)
    if options.json:
        print(json.dumps(values, indent=1))
        return 0
    for name, value in values.items():
        print(line(options.shell, name, value))
    return 0


def environment(outputs: Mapping[str, str], region: str, endpoint: str, profile: str) -> dict[str, str]:
    """The variables of a stack. The endpoint is one only where it is not AWS's own."""
    found = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if profile:
        found["AWS_PROFILE"] = profile
    if is_here(endpoint):
        found["AWS_ENDPOINT_URL"] = endpoint
    return found | {variable: outputs[name] for name, variable in OUTPUTS.items() if name in outputs}
