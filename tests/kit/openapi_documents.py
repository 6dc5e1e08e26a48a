"""OpenAPI documents and the tools that they give: name → version, text, input schemas by tool."""

from __future__ import annotations

from typing import Any

HEAD = """
openapi: VERSION
info: {title: API, version: "1"}
servers: [{url: https://api.example.com/v1}]
"""

GOLDEN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a parameter with enum and default": (
        "3.0.3",
        """
paths:
  /weather:
    get:
      operationId: weather
      description: The weather.
      parameters:
      - {name: city, in: query, required: true, description: Where., schema: {type: string}}
      - {name: units, in: query, schema: {type: string, enum: [metric, no], default: metric}}
      responses: {"200": {description: ok}}
""",
        {
            "weather": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Where."},
                    "units": {"type": "string", "enum": ["metric", "no"], "default": "metric"},
                },
                "required": ["city"],
            }
        },
    ),
    "nullable and exclusive bounds of 3.0": (
        "3.0.3",
        """
paths:
  /a:
    get:
      operationId: a
      parameters:
      - {name: n, in: query, schema: {type: integer, nullable: true, minimum: 1, exclusiveMinimum: true}}
      - {name: m, in: query, schema: {type: number, maximum: 9, exclusiveMaximum: false}}
      responses: {"200": {description: ok}}
""",
        {
            "a": {
                "type": "object",
                "properties": {
                    "n": {"type": ["integer", "null"], "exclusiveMinimum": 1},
                    "m": {"type": "number", "maximum": 9},
                },
            }
        },
    ),
    "types in a list and references with a description of 3.1": (
        "3.1.0",
        """
paths:
  /a:
    post:
      operationId: a
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [owner]
              properties:
                owner: {$ref: "#/components/schemas/Person", description: Whose it is.}
                size: {type: [integer, "null"]}
                anything: true
      responses: {"200": {description: ok}}
components:
  schemas:
    Person: {type: object, description: A person., properties: {name: {type: string}}}
""",
        {
            "a": {
                "type": "object",
                "properties": {
                    "owner": {
                        "type": "object",
                        "description": "Whose it is.",
                        "properties": {"name": {"type": "string"}},
                    },
                    "size": {"type": ["integer", "null"]},
                    "anything": {},
                },
                "required": ["owner"],
            }
        },
    ),
    "a schema that holds itself is cut off": (
        "3.0.3",
        """
paths:
  /nodes:
    post:
      operationId: add
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}
      responses: {"200": {description: ok}}
components:
  schemas:
    Node:
      type: object
      properties:
        name: {type: string}
        parent: {$ref: "#/components/schemas/Node"}
        children: {type: array, items: {$ref: "#/components/schemas/Node"}}
""",
        {
            "add": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "parent": {"type": "object"},
                    "children": {"type": "array", "items": {"type": "object"}},
                },
            }
        },
    ),
    "what only the API sets is no argument": (
        "3.0.3",
        """
paths:
  /a:
    post:
      operationId: a
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [id, name]
              properties: {id: {type: string, readOnly: true}, name: {type: string, example: x}}
      responses: {"200": {description: ok}}
""",
        {"a": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    ),
    "an open body takes any further argument": (
        "3.0.3",
        """
paths:
  /a/{id}:
    post:
      operationId: a
      parameters: [{$ref: "#/components/parameters/Id"}]
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
components:
  parameters: {Id: {name: id, in: path, required: true, schema: {type: string}}}
""",
        {
            "a": {
                "type": "object",
                "properties": {"id": {"type": "string"}},
                "required": ["id"],
                "additionalProperties": True,
            }
        },
    ),
    "an operation's parameter stands before its path's": (
        "3.0.3",
        """
paths:
  /a:
    parameters: [{name: q, in: query, schema: {type: string}}]
    get:
      operationId: a
      parameters: [{name: q, in: query, required: true, schema: {type: integer}}]
      responses: {"200": {description: ok}}
    trace: {responses: {"200": {description: ok}}}
""",
        {"a": {"type": "object", "properties": {"q": {"type": "integer"}}, "required": ["q"]}},
    ),
}
