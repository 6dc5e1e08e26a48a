"""`[runtimes.NAME]`: an `AWS::BedrockAgentCore::Runtime` and its role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.deploy.template import roles
from skerry.deploy.template.authorizers import custom_jwt
from skerry.deploy.template.draft import BUCKET, PREFIX, Code, Draft, Parameter
from skerry.deploy.template.environment import variables
from skerry.deploy.template.intrinsics import Expression, attribute, ref, sub
from skerry.deploy.template.references import References, only_local, runtime_url
from skerry.stack.declared.declaration import Declaration, Runtime

GATEWAY_URL = "SKERRY_GATEWAY_URL"
"""The variable in which an agent finds the first gateway of the file."""
NODE = "NODE_22"


def add(references: References, runtime: Runtime, *, python: str) -> None:
    """Adds a runtime with all that belongs to it. `python` is the version that its packages are for."""
    declared, draft = references.declared, references.draft
    table, owner = f"[runtimes.{runtime.name}]", ("Runtime", runtime.name)
    name = draft.ids.of(*owner)
    given = _environment(declared, runtime)
    filled = variables(draft, references, given, owner, table)
    authorizer = None
    if runtime.authorizer.kind == "jwt":
        authorizer = custom_jwt(draft, references, runtime.authorizer, owner, table)
    storage = {"SessionStorage": {"MountPath": runtime.session_storage}}
    draft.add(
        name,
        "AWS::BedrockAgentCore::Runtime",
        table,
        {
            "AgentRuntimeName": sub(f"${{{PREFIX}}}{runtime.name}"),
            "Description": runtime.description[:1200] or None,
            "AgentRuntimeArtifact": {
                "CodeConfiguration": {
                    "Code": {"S3": {"Bucket": ref(BUCKET), "Prefix": code(draft, "runtime", runtime.name)}},
                    "Runtime": NODE if runtime.language == "NODE" else f"PYTHON_{python.replace('.', '_')}",
                    "EntryPoint": list(runtime.entry_point),
                }
            },
            "RoleArn": _role(declared, draft, runtime, given),
            "NetworkConfiguration": {"NetworkMode": "PUBLIC"},
            "ProtocolConfiguration": runtime.protocol,
            "LifecycleConfiguration": {
                "IdleRuntimeSessionTimeout": runtime.idle_timeout,
                "MaxLifetime": runtime.max_lifetime,
            },
            "AuthorizerConfiguration": authorizer,
            "RequestHeaderConfiguration": {"RequestHeaderAllowlist": list(runtime.headers)}
            if runtime.headers
            else None,
            "EnvironmentVariables": filled,
            "FilesystemConfigurations": [storage] if runtime.session_storage else None,
        },
    )
    draft.outputs[draft.ids.of(*owner, "Arn")] = (
        f"ARN of the runtime {runtime.name}",
        attribute(name, "AgentRuntimeArn"),
    )
    draft.outputs[draft.ids.of(*owner, "Url")] = (
        f"URL of the runtime {runtime.name}",
        runtime_url(draft, runtime.name),
    )
    for key in ("python", "node"):
        if getattr(runtime, key):
            draft.leave(
                f"{table} {key}", "an interpreter of this machine", "AgentCore runs its own; see --python."
            )


def code(draft: Draft, kind: str, name: str) -> Expression:
    """The S3 key of a package, which `up` fills."""
    parameter = draft.ids.of(kind.capitalize(), name, "Code")
    draft.codes.append(Code(parameter, kind, name))
    return draft.parameter(
        parameter,
        Parameter(
            f"S3 key of the code package of the {kind} {name}",
            f"[{kind}s.{name}]",
            next="skerry deploy up fills it; by hand: skerry deploy package, and upload what it made.",
        ),
    )


def _environment(declared: Declaration, runtime: Runtime) -> Mapping[str, str]:
    """As `up` gives it: an agent is told the first gateway. A tool is told none that it does not name."""
    given = dict(runtime.environment)
    if declared.gateways and runtime.protocol != "MCP":
        given.setdefault(GATEWAY_URL, f"${{gateways.{next(iter(declared.gateways))}.url}}")
    return given


def _role(declared: Declaration, draft: Draft, runtime: Runtime, given: Mapping[str, str]) -> Expression:
    texts = [text for text in given.values() if not only_local(text)]
    policies: dict[str, Any] = {
        "observed": roles.observed(),
        "identity": roles.workload_identity(runtime.name, people=True),
        "models": [] if runtime.protocol == "MCP" else roles.models(),
        "calls": roles.callees(declared, draft, texts),
    }
    return roles.role(
        draft,
        ("Runtime", runtime.name),
        f"[runtimes.{runtime.name}]",
        trust=roles.agentcore_trust("*"),
        policies=policies,
        what=f"the runtime {runtime.name}",
    )
