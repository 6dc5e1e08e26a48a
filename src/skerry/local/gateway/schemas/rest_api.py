"""A stage of an API Gateway REST API as tools: which methods, under which names, with which integration.

Source: AWS developer guide, `gateway-target-api-gateway`; API Gateway API reference, `Method` and
`Integration`. AWS reads the stage's OpenAPI export. The embedded cloud's export holds paths only, so the same
document is made here of the API's resources and models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import openapi, servers
from skerry.local.gateway.schemas.document import Document
from skerry.local.gateway.schemas.operation import JSON, Api, Operation
from skerry.local.gateway.schemas.problem import SchemaError

Members = Mapping[str, Any]

PROXIES = ("HTTP_PROXY", "AWS_PROXY")
_PLACES = {"path": "path", "querystring": "query", "header": "header"}
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_FUNCTION = re.compile(
    r"arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(?P<arn>[^/]+)/invocations"
)
_MODEL_URL = re.compile(r"https://apigateway\.amazonaws\.com/restapis/[^/]+/models/")


@dataclass(frozen=True, slots=True)
class Stage:
    """What API Gateway knows of a stage: its own answers, by AWS's member names.

    `url` is where the stage is invoked, without a slash at its end.
    """

    api: Members
    stage: Members
    resources: Sequence[Members]
    models: Sequence[Members]
    url: str


@dataclass(frozen=True, slots=True)
class StageMethod:
    """A method of the stage that is a tool; `function` is the ARN of the Lambda function behind it, or ""."""

    path: str
    method: str
    definition: Members
    function: str = ""

    @property
    def integration(self) -> Members:
        """Its integration."""
        found: Members = self.definition.get("methodIntegration") or {}
        return found


def read(stage: Stage, configuration: Members, table: Assumptions) -> tuple[Api, Mapping[str, StageMethod]]:
    """The tools of a stage, and the method behind each by the tool's name. Raises SchemaError."""
    warnings: list[str] = []
    chosen = {}
    for path, method, definition in _selected(stage, configuration):
        found, why = _callable(path, method, definition, stage)
        if found is None:
            warnings.append(f"{method} {path} is left out: {why}")
        else:
            chosen[method, path] = found
    if not chosen:
        left = f" ({warnings[0]})" if warnings else ""
        raise SchemaError(f"The toolFilters select no method that can be a tool{left}.")
    api = openapi.api(Document(_document(stage, chosen.values(), configuration)), table)
    by_template = {(item.method, servers.escaped(item.path)): item for item in chosen.values()}
    methods = {name: by_template[item.method, item.path] for name, item in api.operations.items()}
    operations = {
        name: item if methods[name].function else _forwarded(item, methods[name], stage)
        for name, item in api.operations.items()
    }
    return Api(operations, (*warnings, *api.warnings), "execute-api"), methods


def _selected(stage: Stage, configuration: Members) -> Iterator[tuple[str, str, Members]]:
    """The methods that `toolFilters` select, each once. Raises SchemaError for one that selects nothing."""
    known = {
        (str(resource.get("path")), method): definition
        for resource in stage.resources
        for method, definition in (resource.get("resourceMethods") or {}).items()
    }
    seen = set()
    for chosen in (configuration.get("apiGatewayToolConfiguration") or {}).get("toolFilters") or ():
        wanted, methods = str(chosen.get("filterPath")), set(chosen.get("methods") or ())
        prefix = wanted[:-1] if wanted.endswith("/*") else None
        matched = False
        for (path, method), definition in known.items():
            fits = path.startswith(prefix) if prefix is not None else path == wanted
            for verb in sorted(methods) if method == "ANY" else [method] if method in methods else []:
                if fits and (path, verb) not in seen:
                    seen.add((path, verb))
                    yield path, verb, definition
                matched = matched or fits
        if not matched:
            shown = f"{wanted[:200]!r} ({', '.join(sorted(methods))})"
            raise SchemaError(f"The toolFilter {shown} matches no method.")


def _callable(path: str, method: str, definition: Members, stage: Stage) -> tuple[StageMethod | None, str]:
    """The method as one that can be called here, or why it cannot. Raises SchemaError if AWS refuses it."""
    found = StageMethod(path, method, definition)
    authorizer = str(definition.get("authorizationType", "NONE"))
    if authorizer == "COGNITO_USER_POOLS":
        raise SchemaError(f"{method} {path} uses a Cognito authorizer, which a gateway cannot satisfy.")
    if "+}" in path:
        return None, "proxy resources are not supported"
    if authorizer == "CUSTOM":
        return None, "a Lambda authorizer is not supported"
    if authorizer == "AWS_IAM" and definition.get("apiKeyRequired") is True:
        return None, "AWS_IAM together with an API key is not supported"
    kind = str(found.integration.get("type", "none")).upper()
    if kind not in PROXIES:
        return None, f"an integration of the type {kind} does not run here; {' and '.join(PROXIES)} do"
    uri = _with_variables(str(found.integration.get("uri", "")), stage)
    if kind == "HTTP_PROXY":
        return found, ""
    function = _FUNCTION.fullmatch(uri)
    if function is None:
        return None, "its integration names no Lambda function"
    return replace(found, function=function["arn"]), ""


