"""Whether the properties of a resource are what its type takes, said as CloudFormation says it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skerry.local.aws.cloudformation.calls import ResourceError
from skerry.local.aws.cloudformation.properties import coerced, is_intrinsic
from skerry.local.aws.cloudformation.references import has_reference
from skerry.local.aws.cloudformation.schemas import Json, schema

_TYPES = {"object": "JSONObject", "array": "JSONArray", "string": "String", "boolean": "Boolean"}
_LOOPBACK = re.compile(r"\Ahttp://(?=(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/|\Z))")
MANY = 5
"""Mistakes of one resource that are told at a time."""


def failed(logical_id: str, mistakes: list[str]) -> str:
    """The sentence about a resource with mistakes."""
    return (
        f"Properties validation failed for resource {logical_id} with message: {'; '.join(mistakes[:MANY])}"
    )


def checked(name: str, logical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Properties as a type takes them, once all functions have their results. Raises ResourceError."""
    document = schema(name).document
    whole: Mapping[str, Any] = coerced(properties, document, document)
    found = mistakes(name, whole)
    if found:
        raise ResourceError("InvalidRequest", failed(logical_id, found))
    return whole


def mistakes(name: str, properties: Json) -> list[str]:
    """What is wrong with properties of a type, one sentence each.

    What is not known yet always fits: functions of the template, and strings with dynamic references.
    """
    known = schema(name)
    found = [f"#/{key}: is read-only, and cannot be set" for key in properties if key in known.read_only]
    allowed = {key: value for key, value in properties.items() if key not in known.read_only}
    errors = _validator()(known.document).iter_errors(allowed)
    return found + sorted(dict.fromkeys(text for error in errors for text in _told(error)))


@functools.cache
def _validator() -> Any:
    import jsonschema  # late: only stacks with resources of AgentCore pay for it

    base = jsonschema.Draft7Validator

    def unless_open(check: Callable[..., Any]) -> Callable[..., Any]:
        def checked(validator: Any, value: Any, instance: Any, part: Any) -> Iterator[Any]:
            if not is_intrinsic(instance) and not (isinstance(instance, str) and has_reference(instance)):
                yield from check(validator, value, instance, part) or ()

        return checked

    checks = {**base.VALIDATORS, "pattern": _pattern(base.VALIDATORS["pattern"])}
    return jsonschema.validators.extend(base, {word: unless_open(check) for word, check in checks.items()})


def _pattern(check: Callable[..., Any]) -> Callable[..., Any]:
    """The keyword `pattern`, with the one exception of skerry: `http` is taken for URLs of this machine."""

    def checked(validator: Any, pattern: Any, instance: Any, part: Any) -> Iterator[Any]:
        if isinstance(instance, str) and str(pattern).startswith("^https://"):
            instance = _LOOPBACK.sub("https://", instance)
        yield from check(validator, pattern, instance, part) or ()

    return checked


def _told(error: Any) -> Iterator[str]:
    where = "".join(["#", *(f"/{step}" for step in error.absolute_path)])
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield f"{where}: extraneous key [{key}] is not permitted"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield f"{where}: required key [{key}] not found"
    elif error.validator == "type":
        wanted = error.validator_value
        shown = _TYPES.get(wanted, str(wanted).capitalize()) if isinstance(wanted, str) else wanted
        yield f"{where}: expected type: {shown}, found: {_type_of(error.instance)}"
    elif error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        yield f"{where}: {error.instance!r} is not a valid enum value: one of {allowed}"
    elif error.validator == "pattern":
        yield f"{where}: does not match the pattern {error.validator_value}"
    elif error.validator in ("oneOf", "anyOf"):
        inner = [text for one in error.context or () for text in _told(one)]
        unknown = [text for text in inner if "extraneous key" in text or "expected type" in text]
        yield f"{where}: fits none of what is allowed here" + (
            f" ({'; '.join(unknown or inner)[:400]})" if inner else ""
        )
    else:
        yield f"{where}: breaks the rule {error.validator}: {str(error.validator_value)[:80]}"


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "Boolean"
    names = {dict: "JSONObject", list: "JSONArray", str: "String", int: "Integer", float: "Number"}
    return names.get(type(value), "null")
