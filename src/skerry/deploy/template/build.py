"""The template of a declaration."""

from __future__ import annotations

from typing import Any

from skerry.deploy.template import functions, gateways, order, runtimes
from skerry.deploy.template.draft import BUCKET, PREFIX, Draft, Parameter, Resource
from skerry.deploy.template.left import note
from skerry.deploy.template.platforms import Platform
from skerry.deploy.template.references import References
from skerry.deploy.template.sources import Sources
from skerry.deploy.template.targets import Targets
from skerry.errors import ConfigurationError
from skerry.stack.declared.declaration import Declaration

LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200}
"""What CloudFormation takes in one template."""
DEFAULTS = {
    "SkerryRuntimeArn": ("Runtime", "Arn", "SKERRY_RUNTIME_ARN"),
    "SkerryRuntimeUrl": ("Runtime", "Url", "SKERRY_RUNTIME_URL"),
    "SkerryGatewayUrl": ("Gateway", "Url", "SKERRY_GATEWAY_URL"),
    "SkerryGatewayArn": ("Gateway", "Arn", "SKERRY_GATEWAY_ARN"),
}
"""Outputs for `skerry deploy env`: of the first runtime and the first gateway."""


def draft(declared: Declaration, sources: Sources, platform: Platform) -> Draft:
    """All sections of the template. Raises ConfigurationError for what cannot be deployed."""
    if not (declared.runtimes or declared.gateways or declared.functions):
        raise ConfigurationError(
            f"{declared.file}: there is nothing to deploy.",
            hint="Declare a runtime, a gateway or a function: docs/stack.md.",
        )
    made = Draft()
    made.parameter(
        PREFIX,
        Parameter(
            "Comes before the names of runtimes and gateways, for several stacks in one account",
            "",
            "",
            pattern="^([a-z][a-z0-9]{0,11})?$",
        ),
    )
    references = References(declared, made)
    if declared.runtimes or any(not one.web for one in declared.functions.values()):
        made.parameter(
            BUCKET,
            Parameter("The S3 bucket of the code packages", "", next="skerry deploy up makes and fills it."),
        )
    for function in declared.functions.values():
        functions.add(references, function, platform=platform)
    for runtime in declared.runtimes.values():
        runtimes.add(references, runtime, python=platform.python)
    targets = Targets(references, sources)
    for gateway in declared.gateways.values():
        gateways.add(references, targets, gateway, sources.policies.get(gateway.name, ()))
    _defaults(declared, made)
    note(declared, made)
    order.check(made.resources, str(declared.file))
    _check_limits(declared, made)
    return made


def document(made: Draft) -> dict[str, Any]:
    """The template as data, in the order in which people read it."""
    found: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Runtimes, gateways and functions of a skerry.toml, made by skerry deploy",
        "Parameters": {name: _parameter(one) for name, one in made.parameters.items()},
    }
    if made.conditions:
        found["Conditions"] = made.conditions
    found["Resources"] = {name: _resource(one) for name, one in made.resources.items()}
    found["Outputs"] = {
        name: {"Description": text, "Value": value} for name, (text, value) in made.outputs.items()
    }
    return found


def _resource(one: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": one.kind}
    if one.after:
        found["DependsOn"] = list(one.after)
    return {**found, "Properties": dict(one.properties)}


def _parameter(one: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": one.kind, "Description": f"{one.reason}."[:4000]}
    if one.default is not None:
        found["Default"] = one.default
    if one.pattern:
        found["AllowedPattern"] = one.pattern
    elif one.default is None and one.kind == "String":
        found["MinLength"] = 1
    return found


def _defaults(declared: Declaration, made: Draft) -> None:
    first = {
        "Runtime": next(iter(declared.runtimes), None),
        "Gateway": next(iter(declared.gateways), None),
    }
    for output, (kind, member, variable) in DEFAULTS.items():
        name = first[kind]
        if name is not None:
            _, value = made.outputs[made.ids.of(kind, name, member)]
            made.outputs[output] = (f"{variable} of skerry deploy env", value)


def _check_limits(declared: Declaration, made: Draft) -> None:
    for section, most in LIMITS.items():
        number = len(getattr(made, section.lower()))
        if number > most:
            raise ConfigurationError(
                f"{declared.file}: {number} {section.lower()} are more than the {most} of one template.",
                hint="Spread the tables over several files, and deploy each as a stack of its own.",
            )
