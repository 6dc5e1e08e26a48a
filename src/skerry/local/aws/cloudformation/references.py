"""Dynamic references in a template: `{{resolve:secretsmanager:…}}`, `{{resolve:ssm:…}}`. Pure functions.

Source: CloudFormation user guide, "Get values stored in other services using dynamic references" and the
pages of its three services, "Resources that support dynamic parameter patterns for secure strings".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from skerry.local.aws.cloudformation.calls import ResourceError

Service = Literal["secretsmanager", "ssm", "ssm-secure"]

_REFERENCE = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure|ssm):([^{}]*)\}\}")
_PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9_./-]+)(?::(?P<version>\d+))?")
_ARN_PARTS = 7
"""Of a secret's ARN, `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`."""
_SECURE = frozenset(
    {
        "AWS::DirectoryService::MicrosoftAD/Properties/Password",
        "AWS::DirectoryService::SimpleAD/Properties/Password",
        "AWS::ElastiCache::ReplicationGroup/Properties/AuthToken",
        "AWS::IAM::User/Properties/LoginProfile/Password",
        "AWS::KinesisFirehose::DeliveryStream/Properties/RedshiftDestinationConfiguration/Password",
        "AWS::OpsWorks::App/Properties/AppSource/Password",
        "AWS::OpsWorks::Stack/Properties/CustomCookbooksSource/Password",
        "AWS::OpsWorks::Stack/Properties/RdsDbInstances/DbPassword",
        "AWS::RDS::DBCluster/Properties/MasterUserPassword",
        "AWS::RDS::DBInstance/Properties/MasterUserPassword",
        "AWS::Redshift::Cluster/Properties/MasterUserPassword",
    }
)
"""Where AWS takes a SecureString; the indexes of lists are left out."""
_AS_WRITTEN = ("Custom::", "AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Stack")
"""Beginnings of types that get the text of a reference to a secret. AWS gives none to a custom resource's
function; a parameter of a nested stack would show it, and is read where that stack uses it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: `text` is the whole of it, `name` the secret's id or the parameter's name.

    `key`, `stage` and `version` are "" where they are left out.
    """

    text: str
    service: Service
    name: str
    key: str = ""
    stage: str = ""
    version: str = ""

    @property
    def secret(self) -> bool:
        """Whether what it stands for may be shown nowhere."""
        return self.service != "ssm"


Read = Callable[[Reference], str]
"""What a reference stands for. Raises ResourceError."""


def has_reference(value: Any) -> bool:
    """Whether there is a reference in a string, or anywhere in a list or a mapping."""
    if isinstance(value, str):
        return _REFERENCE.search(value) is not None
    if isinstance(value, Mapping):
        return any(map(has_reference, value.values()))
    return isinstance(value, list) and any(map(has_reference, value))


def references(text: str) -> Iterator[Reference]:
    """The references in a string. Raises ResourceError for one that has not the form of its service."""
    for found in _REFERENCE.finditer(text):
        yield _parsed(found)


def filled(kind: str, properties: Any, read: Read) -> Any:
    """Properties of a type with what their references stand for. Raises ResourceError.

    Each reference is read once.
    """
    known: dict[str, str] = {}

    def reading(found: re.Match[str], place: str) -> str:
        reference = _parsed(found)
        if reference.secret and kind.startswith(_AS_WRITTEN):
            return reference.text
        if reference.service == "ssm-secure" and place not in _SECURE:
            raise _wrong(f"SSM Secure reference is not supported in: [{place}]")
        if reference.text not in known:
            known[reference.text] = read(reference)
        return known[reference.text]

    def whole(value: Any, place: str) -> Any:
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: reading(found, place), value)
        if isinstance(value, Mapping):
            return {key: whole(item, f"{place}/{key}") for key, item in value.items()}
        return [whole(item, place) for item in value] if isinstance(value, list) else value

    return whole(properties, f"{kind}/Properties")


def _parsed(found: re.Match[str]) -> Reference:
    text, service, rest = found[0], found[1], found[2]
    if service == "secretsmanager":
        return _secret(text, rest)
    parameter = _PARAMETER.fullmatch(rest)
    if parameter is None:
        raise _wrong(f"Incorrect format is used in the following SSM reference: [{text}]")
    which: Service = "ssm-secure" if service == "ssm-secure" else "ssm"
    return Reference(text, which, parameter["name"], version=parameter["version"] or "")


def _secret(text: str, rest: str) -> Reference:
    parts = rest.split(":")
    count = _ARN_PARTS if parts[0] == "arn" else 1
    name, given = ":".join(parts[:count]), parts[count:]
    kind, key, stage, version = [*given, "", "", "", ""][:4]
    told = f"Incorrect format is used in the following Secrets Manager reference: [{text}]"
    if not name or len(parts) < count or len(given) > 4:
        raise _wrong(f"{told}. It is SECRET_ID:SecretString:JSON_KEY:VERSION_STAGE:VERSION_ID.")
    if kind not in ("", "SecretString"):
        raise _wrong(f"{told}. After the secret's id stands SecretString, not {kind[:64]}.")
    if stage and version:
        raise _wrong(f"{told}. Give a version stage or a version id, not both.")
    return Reference(text, "secretsmanager", name, key, stage, version)


def _wrong(message: str) -> ResourceError:
    return ResourceError("InvalidRequest", message)
