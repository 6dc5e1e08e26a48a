"""The form of a sentence, spans of time in words, operations in descriptions, secrets."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import periods
from skerry.local.models.router.arguments import fill
from skerry.local.models.router.documents import documents
from skerry.local.models.router.lexical import Index
from skerry.local.models.router.operations import operations
from skerry.local.models.router.routing import Ask, Call, Decline, route
from skerry.local.models.router.schema import MISSING
from skerry.local.models.router.sentence import form
from tests.local.models.real import desk_tools

INDEX = Index(desk_tools())
TODAY = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("text", "intent", "verb"),
    [
        ("Show the buckets", "read", "show"),
        ("which policies are attached to the role?", "read", "which"),
        ("Could you please delete it?", "write", "delete"),
        ("The mail of account 5 is new. Can you change it?", "write", "change"),
        ("I'd like to remove the queue", "write", "remove"),
        ("make a new workspace", "write", "create"),
        ("get rid of the queue", "write", "get"),
        ("frobnicate the bucket", "write", "frobnicate"),
        ("roll back the stack", "write", "roll"),
        ("how many queues are there", "read", "how"),
        ('Look at "delete the bucket"', "read", "look"),
        ("buckets please", "", ""),
        ("", "", ""),
    ],
)
def test_what_a_sentence_wants(text, intent, verb):
    found = form(text)
    assert (found.intent, found.verb) == (intent, verb)


def test_two_words_of_a_name_are_no_verb():
    assert form("apply logs of run-1").intent == "write"
    assert form("apply logs of run-1", {("apply", "log")}).intent == ""


@pytest.mark.behaviour("MD-ROUTER-ADVICE")
@pytest.mark.parametrize(
    "text",
    [
        "Which is better, SQS or SNS?",
        "should we move to Aurora?",
        "How do I create a workspace?",
        "what is a subnet",
        "What is Kubernetes?",
        "explain IAM roles",
        "What does VPC stand for?",
        "What are the best practices for S3 buckets?",
    ],
)
def test_advice_and_knowledge_are_declined_though_tools_have_the_words(text):
    found = route(text, INDEX, today=TODAY)
    assert isinstance(found, Decline)
    assert found.kind == "advice"


@pytest.mark.behaviour("MD-ROUTER-SECRET")
@pytest.mark.parametrize(
    "text",
    [
        "show the secret access key of alice",
        "What is the password of the database orders-1?",
        "give me a session token for the role deploy",
        "list the API keys of the API Gateway",
    ],
)
def test_a_secret_is_never_looked_for(text):
    found = route(text, INDEX, today=TODAY)
    assert isinstance(found, Decline)
    assert found.kind == "secret"


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("What is the password policy?", "get_password_policy"),
        ("when were the credentials last used", "list_credentials_last_used"),
        ("list access keys of user bob", "list_access_keys"),
    ],
)
def test_rules_about_secrets_are_no_secrets(text, operation):
    found = route(text, INDEX, today=TODAY)
    assert isinstance(found, Call), found
    assert found.arguments["operation"] == operation


@pytest.mark.behaviour("MD-ROUTER-OPERATION")
def test_what_an_operation_needs_is_asked_for_and_then_the_call_is_complete():
    asked = route("which objects are in the bucket?", INDEX)
    assert isinstance(asked, Ask)
    assert asked.missing == ("bucket",)
    found = route("photo-archive", INDEX, asked)
    assert isinstance(found, Call)
    assert found.arguments == {"operation": "list_objects", "bucket": "photo-archive"}


def test_an_operation_takes_only_what_its_parameters_say():
    schema = {
        "type": "object",
        "required": ["operation"],
        "properties": {
            "operation": {
                "type": "string",
                "description": "operation: one of list_ships, describe_ship. What to read.",
            },
            "ship": {"type": "string", "description": "The name of a ship. Needed for describe_ship."},
            "state": {
                "type": "string",
                "enum": ["afloat", "docked"],
                "description": "Its state. Only for list_ships.",
            },
            "region": {"type": "string"},
        },
    }
    told = "Reads ships; never cargo. Operations: list_ships: ships with state; describe_ship: one ship; with its crew."
    listed, described = operations(told, schema)
    assert (listed.summary, listed.needs, listed.takes) == ("ships with state", (), {"state", "region"})
    assert (described.summary, described.needs) == ("one ship; with its crew", ("ship",))
    assert fill(schema, "docked ships in eu-west-1", operation=listed).arguments == {
        "operation": "list_ships",
        "state": "docked",
        "region": "eu-west-1",
    }
    assert fill(schema, "the ship Vasa", operation=described).arguments == {
        "operation": "describe_ship",
        "ship": "Vasa",
    }
    assert "cargo" not in documents(ToolSpec("x___ships", told, schema))[0].counts


PERIOD = {
    "type": "string",
    "enum": ["today", "yesterday", "last_7_days", "last_30_days", "last_month", "last_3_months"],
}


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("what did we spend last month", "last_month"),
        ("the last week", "last_7_days"),
        ("over the past 30 days", "last_30_days"),
        ("the last two weeks", "last_30_days"),
        ("last quarter", "last_3_months"),
        ("yesterday's costs", "yesterday"),
    ],
)
def test_a_span_of_time_is_the_nearest_choice(text, period):
    assert fill({"properties": {"period": PERIOD}}, text).arguments == {"period": period}


@pytest.mark.parametrize(("text", "span"), [("errors of the last hour", "1h"), ("the past 24 hours", "24h"), ("last day", "1d"), ("last week", "7d"), ("30 minutes ago", "30m")])  # fmt: skip
def test_a_span_before_now(text, span):
    assert periods.span(text) == span


def test_a_month_without_a_year_is_the_latest():
    prop = {"description": "The first day, as YYYY-MM-DD; a month as YYYY-MM is the whole month."}
    assert periods.month("costs in October", prop, TODAY, last=False) == "2026-10"
    assert periods.month("costs in December", {}, TODAY, last=False) == "2025-12-01"
    assert periods.month("from May 2024 to June 2024", {}, TODAY, last=True) == "2024-06-30"
    assert periods.month("in October", prop, None, last=False) is MISSING


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("what time is it in New York", {"timezone": "America/New_York"}),
        ("list the images in Frankfurt", {"operation": "list_images", "region": "eu-central-1"}),
        (
            "instances in us-east-1 and eu-west-1",
            {"operation": "list_instances", "region": "us-east-1,eu-west-1"},
        ),
        (
            "details of i-0fedcba9876543210",
            {"operation": "describe_instance", "instance_id": "i-0fedcba9876543210"},
        ),
        ("describe the table invoices", {"operation": "describe_table", "table_name": "invoices"}),
        ("settings of the invoices queue", {"operation": "describe_queue", "queue": "invoices"}),
        ("MX records of example.org", {"operation": "list_records", "zone": "example.org", "type": "MX"}),
        ("rename the workspace blue-1 to green-1", {"workspace_name": "blue-1", "new_name": "green-1"}),
    ],
)
def test_values_by_their_form_their_noun_or_their_place(text, arguments):
    found = route(text, INDEX, today=TODAY)
    assert isinstance(found, Call), found
    assert found.arguments == arguments


@given(st.text(max_size=120) | st.lists(st.sampled_from(["show", "delete", "the", "a", "last", "next", "7", "days", '"x', 'y"', "of", "in", "how", "what", "is", ":", ",", "bucket", "run-1a2b", "?"]), max_size=14).map(" ".join))  # fmt: skip
def test_any_text_has_a_form_and_a_route(text):
    form(text)
    periods.span(text)
    route(text, INDEX, today=TODAY)
