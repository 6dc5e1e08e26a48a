"""Smithy models in JSON AST, in few words; `SCHEDULER` is a part of Amazon EventBridge Scheduler."""

from __future__ import annotations

from typing import Any

API = "smithy.api#"


def member(target: str, **traits: Any) -> dict[str, Any]:
    return {
        "target": target if "#" in target else f"{API}{target}",
        "traits": {f"{API}{k}": v for k, v in traits.items()},
    }


def structure(**members: Any) -> dict[str, Any]:
    return {"type": "structure", "members": members}


def operation(
    method: str, uri: str, takes: str | None = None, gives: str | None = None, **traits: Any
) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "type": "operation",
        "traits": {f"{API}http": {"method": method, "uri": uri, "code": 200}, **traits},
    }
    if takes:
        shape["input"] = {"target": takes}
    if gives:
        shape["output"] = {"target": gives}
    return shape


def model(shapes: dict[str, Any], **service: Any) -> dict[str, Any]:
    """A model of the service `x#Service` with these shapes; operations are found by their type."""
    listed = [{"target": name} for name, shape in shapes.items() if shape["type"] == "operation"]
    traits = {"aws.protocols#restJson1": {}, "aws.auth#sigv4": {"name": "scheduler"}}
    given = {"type": "service", "version": "1", "operations": listed, "traits": traits} | service
    return {"smithy": "2.0", "shapes": {"x#Service": given, **shapes}}


SCHEDULER = model(
    {
        "x#CreateScheduleGroup": operation(
            "POST",
            "/schedule-groups/{Name}",
            "x#CreateInput",
            **{f"{API}documentation": "<p>Creates a <b>schedule group</b>.</p>"},
        ),
        "x#GetScheduleGroup": operation("GET", "/schedule-groups/{Name}", "x#GetInput"),
        "x#ListScheduleGroups": operation("GET", "/schedule-groups", "x#ListInput"),
        "x#CreateInput": structure(
            Name=member("String", httpLabel={}, required={}),
            Tags=member("x#Tags"),
            ClientToken=member("String", idempotencyToken={}, required={}),
        ),
        "x#GetInput": structure(Name=member("String", httpLabel={}, required={})),
        "x#ListInput": structure(
            NamePrefix=member("String", httpQuery="NamePrefix"),
            MaxResults=member("Integer", httpQuery="MaxResults"),
        ),
        "x#Tags": {"type": "list", "member": {"target": "x#Tag"}},
        "x#Tag": structure(Key=member("String", required={}), Value=member("String", required={})),
    }
)
