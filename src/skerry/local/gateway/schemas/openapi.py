"""OpenAPI 3.0 and 3.1 documents as tools.

Source: AWS developer guide, `gateway-schema-openapi`. What its rules refuse is refused here, in our words:
AWS's are not known. openapi-spec-validator is not used: it needs 2 s for 1,000 operations of OpenAPI 3.0 and
19 s of 3.1, keeps every document, fetches what one refers to, and knows nothing of what a gateway can call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import servers
from skerry.local.gateway.schemas.document import Document, parse
from skerry.local.gateway.schemas.json_schema import SchemaReader, composition
from skerry.local.gateway.schemas.operation import (
    BODY,
    FORM,
    JSON,
    OWN_HEADERS,
    Api,
    Body,
    Operation,
    Parameter,
    Place,
)
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.local.gateway.tools import MAX_PER_TARGET

KIND = "The OpenAPI document"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_VERSION = re.compile(r"3\.(?P<minor>[01])(\.[0-9]+(-.+)?)?")
_PLACES: Mapping[str, Place] = {"path": "path", "query": "query", "header": "header", "cookie": "cookie"}
_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
_PLACEHOLDER = re.compile(r"\{([^{}/]*)\}")


def read(text: str, table: Assumptions) -> Api:
    """The tools of a document, in its order. Raises SchemaError, which names the line or the operation."""
    document = parse(text, KIND)
    return api(document, table)


def api(document: Document, table: Assumptions) -> Api:
    """Like `read`, for a document that was parsed."""
    root = document.root
    old = _check_version(root)
    if table.refuse_composition and (path := composition(document)) is not None:
        raise SchemaError(
            f"{_shown(path)}: {path[-1]} is not supported by AgentCore Gateway.",
            hint="Write the schema out without oneOf, anyOf and allOf.",
        )
    reader = _Reader(document, table, old=old)
    operations: dict[str, Operation] = {}
    for operation in reader.operations():
        if operation.name in operations:
            raise SchemaError(
                f"The operationId {operation.name[:100]!r} is used twice; it is the name of a tool."
            )
        operations[operation.name] = operation
        if len(operations) > MAX_PER_TARGET:
            raise SchemaError(f"{KIND} has more than {MAX_PER_TARGET} operations, which a target may have.")
    if not operations:
        raise SchemaError(f"{KIND} has no operation that can be a tool.")
    return Api(operations, tuple(reader.warnings))


def _check_version(root: Mapping[str, Any]) -> bool:
    """Whether the document is OpenAPI 3.0, not 3.1. Raises SchemaError for all other versions."""
    if "swagger" in root:
        raise SchemaError(
            f"{KIND} is Swagger {str(root['swagger'])[:10]}.",
            hint="Convert it: OpenAPI 3.0 and 3.1 are supported.",
        )
    version = root.get("openapi")
    found = _VERSION.fullmatch(str(version)) if isinstance(version, str | float) else None
    if found is None:
        shown = "has no member openapi" if version is None else f"is of the version {str(version)[:20]!r}"
        raise SchemaError(f"{KIND} {shown}.", hint='OpenAPI 3.0 and 3.1 are supported: "openapi": "3.1.0".')
    info = root.get("info")
    if not isinstance(info, dict) or "title" not in info or "version" not in info:
        raise SchemaError(f"{KIND} has no info with title and version.")
    if not isinstance(root.get("paths"), dict):
        raise SchemaError(f"{KIND} has no paths.")
    return found["minor"] == "0"


class _Reader:
    """Reads the operations of one document; `warnings` are what it came by."""

    def __init__(self, document: Document, table: Assumptions, *, old: bool) -> None:
        self._document = document
        self._table = table
        self._old = old
        self.warnings: list[str] = []
        components = document.root.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        self._schemes: Mapping[str, Any] = schemes if isinstance(schemes, dict) else {}
        if self._schemes or document.root.get("security"):
            self._warn("security schemes are ignored: credentials are configured at the target")
        self._check_security(document.root.get("security"))
        if document.root.get("webhooks"):
            self._warn("webhooks are ignored")

    def operations(self) -> Iterator[Operation]:
        """Every operation in the order of the document."""
        root = self._document.root
        for path, given in root["paths"].items():
            if not path.startswith("/"):
                if path.startswith("x-"):
                    continue
                raise SchemaError(f"The path {path[:100]!r} does not begin with a slash.")
            item = self._object(given, path[:200])
            for method, operation in item.items():
                if method in METHODS:
                    where = f"{method.upper()} {path[:200]}"
                    yield self._operation(where, method, path, item, self._object(operation, where))
                elif method == "trace":
                    self._warn(f"TRACE {path[:200]} is left out: the method is not supported")

    def _operation(
        self, where: str, method: str, path: str, item: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> Operation:
        name = operation.get("operationId")
        if not isinstance(name, str) or not name:
            raise SchemaError(f"{where}: operationId is missing; it is the name of the tool.")
        where = f"{where} ({name[:100]})"
        self._check_security(operation.get("security"))
        if operation.get("callbacks"):
            self._warn(f"{where}: callbacks are ignored")
        given = self._parameters(item.get("parameters"), where) | self._parameters(
            operation.get("parameters"), where
        )
        schemas = SchemaReader(self._document, self._table.schema_keywords, old=self._old, where=where)
        properties: dict[str, Any] = {}
        required: list[str] = []
        parameters = []
        for definition in given.values():
            parameter = self._parameter(definition, where)
            if parameter is None:
                continue
            parameters.append(parameter)
            properties.setdefault(parameter.name, self._shape(definition, schemas))
            if (
                definition.get("required") is True or parameter.place == "path"
            ) and parameter.name not in required:
                required.append(parameter.name)
        self._check_path(path, parameters, where)
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        body = self._body(operation.get("requestBody"), schemas, schema, required, where)
        if required:
            schema["required"] = required
        tool = {"name": name, "description": _description(operation, method, path), "inputSchema": schema}
        if self._table.rest_output_schema and (answer := self._answer(operation, schemas)) is not None:
            tool["outputSchema"] = answer
        base = servers.base_url(
            operation.get("servers") or item.get("servers") or self._document.root.get("servers"), where
        )
        return Operation(tool, method.upper(), base, servers.escaped(path), tuple(parameters), body)

    def _check_security(self, required: object) -> None:
        """Raises SchemaError, in AWS's words, for a security requirement that names no scheme with a type."""
        for requirement in required if isinstance(required, list) else ():
            for name in requirement if isinstance(requirement, dict) else ():
                scheme = self._document.followed(self._schemes.get(name), f"security scheme {name[:100]}")
                if not isinstance(scheme, dict) or "type" not in scheme:
                    raise SchemaError(f"attribute components.securitySchemes.{name[:100]}.type is missing")

    def _parameters(self, given: object, where: str) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Parameter objects by place and name."""
        if given is None:
            return {}
        if not isinstance(given, list):
            raise SchemaError(f"{where}: parameters must be a list.")
        found = {}
        for item in given:
            definition = self._object(item, f"{where}: a parameter")
            name, place = definition.get("name"), definition.get("in")
            if not isinstance(name, str) or not name or not isinstance(place, str) or place not in _PLACES:
                raise SchemaError(
                    f"{where}: a parameter needs a name and in (path, query, header or cookie)."
                )
            found[place, name] = definition
        return found

    def _parameter(self, definition: Mapping[str, Any], where: str) -> Parameter | None:
        """Where the parameter goes; None for one that has no effect."""
        name, place = str(definition["name"]), _PLACES[definition["in"]]
        if place == "header" and name.lower() in OWN_HEADERS:
            self._warn(f"{where}: the header parameter {name} is ignored: the gateway sets it")
            return None
        style = definition.get("style", _STYLES[place])
        if style != _STYLES[place] or "content" in definition:
            shown = "content" if "content" in definition else f"style {style}"
            self._warn(
                f"{where}: {shown} of {name} is not supported; it is sent in the style {_STYLES[place]}"
            )
        explode = definition.get("explode", place in ("query", "cookie")) is True
        return Parameter(name, place, servers.escaped(name) if place == "path" else name, explode=explode)

    def _shape(self, definition: Mapping[str, Any], schemas: SchemaReader) -> dict[str, Any]:
        """The JSON Schema of a parameter; its description counts more than that of the schema."""
        node: object = definition.get("schema")
        content = definition.get("content")
        if node is None and isinstance(content, dict) and content:
            media = next(iter(content.values()))
            node = media.get("schema") if isinstance(media, dict) else None
        shape = {} if node is None else schemas.read(node)
        if isinstance(definition.get("description"), str) and "description" in self._table.schema_keywords:
            shape["description"] = definition["description"]
        return shape

    def _check_path(self, path: str, parameters: list[Parameter], where: str) -> None:
        """Raises SchemaError when placeholders and path parameters are not the same."""
        wanted = set(_PLACEHOLDER.findall(path))
        given = {parameter.name for parameter in parameters if parameter.place == "path"}
        if wanted != given:
            odd = min(wanted ^ given)[:100]
            what = "is not defined as a parameter" if odd in wanted else "is not part of the path"
            raise SchemaError(f"{where}: the path parameter {odd!r} {what}.")

    def _body(
        self, given: object, schemas: SchemaReader, schema: dict[str, Any], required: list[str], where: str
    ) -> Body | None:
        """How arguments become the body; adds them to `schema` and `required`."""
        if given is None:
            return None
        definition = self._object(given, f"{where}: requestBody")
        content = definition.get("content")
        if not isinstance(content, dict) or not content:
            raise SchemaError(f"{where}: requestBody has no content.")
        media = _media(content)
        if media != JSON:
            self._warn(f"{where}: a body of {media[:100]} is not fully supported; {JSON} is")
        shape = schemas.read(self._object(content[media], f"{where}: {media[:100]}").get("schema", {}))
        needed = definition.get("required") is True
        properties: dict[str, Any] = schema["properties"]
        if self._table.request_body == "nested" or shape.get("type") != "object":
            properties.setdefault(BODY, shape)
            if needed and BODY not in required:
                required.append(BODY)
            return Body(media, argument=BODY, required=needed)
        members = shape.get("properties", {})
        for name, member in members.items():
            properties.setdefault(name, member)
        if needed:
            required += [name for name in shape.get("required", ()) if name not in required]
        more = shape.get("additionalProperties", not members)
        rest = more is not False
        if rest:
            schema["additionalProperties"] = more
        return Body(media, members={name: name for name in members}, rest=rest, required=needed)

    def _answer(self, operation: Mapping[str, Any], schemas: SchemaReader) -> dict[str, Any] | None:
        """The schema of the first successful answer, when that is a JSON object."""
        responses = operation.get("responses")
        for status, given in responses.items() if isinstance(responses, dict) else ():
            answer = self._document.followed(given, "responses")
            content = (
                answer.get("content") if str(status).startswith("2") and isinstance(answer, dict) else None
            )
            media = content.get(JSON) if isinstance(content, dict) else None
            if isinstance(media, dict) and "schema" in media:
                shape = schemas.read(media["schema"], sending=False)
                return shape if shape.get("type") == "object" else None
        return None

    def _object(self, node: object, where: str) -> Mapping[str, Any]:
        found = self._document.followed(node, where)
        if not isinstance(found, dict):
            raise SchemaError(f"{where} must be an object.")
        return found

    def _warn(self, text: str) -> None:
        if len(self.warnings) < 50:
            self.warnings.append(text)


def _media(content: Mapping[str, Any]) -> str:
    """The media type to send: JSON before a form before the first one."""
    plain = {_essence(name): name for name in reversed(list(content))}
    for wanted in (JSON, FORM):
        if wanted in plain:
            return plain[wanted]
    return next((name for name in content if _essence(name).endswith("+json")), next(iter(content)))


def _essence(media: str) -> str:
    """A media type without its parameters."""
    return media.partition(";")[0].strip().lower()


def _description(operation: Mapping[str, Any], method: str, path: str) -> str:
    for member in ("description", "summary"):
        text = operation.get(member)
        if isinstance(text, str) and text.strip():
            return text
    return f"{method.upper()} {path}"


def _shown(path: tuple[str, ...]) -> str:
    """A path in the document as people say it: an operation, or a pointer."""
    if len(path) > 2 and path[0] == "paths" and path[2] in METHODS:
        return f"{path[2].upper()} {path[1]} ({'/'.join(path[3:-1])[:200]})"
    return f"#/{'/'.join(path[:-1])[:300]}"
