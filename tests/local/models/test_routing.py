"""Routes: the conversation of the desk, open questions, the guard on writing, exact calls."""

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import words
from skerry.local.models.router.lexical import Index
from skerry.local.models.router.routing import Ask, Call, Decline, Offer, Route, route, writes
from tests.local.models.catalogue import ACCOUNTS, DESK, EC2, OPERATIONS, S3, STRING, schema

INDEX = Index(DESK)


def bundled() -> Index:
    """The tools of the bundled desk: the schema file of its function, beside the accounts tools."""
    found = json.loads((files("skerry.desk") / "aws_ops_tools.json").read_text(encoding="utf-8"))
    aws = [ToolSpec(f"aws___{tool['name']}", tool["description"], tool["inputSchema"]) for tool in found]
    return Index((*ACCOUNTS, *aws))


def talk(index: Index, *texts: str) -> Route:
    """The route of the last text, each open question carried on."""
    found: Route | None = None
    for text in texts:
        found = route(text, index, found)
    assert found is not None
    return found


CONVERSATION = [
    ("What is the email for account 12345?", "accounts___get_email", {"account_id": "12345"}),
    (
        "Change the email for account 12345 to mynew@email.com",
        "accounts___change_email",
        {"account_id": "12345", "new_email": "mynew@email.com"},
    ),
    ("Show me a chart", "accounts___get_chart", {}),
    ("What time is it?", "aws___get_time", {}),
    ("What time is it in Asia/Bangkok?", "aws___get_time", {"timezone": "Asia/Bangkok"}),
    ("say hello", "aws___hello_world", {}),
]
READS = [
    ("List my EC2 instances in us-east-1", "aws___ec2_read_operations", "instances", {"region": "us-east-1"}),
    ("Which buckets do I have?", "aws___s3_read_operations", "list_buckets", {}),
    (
        "Show me my EC2 instances in us-east-1",
        "aws___ec2_read_operations",
        "instances",
        {"region": "us-east-1"},
    ),
    ("list objects in the bucket my-logs", "aws___s3_read_operations", "list_objects", {"bucket": "my-logs"}),
]


@pytest.mark.behaviour("MD-ROUTER-ROUTE")
@pytest.mark.parametrize(
    "index", [INDEX, Index(OPERATIONS), bundled()], ids=["desk", "operations", "bundled"]
)
@pytest.mark.parametrize(("text", "tool", "arguments"), CONVERSATION)
def test_the_conversation_of_the_desk(index, text, tool, arguments):
    found = route(text, index)
    assert isinstance(found, Call), found
    assert (found.tool.name, found.arguments) == (tool, arguments)


@pytest.mark.parametrize(
    "index", [INDEX, Index(OPERATIONS), bundled()], ids=["desk", "operations", "bundled"]
)
@pytest.mark.parametrize(("text", "tool", "operation", "more"), READS)
def test_an_operation_is_chosen_by_its_words(index, text, tool, operation, more):
    found = route(text, index)
    assert isinstance(found, Call), found
    assert found.tool.name == tool
    assert found.arguments["operation"].endswith(operation)
    assert {name: value for name, value in found.arguments.items() if name != "operation"} == more


@pytest.mark.behaviour("MD-ROUTER-NONE")
@pytest.mark.parametrize("index", [INDEX, Index(OPERATIONS), Index(DESK[:1]), bundled()])
@pytest.mark.parametrize(
    "text", ["What is the weather in Paris?", "Write me a poem", "who are you?", "…", "42"]
)
def test_a_question_that_no_tool_serves_calls_nothing(index, text):
    assert isinstance(route(text, index), Decline)


@pytest.mark.behaviour("MD-ROUTER-GUARD")
@pytest.mark.parametrize(
    "text",
    [
        "Delete the bucket my-logs",
        "Terminate instance i-0abc",
        "please stop all my EC2 instances",
        "Could you create a bucket?",
        "I want to remove the email of account 5",
        "How do I delete a bucket?",
        "Reboot the instances in us-east-1",
    ],
)
def test_a_request_to_change_reaches_no_reader_and_no_other_change(text):
    found = route(text, INDEX)
    assert isinstance(found, Decline), found
    assert found.kind == "write"


@pytest.mark.parametrize(
    "text", ["What is the email of account 5?", "email account 5", "was the email of account 5 changed?"]
)
def test_a_question_never_reaches_a_tool_that_changes(text):
    found = route(text, INDEX)
    assert isinstance(found, Call)
    assert found.tool.name == "accounts___get_email"