def _document(stage: Stage, methods: Any, configuration: Members) -> dict[str, Any]:
    """The OpenAPI 3.0 document of the selected methods, with overridden names and descriptions."""
    given = (configuration.get("apiGatewayToolConfiguration") or {}).get("toolOverrides") or ()
    overrides = {(item.get("method"), item.get("path")): item for item in given}
    paths: dict[str, dict[str, Any]] = {}
    for found in methods:
        override = overrides.pop((found.method, found.path), {})
        operation = _operation(found)
        operation["operationId"] = override.get("name") or found.definition.get("operationName") or ""
        if not operation["operationId"]:
            raise SchemaError(
                f"{found.method} {found.path} has no operation name.",
                hint="Give the method an operationName, or the target a toolOverride with a name.",
            )
        if override.get("description"):
            operation["description"] = override["description"]
        paths.setdefault(found.path, {})[found.method.lower()] = operation
    if overrides:
        method, path = next(iter(overrides))
        raise SchemaError(f"The toolOverride {method} {path} is for no method that a toolFilter selects.")
    return {
        "openapi": "3.0.1",
        "info": {"title": stage.api.get("name", ""), "version": "1"},
        "servers": [{"url": stage.url}],
        "paths": paths,
        "components": {"schemas": {str(item.get("name")): _schema(item) for item in stage.models}},
    }


def _operation(found: StageMethod) -> dict[str, Any]:
    """An operation of the export: parameters and body as the method declares them."""
    declared = {
        tuple(name.split(".", 3)[2:]): required
        for name, required in (found.definition.get("requestParameters") or {}).items()
        if name.count(".") >= 3
    }
    declared |= {("path", name): True for name in _PLACEHOLDER.findall(found.path)}
    operation: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": _PLACES[place], "required": required is True, "schema": {"type": "string"}}
            for (place, name), required in declared.items()
            if place in _PLACES and (place != "path" or f"{{{name}}}" in found.path)
        ],
        "responses": {"200": {"description": "200 response"}},
    }
    models = found.definition.get("requestModels") or {}
    if models:
        media = JSON if JSON in models else next(iter(models))
        schema = {"$ref": f"#/components/schemas/{models[media]}"}
        operation["requestBody"] = {"required": True, "content": {media: {"schema": schema}}}
    elif found.method in ("POST", "PUT", "PATCH"):
        operation["requestBody"] = {"content": {JSON: {"schema": {"type": "object"}}}}
    return operation


def _schema(model: Members) -> Any:
    """A model's JSON Schema; references to other models become local ones."""
    text = _MODEL_URL.sub("#/components/schemas/", str(model.get("schema") or "{}"))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise SchemaError(f"The schema of the model {model.get('name')} is not JSON.") from problem
    return found if isinstance(found, dict) else {}


def _forwarded(operation: Operation, method: StageMethod, stage: Stage) -> Operation:
    """An operation that calls the backend of an HTTP_PROXY integration, as the stage would."""
    where = f"{method.method} {method.path}"
    uri = _with_variables(str(method.integration.get("uri", "")), stage)
    mapped = {
        wire.removeprefix("integration.request.path."): source.removeprefix("method.request.path.")
        for wire, source in (method.integration.get("requestParameters") or {}).items()
        if wire.startswith("integration.request.path.") and str(source).startswith("method.request.path.")
    }
    uri = _PLACEHOLDER.sub(lambda found: f"{{{mapped.get(found[1], found[1])}}}", uri)
    scheme, _, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    base = servers.checked(f"{scheme}://{authority}", where)
    unknown = set(_PLACEHOLDER.findall(path)) - set(_PLACEHOLDER.findall(method.path))
    if unknown:
        raise SchemaError(f"{where}: the integration's {{{min(unknown)}}} is mapped from no path parameter.")
    verb = str(method.integration.get("httpMethod") or "ANY")
    return replace(
        operation,
        method=operation.method if verb == "ANY" else verb,
        base=base,
        path=servers.escaped(slash + path),
    )


def _with_variables(uri: str, stage: Stage) -> str:
    variables: Members = stage.stage.get("variables") or {}
    return _STAGE_VARIABLE.sub(lambda found: str(variables.get(found[1], "")), uri)
