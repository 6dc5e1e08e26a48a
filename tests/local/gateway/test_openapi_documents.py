"""OpenAPI documents as tools, without a plane: golden documents, what is refused, and hostile input."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import openapi
from skerry.local.gateway.schemas.document import parse
from skerry.local.gateway.schemas.json_schema import MAX_SCHEMAS
from skerry.local.gateway.schemas.operation import Api, request
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.wire.jsonrpc import encode
from tests.fuzz.effort import scaled
from tests.kit.openapi_documents import GOLDEN, HEAD


def read(text: str, **table: Any) -> Api:
    return openapi.read(text, Assumptions(**table))


def document(paths: Any = None, **members: Any) -> dict[str, Any]:
    """A document with one operation `a`, or with these paths; members of None are left out."""
    given = {
        "openapi": "3.0.3",
        "info": {"title": "API", "version": "1"},
        "servers": [{"url": "https://api.example.com"}],
        "paths": paths if paths is not None else {"/a": {"get": operation()}},
    } | members
    return {name: value for name, value in given.items() if value is not None}


def operation(**members: Any) -> dict[str, Any]:
    return {"operationId": "a", "responses": {"200": {"description": "ok"}}} | members


def body(schema: Any, media: str = "application/json", **members: Any) -> dict[str, Any]:
    return {"/a": {"post": operation(requestBody={"content": {media: {"schema": schema}}, **members})}}


def problem(given: Any) -> str:
    with pytest.raises(SchemaError) as caught:
        read(given if isinstance(given, str) else json.dumps(given))
    return str(caught.value)


@pytest.mark.behaviour("GW-OPENAPI-GOLDEN")
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_documents_give_these_tools_from_yaml_and_from_json(name: str) -> None:
    version, text, expected = GOLDEN[name]
    text = HEAD.replace("VERSION", version) + text
    found = {tool: item.tool["inputSchema"] for tool, item in read(text).operations.items()}
    assert found == expected
    tree = parse(text, "It").root
    again = {tool: item.tool["inputSchema"] for tool, item in read(json.dumps(tree)).operations.items()}
    assert again == expected
    # What is taken here, the specification takes too.
    validator = OpenAPIV30SpecValidator if version.startswith("3.0") else OpenAPIV31SpecValidator
    assert [str(error) for error in validator(tree).iter_errors()] == []


@pytest.mark.behaviour("GW-OPENAPI-REFUSED")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "must be an object, not NoneType"),
        ("[]", "must be an object, not list"),
        ('{"openapi": "3.0.3",\n "info": }', "line 2, column 10"),
        ("openapi: 3.0.3\npaths: [", "line 3"),
        ('{"openapi": NaN}', "NaN"),
        ('{"openapi": "\\ud800"}', "surrogates not allowed"),
        ({"swagger": "2.0", "paths": {}}, "is Swagger 2.0"),
        (document(openapi=None), "has no member openapi"),
        (document(openapi="3.2.0"), "of the version '3.2.0'"),
        (document(info={}), "no info with title and version"),
        (document(paths={}), "no operation"),
        (document(paths={"/a": {"get": operation(operationId=None)}}), "GET /a: operationId is missing"),
        (
            document(paths={"/a": {"get": operation(), "put": operation()}}),
            "The operationId 'a' is used twice",
        ),
        (document(paths={"a": {"get": operation()}}), "'a' does not begin with a slash"),
        (
            document(paths={"/a/{id}": {"get": operation()}}),
            "GET /a/{id} (a): the path parameter 'id' is not",
        ),
        (
            document(paths={"/a": {"get": operation(parameters=[{"in": "path", "name": "id"}])}}),
            "'id' is not part of the path",
        ),
        (document(paths={"/a": {"get": operation(parameters=[{"in": "body"}])}}), "GET /a (a): a parameter"),
        (document(paths={"/a": {"get": operation(parameters={})}}), "parameters must be a list"),
        (document(paths=body({"type": "file"})), "POST /a (a): 'file' is no type"),
        (document(paths=body({"$ref": "#/components/x"})), "'#/components/x' points to nothing"),
        (document(paths=body({"$ref": "file:///etc/passwd"})), "refers to another document"),
        (document(paths=body({"$ref": "http://127.0.0.1:1/x"})), "refers to another document"),
        (document(paths={"/a": {"post": operation(requestBody={})}}), "requestBody has no content"),
    ],
)
def test_what_is_refused_names_the_line_or_the_operation(given: Any, expected: str) -> None:
    if isinstance(given, dict):
        for item in given.get("paths", {}).values():
            for verb in list(item):
                item[verb] = {name: value for name, value in item[verb].items() if value is not None}
    assert expected in problem(given)


@pytest.mark.behaviour("GW-OPENAPI-SECURITY")
@pytest.mark.parametrize("schemes", [None, {}, {"entra": {}}])
@pytest.mark.parametrize("inner", [True, False])
def test_a_security_requirement_must_name_a_scheme_with_a_type(schemes: Any, inner: bool) -> None:
    required = [{"entra": []}]
    paths = {"/a": {"get": operation(**({"security": required} if inner else {}))}}
    given = document(paths=paths, components=None if schemes is None else {"securitySchemes": schemes})
    if not inner:
        given["security"] = required
    assert problem(given) == "attribute components.securitySchemes.entra.type is missing"
    given["components"] = {"securitySchemes": {"entra": {"type": "http", "scheme": "bearer"}}}
    assert "security schemes are ignored" in read(json.dumps(given)).warnings[0]


@pytest.mark.behaviour("GW-OPENAPI-COMPOSITION")
@pytest.mark.parametrize("keyword", ["oneOf", "anyOf", "allOf"])
def test_composition_is_refused_wherever_it_stands(keyword: str) -> None:
    composed = {keyword: [{"type": "string"}]}
    assert "POST /a (requestBody" in problem(document(paths=body({"properties": {"x": composed}})))
    assert "#/components/schemas/X" in problem(document(components={"schemas": {"X": composed}}))
    answer = {"200": {"description": "ok", "content": {"application/json": {"schema": composed}}}}
    assert keyword in problem(document(paths={"/a": {"get": operation(responses=answer)}}))
    # A property may be called so, and an example may hold anything.
    named = {"type": "object", "properties": {keyword: {"type": "string", "example": composed}}}
    assert list(read(json.dumps(document(paths=body(named)))).operations) == ["a"]
    kept = read(json.dumps(document(paths=body({"properties": {"x": composed}}))), refuse_composition=False)
    assert kept.operations["a"].tool["inputSchema"]["properties"]["x"] == composed


@pytest.mark.behaviour("GW-OPENAPI-SERVERS")
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "servers is missing"),
        ("/v1", "not absolute"),
        ("api.example.com", "not absolute"),
        ("ftp://api.example.com", "not absolute"),
        ("https://", "not absolute"),
        ("https://10.0.0.1/v1", "private address 10.0.0.1"),
        ("http://192.168.1.1", "private address"),
        ("http://169.254.169.254/latest", "private address"),
        ("http://[fd00::1]", "private address"),
        ("http://0.0.0.0:80", "private address"),
        ("http://2130706433/", "no valid host"),
        ("https://user:secret@api.example.com", "must have no user"),
        ("https://api.example.com/v1?key=1", "must have no user, query or fragment"),
        ("https://{host}/v1", "'host' has no default"),
        ("https://api.example.com:99999", "is no URL"),
    ],
)
def test_a_server_must_be_a_public_url(url: str | None, expected: str) -> None:
    text = problem(document(servers=None if url is None else [{"url": url}]))
    assert expected in text
    assert "secret" not in text
    assert "GET /a (a)" in text


@pytest.mark.behaviour("GW-OPENAPI-SERVERS")
@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([{"url": "https://api.example.com/v1/"}], "https://api.example.com/v1/a"),
        ([{"url": "http://127.0.0.1:8000"}], "http://127.0.0.1:8000/a"),
        ([{"url": "http://localhost:8000/x"}], "http://localhost:8000/x/a"),
        ([{"url": "http://[::1]:8000"}], "http://[::1]:8000/a"),
        (
            [{"url": "https://{region}.example.com", "variables": {"region": {"default": "us-east-1"}}}],
            "https://us-east-1.example.com/a",
        ),
    ],
)
def test_public_servers_and_this_machine_are_called(servers: Any, expected: str) -> None:
    api = read(json.dumps(document(servers=servers)))
    assert request(api.operations["a"], {}).url == expected


def test_a_region_in_a_server_url_must_be_one() -> None:
    servers = [{"url": "https://{region}.example.com", "variables": {"region": {"default": "evil.com/"}}}]
    assert "is no AWS Region" in problem(document(servers=servers))


def test_servers_of_an_operation_stand_before_those_of_its_path_and_of_the_document() -> None:
    paths = {
        "/a": {"servers": [{"url": "https://path.example.com"}], "get": operation()},
        "/b": {"get": operation(operationId="b", servers=[{"url": "https://own.example.com"}])},
    }
    operations = read(json.dumps(document(paths=paths))).operations
    assert [item.base for item in operations.values()] == [
        "https://path.example.com",
        "https://own.example.com",
    ]


@pytest.mark.behaviour("GW-OPENAPI-WARNINGS")
def test_what_has_no_effect_is_said() -> None:
    parameters = [
        {"name": "a", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
        {"name": "b", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
        {"name": "Host", "in": "header", "schema": {"type": "string"}},
    ]
    given = document(
        paths={"/a": {"get": operation(parameters=parameters, callbacks={"x": {}}), "trace": {}}},
        webhooks={"x": {}},
        components={"securitySchemes": {"key": {}}},
    )
    api = read(json.dumps(given))
    said = "\n".join(api.warnings)
    for part in (
        "security schemes",
        "webhooks",
        "callbacks",
        "TRACE /a",
        "deepObject",
        "content of b",
        "Host",
    ):
        assert part in said, part
    assert set(api.operations["a"].tool["inputSchema"]["properties"]) == {"a", "b"}
    sent = request(api.operations["a"], {"a": {"x": 1}, "b": {"y": 2}})
    assert sent.url.endswith("/a?a=%7B%22x%22%3A1%7D&b=%7B%22y%22%3A2%7D")


@pytest.mark.behaviour("GW-OPENAPI-BODY")
def test_a_body_can_be_nested_under_one_argument_instead() -> None:
    text = json.dumps(document(paths=body({"type": "object", "properties": {"x": {}}}, required=True)))
    nested = read(text, request_body="nested").operations["a"]
    assert nested.tool["inputSchema"]["required"] == ["body"]
    assert request(nested, {"body": {"x": 1}}).body == b'{"x":1}'
    merged = read(text).operations["a"]
    assert request(merged, {"x": 1}).body == b'{"x":1}'
    assert request(merged, {}).body == b"{}"


@pytest.mark.behaviour("GW-OPENAPI-OUTPUT")
def test_output_schemas_are_offered_only_when_that_is_switched_on() -> None:
    answer = {"type": "object", "properties": {"id": {"type": "string", "readOnly": True}}}
    responses = {"201": {"description": "ok", "content": {"application/json": {"schema": answer}}}}
    text = json.dumps(document(paths={"/a": {"get": operation(responses=responses)}}))
    assert "outputSchema" not in read(text).operations["a"].tool
    switched = read(text, rest_output_schema=True).operations["a"].tool
    assert switched["outputSchema"] == {"type": "object", "properties": {"id": {"type": "string"}}}


@pytest.mark.behaviour("GW-OPENAPI-QUOTAS")
def test_a_thousand_operations_are_tools_and_one_more_is_too_many() -> None:
    def many(count: int) -> str:
        schema = {"$ref": "#/components/schemas/Thing"}
        content = {"required": True, "content": {"application/json": {"schema": schema}}}
        paths = {
            f"/t{n}": {"post": operation(operationId=f"op{n}", requestBody=content)} for n in range(count)
        }
        thing = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(10)}}
        return json.dumps(document(paths=paths, components={"schemas": {"Thing": thing}}))

    began = time.process_time()
    assert len(read(many(1000)).operations) == 1000
    assert time.process_time() - began < 10, "0.3 s on an idle machine; 2 s is what it should stay below"
    assert "more than 1000 operations" in problem(many(1001))


@pytest.mark.behaviour("GW-OPENAPI-BOMBS")
@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "a: " + "[" * 200_000,
        "a: " + "{a: " * 100_000,
        "- " * 100_000,
        '{"a":' * 100_000,
        "a: &a [*a]",
        "a: *b",
        "a: 1\n---\nb: 2",
        "? [a]\n: b",
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 12)),
        "a: !!python/object/apply:os.system ['true']",
        "a: \x00",
    ],
)
def test_a_document_that_is_a_bomb_is_refused(text: str) -> None:
    assert problem(text)


@pytest.mark.behaviour("GW-OPENAPI-BOMBS")
def test_references_that_multiply_are_refused_and_name_the_operation() -> None:
    schemas: dict[str, Any] = {"S0": {"type": "string"}}
    for n in range(1, 30):
        reference = {"$ref": f"#/components/schemas/S{n - 1}"}
        schemas[f"S{n}"] = {"type": "object", "properties": dict.fromkeys("abcd", reference)}
    last = {"$ref": "#/components/schemas/S29"}
    text = problem(document(paths=body(last), components={"schemas": schemas}))
    assert f"POST /a (a): its schema has more than {MAX_SCHEMAS} parts" in text
    circle = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    looped = body({"$ref": "#/components/schemas/A"})
    assert list(read(json.dumps(document(paths=looped, components={"schemas": circle}))).operations) == ["a"]
    parameter = {"$ref": "#/paths/~1a/get/parameters/0"}
    assert "in a circle" in problem(document(paths={"/a": {"get": operation(parameters=[parameter])}}))


SCALARS = st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text(max_size=6)
KEYS = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "required",
        "$ref",
        "nullable",
        "readOnly",
        "additionalProperties",
        "enum",
        "default",
        "allOf",
        "exclusiveMinimum",
        "minimum",
        "description",
        "x",
        "name",
    ]
)
VALUES = st.sampled_from(["object", "array", "string", "#/components/schemas/A", "#/", "#", "a"])
SCHEMAS = st.recursive(
    SCALARS | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.dictionaries(
    st.sampled_from(
        [
            "operationId",
            "parameters",
            "requestBody",
            "responses",
            "servers",
            "get",
            "post",
            "$ref",
            "in",
            "name",
            "schema",
        ]
    ),
    SCHEMAS | st.lists(st.dictionaries(st.sampled_from(["in", "name", "schema", "$ref"]), SCHEMAS | VALUES)),
    max_size=4,
)


@pytest.mark.behaviour("GW-OPENAPI-ROBUST")
@settings(max_examples=scaled(80), deadline=None)
@given(schema=SCHEMAS, component=SCHEMAS, item=MEMBERS, extra=MEMBERS)
def test_any_document_gives_tools_or_one_problem(schema: Any, component: Any, item: Any, extra: Any) -> None:
    paths = {
        "/a": {"post": {**operation(), **extra, "requestBody": body(schema)["/a"]["post"]["requestBody"]}}
    }
    for tree in (
        document(paths=paths, components={"schemas": {"A": component}}),
        document(paths={"/a": item}, components={"schemas": {"A": component}}),
        document(paths={"/a": {"get": {**operation(), **extra}}}),
        item,
    ):
        try:
            api = read(json.dumps(tree))
        except SchemaError as error:
            assert str(error)
            continue
        for made in api.operations.values():
            assert json.loads(encode(made.tool)) == made.tool
            assert made.tool["inputSchema"]["type"] == "object"


@pytest.mark.behaviour("GW-OPENAPI-ROBUST")
@settings(max_examples=scaled(80), deadline=None)
@given(text=st.text(alphabet="{}[]:,-&*! \n\"'a1#|>?%@", max_size=60))
def test_any_text_is_a_document_or_one_problem(text: str) -> None:
    try:
        parse(text, "It")
    except SchemaError as error:
        assert str(error).startswith("It ")


@settings(max_examples=scaled(60), deadline=None)
@given(
    tree=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**15), 10**15)
            | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_yaml_and_json_of_the_same_tree_are_the_same(tree: dict[str, Any]) -> None:
    tree.pop("<<", None)
    assert parse(json.dumps(tree), "It").root == tree
    flow = json.dumps(tree, ensure_ascii=False)
    assert parse(f"flow: {flow}\n", "It").root == {"flow": tree}


def test_block_style_anchors_and_merge_keys() -> None:
    text = """
    base: &base {x: 1, y: ~}
    item:
      <<: *base
      x: "2"
    list: [yes, No, 0x10, 1e3, .5, -3, 2024-01-01, true, null, !!str 5]
    folded: >-
      one
      two
    """
    assert parse(text, "It").root == {
        "base": {"x": 1, "y": None},
        "item": {"x": "2", "y": None},
        "list": ["yes", "No", "0x10", 1000.0, 0.5, -3, "2024-01-01", True, None, "5"],
        "folded": "one two",
    }
