"""`[functions.NAME]`: an `AWS::Lambda::Function`, its role, and its Function URL."""

from __future__ import annotations

import math
from typing import Any

from skerry.deploy.template import roles
from skerry.deploy.template.draft import BUCKET, Draft
from skerry.deploy.template.environment import variables
from skerry.deploy.template.intrinsics import attribute, ref, sub
from skerry.deploy.template.platforms import Platform
from skerry.deploy.template.references import References, only_local
from skerry.deploy.template.runtimes import code
from skerry.stack.declared.functions import Function, FunctionUrl

MEMORY = 512
"""Megabytes, as skerry tells a local function."""
LONGEST = 900
"""Seconds that Lambda lets a function run."""
_BASIC = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
_CORS = {
    "allow_origins": "AllowOrigins",
    "allow_methods": "AllowMethods",
    "allow_headers": "AllowHeaders",
    "expose_headers": "ExposeHeaders",
}


def add(references: References, function: Function, *, platform: Platform) -> None:
    """Adds a function. A web server is left out: it needs the Lambda Web Adapter, a layer of its own."""
    declared, draft = references.declared, references.draft
    table, owner = f"[functions.{function.name}]", ("Function", function.name)
    if function.web:
        draft.leave(
            table,
            "a web server on Lambda needs the Lambda Web Adapter, a layer of its own",
            "Deploy it with the adapter yourself; where something refers to it, its URL is a parameter.",
        )
        return
    if function.python:
        draft.leave(f"{table} python", "an interpreter of this machine", "Lambda runs its own; see --python.")
    name = draft.ids.of(*owner)
    filled = variables(draft, references, function.environment, owner, table)
    texts = [text for text in function.environment.values() if not only_local(text)]
    role = roles.role(
        draft,
        owner,
        table,
        trust=roles.lambda_trust(),
        policies={"calls": roles.callees(declared, draft, texts)},
        managed=[sub(_BASIC)],
        what=f"the function {function.name}",
    )
    draft.add(
        name,
        "AWS::Lambda::Function",
        table,
        {
            "Description": f"The function {function.name} of skerry.toml"[:256],
            "Code": {"S3Bucket": ref(BUCKET), "S3Key": code(draft, "function", function.name)},
            "Runtime": f"python{platform.python}",
            "Architectures": [platform.architecture],
            "Handler": function.handler,
            "Role": role,
            "Timeout": min(math.ceil(function.timeout), LONGEST),
            "MemorySize": MEMORY,
            "Environment": {"Variables": filled} if filled else None,
        },
    )
    draft.outputs[draft.ids.of(*owner, "Arn")] = (
        f"ARN of the function {function.name}",
        attribute(name, "Arn"),
    )
    if function.url:
        _url(draft, owner, table, function.url)


def _url(draft: Draft, owner: tuple[str, str], table: str, url: FunctionUrl) -> None:
    function, name = draft.ids.of(*owner), draft.ids.of(*owner, "Url")
    auth = "NONE" if url.auth == "none" else "AWS_IAM"
    draft.add(
        name,
        "AWS::Lambda::Url",
        table,
        {
            "TargetFunctionArn": attribute(function, "Arn"),
            "AuthType": auth,
            "InvokeMode": "RESPONSE_STREAM" if url.stream else "BUFFERED",
            "Cors": _cors(url),
        },
    )
    if auth == "NONE":  # since October 2025 both actions are needed, the second only by way of the URL
        for suffix, action, only in (
            ("UrlPermission", "lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": auth}),
            ("InvokePermission", "lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
        ):
            draft.add(
                draft.ids.of(*owner, suffix),
                "AWS::Lambda::Permission",
                table,
                {"Action": action, "FunctionName": ref(function), "Principal": "*", **only},
            )
    draft.outputs[draft.ids.of(*owner, "UrlOutput")] = (
        f"Function URL of {table}",
        attribute(name, "FunctionUrl"),
    )


def _cors(url: FunctionUrl) -> dict[str, Any] | None:
    if not url.cors:
        return None
    found: dict[str, Any] = {
        member: list(url.cors[key]) for key, member in _CORS.items() if url.cors.get(key)
    }
    if url.cors.get("allow_credentials"):
        found["AllowCredentials"] = True
    if url.cors.get("max_age"):
        found["MaxAge"] = url.cors["max_age"]
    return found or None
