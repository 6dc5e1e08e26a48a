"""Custom resources: what a function is asked, and what it may answer. Pure functions, without moto.

Source: CloudFormation user guide, "Custom resource request and response reference"; CloudFormation template
reference, AWS::CloudFormation::CustomResource.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.local.aws.cloudformation.calls import ResourceError
from skerry.local.aws.cloudformation.properties import is_intrinsic

TYPE, PREFIX = "AWS::CloudFormation::CustomResource", "Custom::"
LONGEST = 3600
"""Seconds that an answer may take when `ServiceTimeout` says nothing, and at most."""
_NAME = re.compile(r"Custom::[A-Za-z0-9_@-]{1,60}")
_FUNCTION = re.compile(
    r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?"
)
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:")
_ECHOED = ("StackId", "RequestId", "LogicalResourceId")
_ID_LIMIT = 1024
_NOT_LOADED = frozenset(
    f"Runtime.{name}"
    for name in ("HandlerNotFound", "ImportModuleError", "MalformedHandlerName", "UserCodeSyntaxError")
)
"""Errors of functions of which no line of the handler ran."""
_SHOWN = 1000
"""Characters of a function's own words that a reason has."""

RequestType = Literal["Create", "Update", "Delete"]


class CustomResourceError(ResourceError):
    """A custom resource failed. The text is CloudFormation's own or the function's, told as it is.

    `ran` is False when the function was surely not invoked.
    """

    def __init__(self, message: str, *, ran: bool = True) -> None:
        super().__init__("InvalidRequest", message)
        self.ran = ran

    @property
    def told(self) -> str:
        """The ResourceStatusReason."""
        return self.message


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function made of a request: the resource's physical id ("" for none) and attributes."""

    succeeded: bool
    reason: str
    physical_id: str
    data: Mapping[str, Any] = field(repr=False)


def is_custom(kind: object) -> bool:
    """Whether a type is that of a custom resource."""
    return kind == TYPE or (isinstance(kind, str) and kind.startswith(PREFIX))


def mistakes(kind: str, properties: Mapping[str, Any]) -> list[str]:
    """What is wrong with a custom resource, one sentence each; functions of the template always fit."""
    found = []
    if kind != TYPE and not _NAME.fullmatch(kind):
        found.append(f"#: {kind} is no name of a type: Custom:: and up to 60 letters, digits, _, @ and -")
    token = properties.get("ServiceToken")
    if token is None:
        found.append("#: required key [ServiceToken] not found")
    elif isinstance(token, str) and _TOPIC.match(token):
        found.append(
            "#/ServiceToken: is a topic of SNS, whose subscribers skerry does not run; "
            "name a Lambda function, or give the resource a Condition that does not hold here"
        )
    elif not is_intrinsic(token) and not (isinstance(token, str) and _FUNCTION.fullmatch(token)):
        found.append("#/ServiceToken: is no ARN of a Lambda function")
    seconds = properties.get("ServiceTimeout")
    if seconds is not None and not is_intrinsic(seconds):
        digits = str(seconds)
        if not (digits.isdecimal() and len(digits) <= len(str(LONGEST)) and 1 <= int(digits) <= LONGEST):
            found.append(f"#/ServiceTimeout: is no whole number of seconds from 1 to {LONGEST}")
    return found


def region(token: str) -> str:
    """The Region of a function's ARN."""
    found = _FUNCTION.fullmatch(token)
    return found["region"] if found else ""


def texts(value: Any) -> Any:
    """Properties as functions get them: every scalar is a text, as CloudFormation has it."""
    if isinstance(value, Mapping):
        return {str(key): texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [texts(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.date):  # which YAML makes of 2026-01-31
        return value.isoformat()
    return value if value is None or isinstance(value, str) else str(value)


def answer(body: bytes, event: Mapping[str, Any]) -> Answer:
    """Reads what a function put at the response URL of an event. Raises CustomResourceError."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise CustomResourceError("Invalid Response object: it is no JSON.") from None
    if not isinstance(found, Mapping) or found.get("Status") not in ("SUCCESS", "FAILED"):
        raise CustomResourceError("Invalid Response object: its Status must be SUCCESS or FAILED.")
    for name in _ECHOED:
        if found.get(name) != event[name]:
            raise CustomResourceError(
                f"Invalid Response object: its {name} must be that of the request, copied as it is."
            )
    physical = found.get("PhysicalResourceId")
    if physical is not None and not (isinstance(physical, str) and len(physical.encode()) <= _ID_LIMIT):
        raise CustomResourceError(
            f"Invalid PhysicalResourceId: it must be a text of at most {_ID_LIMIT} bytes."
        )
    data = found.get("Data") or {}
    if not isinstance(data, Mapping):
        raise CustomResourceError("Invalid Response object: its Data must be an object of names and values.")
    succeeded = found["Status"] == "SUCCESS"
    if succeeded and not physical and event["RequestType"] != "Delete":
        raise CustomResourceError("Invalid PhysicalResourceId: the response must have one that is not empty.")
    return Answer(succeeded, str(found.get("Reason") or "")[:_SHOWN], physical or "", texts(data))


def refused(found: Answer, request_id: str) -> CustomResourceError:
    """The error for an answer of FAILED."""
    return CustomResourceError(
        "Received response status [FAILED] from custom resource. "
        f"Message returned: {found.reason or 'none'} (RequestId: {request_id})"
    )


def ended_with_an_error(token: str, payload: bytes) -> CustomResourceError:
    """The error for a function that failed before it answered."""
    try:
        told = json.loads(payload)
    except ValueError:
        told = None
    told = told if isinstance(told, Mapping) else {}
    kind, text = (str(told.get(name) or "") for name in ("errorType", "errorMessage"))
    shown = ": ".join(filter(None, (kind, text.partition("\n")[0])))[:_SHOWN] or "it says nothing about it"
    hint = (
        " AWS's runtime brings its SDK; here, `npm install` that package in the folder of skerry.toml."
        if "Cannot find" in shown and "@aws-sdk/" in shown
        else ""
    )
    return CustomResourceError(
        f"{token} ended with an error before it answered: {shown}.{hint}", ran=kind not in _NOT_LOADED
    )