@pytest.mark.behaviour("MD-ROUTER-ASK")
def test_what_is_missing_is_asked_for_and_the_answer_completes_the_call():
    asked = route("What is the email?", INDEX)
    assert isinstance(asked, Ask)
    assert (asked.tool.name, asked.missing) == ("accounts___get_email", ("account_id",))
    for answer in ("12345", "account 12345", "It's 12345.", "account_id=12345"):
        found = route(answer, INDEX, asked)
        assert isinstance(found, Call)
        assert found.arguments == {"account_id": "12345"}


def test_several_missing_arguments_may_come_one_by_one():
    halfway = talk(INDEX, "Change the email", "12345")
    assert isinstance(halfway, Ask)
    assert (halfway.arguments, halfway.missing) == ({"account_id": "12345"}, ("new_email",))
    done = talk(INDEX, "Change the email", "12345", "to a@b.org")
    assert isinstance(done, Call)
    assert done.arguments == {"account_id": "12345", "new_email": "a@b.org"}


def test_a_new_question_leaves_the_open_one():
    found = talk(INDEX, "What is the email?", "Show me my EC2 instances in us-east-1")
    assert isinstance(found, Call)
    assert found.tool.name == "aws___ec2_read_operations"


@pytest.mark.parametrize("text", ["never mind", "Cancel.", "no", "forget it"])
def test_an_open_question_can_be_dropped(text):
    found = talk(INDEX, "What is the email?", text)
    assert isinstance(found, Decline)
    assert found.kind == "abandoned"


TWINS = Index(
    (
        ToolSpec("a___find_orders", "Find orders of a customer.", schema()),
        ToolSpec("b___find_invoices", "Find invoices of a customer.", schema()),
    )
)


@pytest.mark.behaviour("MD-ROUTER-OFFER")
def test_tools_that_fit_equally_well_are_offered():
    offered = route("find everything of the customer", TWINS)
    assert isinstance(offered, Offer)
    assert [tool.name for tool in offered.tools] == ["a___find_orders", "b___find_invoices"]


@pytest.mark.parametrize(
    "text", ["2", "the second one", "b___find_invoices", "find_invoices", "invoices please"]
)
def test_the_offer_is_answered_by_number_or_name(text):
    found = talk(TWINS, "find everything of the customer", text)
    assert isinstance(found, Call)
    assert found.tool.name == "b___find_invoices"


@pytest.mark.behaviour("MD-ROUTER-EXACT")
@pytest.mark.parametrize("name", ["get_email", "accounts___get_email"])
def test_an_exact_call_is_taken_as_it_is(name):
    found = route(f'/call {name} {{"anything": [1, null]}}', INDEX)
    assert isinstance(found, Call)
    assert (found.tool.name, found.arguments) == ("accounts___get_email", {"anything": [1, None]})


def test_an_exact_call_without_arguments():
    found = route("/call get_chart", INDEX)
    assert isinstance(found, Call)
    assert found.arguments == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/call nope {}", "no tool `nope`"),
        ("/call get_email {", "JSON object"),
        ("/call get_email [1]", "JSON object"),
        ("/call get_email account 5", "JSON object"),
    ],
)
def test_an_exact_call_that_is_wrong_says_why(text, said):
    found = route(text, INDEX)
    assert isinstance(found, Decline)
    assert said in found.detail


def test_a_bare_name_of_two_tools_names_both():
    both = Index((ToolSpec("a___go", "", schema()), ToolSpec("b___go", "", schema())))
    found = route("/call go", both)
    assert isinstance(found, Decline)
    assert "`a___go`, `b___go`" in found.detail


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_call_always_works_exactly(key, value):
    arguments = {key: value}
    found = route(f"/call get_email {json.dumps(arguments)}", INDEX)
    assert isinstance(found, Call)
    assert found.arguments == arguments


@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_has_a_route(text, answer):
    talk(INDEX, text, answer)


@pytest.mark.parametrize("tool", [EC2, S3, DESK[0], DESK[2]])
def test_readers_change_nothing(tool):
    assert writes(tool) == frozenset()


def test_a_description_tells_where_a_name_does_not():
    assert writes(ToolSpec("email", "Changes the e-mail address.", schema())) == {"change"}
    assert writes(ToolSpec("email", "Returns the changed address.", schema(x=STRING))) == frozenset()


@pytest.mark.parametrize(
    "forms", [("change", "changes", "changed", "changing"), ("bucket", "buckets"), ("policy", "policies"), ("stop", "stopped", "stopping"), ("list", "lists", "listed"), ("alias", "alias"), ("class", "classes")]
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(forms):
    assert len({words.stem(form) for form in forms}) == 1


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=15))
def test_a_stem_is_never_empty_and_never_longer(word):
    stem = words.stem(word)
    assert stem
    assert len(stem) <= len(word)
