"""Arguments from words, led by the schema."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.models.router.arguments import fill, forced, supplied
from skerry.local.models.router.schema import MISSING, choices, fit, kind, properties, required

STRING, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}


def schema(required_names=(), **props):
    return {"type": "object", "properties": props, "required": list(required_names)}


def one(name, prop, text, *, needed=True, tool=""):
    return fill(schema([name] if needed else [], **{name: prop}), text, tool=tool).arguments.get(
        name, MISSING
    )


OPERATION = {"type": "string", "enum": ["list_buckets", "list_objects", "get_bucket_policy"]}
LISTED = {"type": "string", "description": "What to read. One of: describe_instances, describe_volumes"}
STATE = {"type": "string", "enum": ["running", "stopped"]}

FOUND = [
    ("account beside its word", "account_id", STRING, "What is the email for account 12345?", "12345"),
    ("integer account", "account_id", INTEGER, "What is the email for account 12345?", 12345),
    ("number after 'number'", "account_id", STRING, "the account number 77", "77"),
    ("only number left", "account_id", STRING, "email for 12345 please", "12345"),
    ("name=value", "account_id", STRING, "account_id=abc", "abc"),
    ("name: value", "bucket", STRING, "list objects, bucket: my-logs", "my-logs"),
    ("name = quoted", "title", STRING, 'title = "Two words"', "Two words"),
    ("spelled with a blank", "account_id", STRING, "account id = 9", "9"),
    ("new address after to", "new_email", STRING, "Change the email to a@b.org", "a@b.org"),
    ("address by format", "contact", {"type": "string", "format": "email"}, "write to a.b+c@d.co.uk.", "a.b+c@d.co.uk"),
    ("region", "region", STRING, "instances in eu-west-1?", "eu-west-1"),
    ("gov region", "region", STRING, "in us-gov-west-1", "us-gov-west-1"),
    ("all regions", "region", {"type": "string", "description": 'A Region, or "all".'}, "in all regions", "all"),
    ("zone", "timezone", STRING, "What time is it in Asia/Bangkok?", "Asia/Bangkok"),
    ("date", "start_date", STRING, "costs since 2026-01-31", "2026-01-31"),
    ("url", "url", STRING, "fetch https://example.com/a?b=c now", "https://example.com/a?b=c"),
    ("enum by its noun", "operation", OPERATION, "Which buckets do I have?", "list_buckets"),
    ("enum, what is said first", "operation", OPERATION, "show objects in bucket x-1", "list_objects"),
    ("enum with two words", "operation", OPERATION, "the policy of the bucket", "get_bucket_policy"),
    ("enum, one of it", "operation", {"enum": ["list_volumes", "get_volume"]}, "show volume vol-1", "get_volume"),
    ("enum, many of it", "operation", {"enum": ["get_volume", "list_volumes"]}, "show the volumes", "list_volumes"),
    ("enum exactly", "operation", OPERATION, "run list_objects", "list_objects"),
    ("choices in the description", "operation", LISTED, "List my EC2 instances", "describe_instances"),
    ("named", "stack_name", STRING, "the stack named blue-1", "blue-1"),
    ("called", "name", STRING, "my dog is called Rex", "Rex"),
    ("quoted", "name", STRING, 'say hello to "Ann Lee"', "Ann Lee"),
    ("number before its word", "days", INTEGER, "the last 7 days", 7),
    ("top n", "limit", INTEGER, "top 5 accounts", 5),
    ("float", "price", {"type": "number"}, "price 9.50", 9.5),
    ("proper name", "city", STRING, "What is the weather in San Francisco?", "San Francisco"),
    ("proper name beside", "city", STRING, "What is the forecast for the city Paris?", "Paris"),
    ("the tool's noun", "id", STRING, "show order 815", "815"),
    ("query after for", "query", STRING, "Search the docs for retry policies", "retry policies"),
    ("whole question", "question", STRING, "What is a mutex?", "What is a mutex"),
    ("text without its verb", "text", STRING, "Translate good morning", "good morning"),
    ("flag", "verbose", BOOLEAN, "list them verbose", True),
    ("flag negated", "dry_run", BOOLEAN, "do it without dry run", False),
    ("list", "tags", {"type": "array", "items": STRING}, "tags=a,b", ["a", "b"]),
    ("object", "filter", {"type": "object"}, 'filter={"a": [1]}', {"a": [1]}),
    ("nullable", "limit", {"anyOf": [INTEGER, {"type": "null"}]}, "limit 3", 3),
]  # fmt: skip


@pytest.mark.behaviour("MD-ROUTER-ARGUMENTS")
@pytest.mark.parametrize(
    ("name", "prop", "text", "value"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND]
)
def test_a_value_is_found(name, prop, text, value):
    assert one(name, prop, text, tool="get_order") == value


NOT_FOUND = [
    ("a number inside a date", "count_id", INTEGER, "since 2026-01-31"),
    ("two numbers, none named", "account_id", STRING, "compare 12 and 13"),
    ("a plain word is no id", "account_id", STRING, "the email of the account"),
    ("an enum without any word of it", "operation", OPERATION, "what is there?"),
    ("a number that does not fit", "size", {"type": "integer", "maximum": 5}, "size 9"),
    ("a word that is no region", "region", STRING, "in my favourite region"),
]


@pytest.mark.parametrize(
    ("name", "prop", "text"), [row[1:] for row in NOT_FOUND], ids=[row[0] for row in NOT_FOUND]
)
def test_nothing_is_invented(name, prop, text):
    found = fill(schema([name], **{name: prop}), text)
    assert found.arguments == {}
    assert found.missing == (name,)


def test_optional_choices_need_all_their_words():
    assert one("state", STATE, "show the running instances", needed=False) == "running"
    assert one("operation", OPERATION, "policy", needed=False) is MISSING


def test_each_value_is_used_once():
    both = schema(["account_id", "new_email"], account_id=STRING, new_email=STRING)
    found = fill(both, "Change the email for account 12345 to mynew@email.com", tool="change_email")
    assert found.arguments == {"account_id": "12345", "new_email": "mynew@email.com"}


def test_arguments_given_before_are_kept_and_ordered_as_in_the_schema():
    both = schema(["a", "b"], a=STRING, b=STRING)
    assert list(fill(both, "a=1", given={"b": "2"}).arguments.items()) == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize(
    ("text", "value"), [("12345", "12345"), ("It's 12345.", "12345"), ("account 12345", "12345")]
)
def test_an_answer_to_a_question_is_taken(text, value):
    assert supplied(STRING, "account_id", text) == value


def test_a_long_sentence_is_no_answer():
    assert supplied(INTEGER, "account_id", "I really do not know which one of them you could mean") is MISSING


def test_a_forced_call_has_every_required_member():
    person = {
        "$defs": {"Pet": schema(["name"], name=STRING)},
        **schema(["name", "age", "pet", "happy", "tags"], name=STRING, age=INTEGER, pet={"$ref": "#/$defs/Pet"},
                 happy=BOOLEAN, tags={"type": "array"}, nick=STRING),
    }  # fmt: skip
    found = forced(person, "My friend is called Ann and her age is 30")
    assert (found["name"], found["age"], found["happy"], found["tags"]) == ("Ann", 30, False, [])
    assert set(found["pet"]) == {"name"}
    assert "nick" not in found


PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["string", "integer", "number", "boolean", "array", "object", ["string", "null"]]
        ),
        "enum": st.lists(st.text(max_size=6) | st.integers(), min_size=1, max_size=3),
        "description": st.text(max_size=30),
        "minimum": st.integers(-5, 5),
        "maxLength": st.integers(0, 20),
        "default": st.integers(),
    },
)
TYPES = {"integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


@given(
    st.dictionaries(
        st.sampled_from(["account_id", "region", "email", "query", "limit", "name", "x"]), PROPERTIES
    ),
    st.text(max_size=80)
    | st.sampled_from(["account 5 a@b.c us-east-1", "name=7 limit=[", 'x={"a":1}', "top 3 'q' 2026-01-01"]),
)
def test_any_schema_and_any_text_give_arguments_of_the_right_type(props, text):
    wanted = {"type": "object", "properties": props, "required": list(props)}
    found = fill(wanted, text)
    assert set(found.arguments) | set(found.missing) == set(props)
    for name, value in found.arguments.items():
        prop = properties(wanted)[name]
        if "enum" in prop:
            assert value in prop["enum"]
        elif kind(prop) in TYPES:
            assert isinstance(value, TYPES[kind(prop)])
    json.dumps(forced(wanted, text))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["properties", "required", "type", "$ref", "anyOf", "enum", "items", "a", "#/a"]), inner, max_size=4), max_leaves=15))  # fmt: skip
def test_a_schema_that_is_nonsense_breaks_nothing(anything):
    wanted = anything if isinstance(anything, dict) else {"properties": {"a": anything}}
    fill(wanted, "a=1 and 5")
    assert set(required(wanted)) <= set(properties(wanted))


def test_references_that_go_in_circles_end():
    circle = {
        "$defs": {"A": {"$ref": "#/$defs/A"}},
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "required": ["a"],
    }
    assert fill(circle, "a=1").arguments == {"a": "1"}


@pytest.mark.parametrize(
    "text",
    [
        "One of: a_b, c_d, e",
        "The operation. Possible values: `a_b`, `c_d`, or `e`.",
        "operations: a_b | c_d | e",
        "one of 'a_b', 'c_d' or 'e'",
        "operation: one of a_b, c_d, e. What to read.",
    ],
)
def test_choices_are_read_from_a_description(text):
    assert choices({"type": "string", "description": text}) == ["a_b", "c_d", "e"]


@pytest.mark.parametrize(
    "text", ["One of the accounts.", "Such as running or available.", "One Region, several, or all.", ""]
)
def test_prose_is_no_list_of_choices(text):
    assert choices({"type": "string", "description": text}) == []


@pytest.mark.parametrize(
    ("text", "prop"),
    [("1_000", INTEGER), ("٣", INTEGER), ("nan", {"type": "number"}), ("1e5", {"type": "number"})],
)
def test_only_plain_numbers_are_numbers(text, prop):
    assert fit(text, prop) is MISSING
