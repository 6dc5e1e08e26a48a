"""botocore's models of AWS services as Smithy models, and arguments for their operations.

AWS publishes both; botocore is what is installed here. What botocore sends for an operation is then what a Smithy
tool of the same operation has to send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import botocore.loaders
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

API = "smithy.api#"
MOMENT = "2026-01-02T03:04:05Z"
_TYPES = {"character": "string", "float": "float"}
_LOCATIONS = {"querystring": "httpQuery", "header": "httpHeader", "headers": "httpPrefixHeaders"}
_FORMATS = {"iso8601": "date-time", "unixTimestamp": "epoch-seconds", "rfc822": "http-date"}


def service_model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


def smithy_model(model: ServiceModel) -> dict[str, Any]:
    """The same service in Smithy's JSON AST, with all operations."""
    shapes: dict[str, Any] = {f"x#{name}": _shape(model, name) for name in model.shape_names}
    operations = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri = str(operation.http["requestUri"])
        taken = operation.input_shape
        for member, shape in (taken.members if taken else {}).items():
            wire = shape.serialization.get("name", member)
            if shape.serialization.get("location") == "uri":
                uri = re.sub(rf"\{{{re.escape(wire)}(\+?)\}}", rf"{{{member}\1}}", uri)
        made: dict[str, Any] = {
            "type": "operation",
            "traits": {f"{API}http": {"method": operation.http["method"], "uri": uri, "code": 200}},
        }
        if taken:
            made["input"] = {"target": f"x#{taken.name}"}
        if operation.output_shape:
            made["output"] = {"target": f"x#{operation.output_shape.name}"}
        shapes[f"op#{name}"] = made
        operations.append({"target": f"op#{name}"})
    traits = {"aws.protocols#restJson1": {}, "aws.auth#sigv4": {"name": model.signing_name}}
    shapes["x#_service"] = {"type": "service", "version": "1", "operations": operations, "traits": traits}
    return {"smithy": "2.0", "shapes": shapes}


def _shape(model: ServiceModel, name: str) -> dict[str, Any]:
    shape, raw = model.shape_for(name), model._shape_resolver._shape_map[name]
    kind = _TYPES.get(shape.type_name, shape.type_name)
    traits: dict[str, Any] = {}
    if kind == "timestamp" and "timestampFormat" in raw:
        traits[f"{API}timestampFormat"] = _FORMATS[raw["timestampFormat"]]
    if raw.get("streaming") or raw.get("eventstream"):
        traits[f"{API}streaming"] = {}
    if raw.get("document"):
        return {"type": "document"}
    if kind == "list":
        return {"type": "list", "member": {"target": f"x#{raw['member']['shape']}"}}
    if kind == "map":
        return {
            "type": "map",
            "key": {"target": f"x#{raw['key']['shape']}"},
            "value": {"target": f"x#{raw['value']['shape']}"},
        }
    if kind == "structure":
        members = {item: _member(raw, item) for item in raw["members"]}
        for item, member in members.items():
            if (
                f"{API}httpQuery" in member["traits"]
                and model.shape_for(raw["members"][item]["shape"]).type_name == "map"
            ):
                del member["traits"][f"{API}httpQuery"]
                member["traits"][f"{API}httpQueryParams"] = {}
        return {"type": "structure", "members": members, "traits": traits}
    if raw.get("enum"):
        traits[f"{API}enum"] = [{"value": value} for value in raw["enum"]]
    return {"type": kind, "traits": traits}


def _member(structure: Mapping[str, Any], name: str) -> dict[str, Any]:
    raw = structure["members"][name]
    wire = raw.get("locationName", name)
    traits: dict[str, Any] = {}
    location = raw.get("location")
    if location == "uri":
        traits[f"{API}httpLabel"] = {}
    elif location in _LOCATIONS:
        traits[API + _LOCATIONS[location]] = wire
    elif structure.get("payload") == name:
        traits[f"{API}httpPayload"] = {}
    elif wire != name:
        traits[f"{API}jsonName"] = wire
    if name in structure.get("required", ()):
        traits[f"{API}required"] = {}
    if raw.get("idempotencyToken"):
        traits[f"{API}idempotencyToken"] = {}
    if raw.get("streaming"):
        traits[f"{API}streaming"] = {}
    if "timestampFormat" in raw:
        traits[f"{API}timestampFormat"] = _FORMATS[raw["timestampFormat"]]
    return {"target": f"x#{raw['shape']}", "traits": traits}


def arguments(shape: Any, depth: int = 0) -> tuple[Any, Any]:
    """A value of a botocore shape: as an argument of a tool, and as a parameter of botocore."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return {"any": [1]}, {"any": [1]}
    if kind == "structure":
        names = shape.members if depth < 3 else shape.required_members
        items = {name: arguments(shape.members[name], depth + 1) for name in names}
        return {name: item[0] for name, item in items.items()}, {
            name: item[1] for name, item in items.items()
        }
    if kind == "list":
        items = [arguments(shape.member, depth + 1) for _ in range(2)]
        return [item[0] for item in items], [item[1] for item in items]
    if kind == "map":
        ours, theirs = arguments(shape.value, depth + 1)
        return {"KeyOne": ours}, {"KeyOne": theirs}
    simple: dict[str, tuple[Any, Any]] = {
        "timestamp": (MOMENT, MOMENT),
        "blob": ("aGk=", b"hi"),
        "boolean": (True, True),
        "float": (1.5, 1.5),
        "double": (2.25, 2.25),
        "integer": (3, 3),
        "long": (2**40, 2**40),
    }
    plain = "a/b &=+" if shape.serialization.get("location") == "header" else "a/b ü&=+"
    text = shape.enum[0] if getattr(shape, "enum", None) else plain
    return simple.get(kind, (text, text))


def sent_by_botocore(model: ServiceModel, operation: str, parameters: Any) -> dict[str, Any]:
    """What botocore makes of the parameters: `method`, `url_path`, `query_string`, `headers`, `body`."""
    serializer = create_serializer(model.metadata["protocol"], include_validation=False)
    made: dict[str, Any] = serializer.serialize_to_request(parameters, model.operation_model(operation))
    return made
