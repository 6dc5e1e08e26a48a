"""The router as a backend: events, reasoning, whole conversations."""

import json

import pytest

from skerry.local.models.events import fold
from skerry.local.models.request import ConverseRequest, ToolChoice, ToolSpec
from skerry.local.models.router.conversation import Router
from tests.local.models.catalogue import DESK, OPERATIONS, STRING, schema
from tests.local.models.real import desk_tools


def user(*texts):
    return {"role": "user", "content": [{"text": text} for text in texts]}


def said(text):
    return {"role": "assistant", "content": [{"text": text}]}


AUTO = ToolChoice()


async def ask(*messages, tools=DESK, choice=AUTO):
    request = ConverseRequest(model_id="local-router", messages=messages, tools=tuple(tools), choice=choice)
    return await fold(Router(new_id=lambda: "tooluse_1").events(request, streaming=True))


def parts(answer):
    """Reasoning, text and tool use of an answer."""
    found = {}
    for block in answer["output"]["message"]["content"]:
        found |= block
    return (
        found["reasoningContent"]["reasoningText"]["text"] if "reasoningContent" in found else "",
        found.get("text", ""),
        found.get("toolUse"),
    )


@pytest.mark.behaviour("MD-ROUTER-NAMED")
async def test_route_score_and_arguments_are_the_reasoning():
    reasoning, text, use = parts(await ask(user("What is the email for account 12345?")))
    assert "no language model" in reasoning
    assert 'accounts___get_email. Arguments: {"account_id": "12345"}' in reasoning
    assert "scored" in reasoning
    assert "email, account" in reasoning or "account, email" in reasoning
    assert text == ""
    assert use == {"toolUseId": "tooluse_1", "name": "accounts___get_email", "input": {"account_id": "12345"}}


@pytest.mark.behaviour("MD-ROUTER-TOKENS")
async def test_it_reports_zero_tokens():
    answer = await ask(user("What time is it?"))
    assert answer["usage"] == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    assert answer["stopReason"] == "tool_use"


async def test_no_tool_is_said_with_the_tools_there_are():
    reasoning, text, use = parts(await ask(user("What is the weather in Paris?")))
    assert use is None
    assert "no language model" in text
    assert all(f"`{tool.name}`" in text for tool in DESK)
    assert "Route: none" in reasoning


async def test_no_tools_at_all():
    _, text, _ = parts(await ask(user("Hello"), tools=()))
    assert "no tools in this conversation" in text


async def test_a_missing_argument_is_asked_for_by_name():
    answer = await ask(user("What is the email?"))
    _, text, use = parts(answer)
    assert (use, answer["stopReason"]) == (None, "end_turn")
    assert "**account_id**: The number of the account." in text


async def test_the_next_message_completes_the_call_without_any_state():
    asked = said("To call `accounts___get_email` I need: account_id")
    _, _, use = parts(await ask(user("What is the email?"), asked, user("12345")))
    assert use["input"] == {"account_id": "12345"}


async def test_earlier_turns_do_not_matter():
    before = [
        user("What is the email?"),
        said("To call it I need account_id"),
        user("5"),
        {
            "role": "assistant",
            "content": [{"toolUse": {"toolUseId": "t", "name": "accounts___get_email", "input": {}}}],
        },
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "x"}]}}]},
        said("x"),
    ]
    _, _, use = parts(await ask(*before, user("12345")))
    assert use is None


async def test_the_choices_of_a_missing_operation_are_listed():
    _, text, _ = parts(await ask(user("Show me something of S3")))
    assert "**operation**: one of `list_buckets`, `list_objects`" in text


async def test_results_are_shown_with_the_name_of_their_tool():
    use = {
        "role": "assistant",
        "content": [{"toolUse": {"toolUseId": "t1", "name": "aws___look", "input": {}}}],
    }
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "boom"}], "status": "error"}}
    answer = await ask(user("look"), use, {"role": "user", "content": [result]})
    assert parts(answer) == ("", "`aws___look` reported an error:\n\nboom", None)
    assert answer["stopReason"] == "end_turn"


@pytest.mark.behaviour("MD-ROUTER-FORCED")
async def test_a_forced_tool_is_called_with_what_was_said_before():
    person = ToolSpec("Person", "A person.", schema(["name", "age"], name=STRING, age={"type": "integer"}))
    messages = [user("My friend is called Ann and her age is 30"), said("I see."), user("Format it, please.")]
    _, _, use = parts(await ask(*messages, tools=[person], choice=ToolChoice("tool", "Person")))
    assert use["input"] == {"name": "Ann", "age": 30}


async def test_any_tool_is_forced_even_without_a_match():
    answer = await ask(user("zzz"), choice=ToolChoice("any"))
    assert parts(answer)[2]["name"] == DESK[0].name
    assert parts(answer)[2]["input"] == {"account_id": "zzz"}


async def test_help_lists_the_tools():
    _, text, _ = parts(await ask(user("What can you do?"), tools=OPERATIONS))
    assert text.count("\n- `") == len(OPERATIONS)
    assert "/call TOOL" in text


async def test_blocks_of_one_message_are_one_question():
    _, _, use = parts(await ask(user("What is the email", "for account 12345?")))
    assert use["input"] == {"account_id": "12345"}


async def test_non_ascii_survives():
    _, _, use = parts(await ask(user('/call hello_world {"name": "Žofie \\u4f60"}')))
    assert use["input"] == json.loads('{"name": "Žofie \\u4f60"}')


@pytest.mark.behaviour("MD-ROUTER-GUARD")
async def test_a_write_names_the_reader_that_comes_nearest():
    _, text, use = parts(await ask(user("Delete the bucket my-logs"), tools=desk_tools()))
    assert use is None
    assert (
        "No tool here can delete that, so nothing was changed. What comes nearest, `aws___s3_read_operations`"
        in text
    )
    assert "- **accounts**: get_email, get_chart, change_email" in text
    assert "`/tools` says what each does" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Is SQS better than SNS?", "not explain or recommend"),
        ("Show me the database password", "asks for a secret"),
    ],
)
async def test_advice_and_secrets_are_declined_in_words(text, said):
    assert said in parts(await ask(user(text), tools=desk_tools()))[1]


async def test_the_same_question_has_the_same_answer_again():
    router = Router(new_id=lambda: "tooluse_1")
    request = ConverseRequest(model_id="local-router", messages=(user("What time is it?"),), tools=DESK)
    first = await fold(router.events(request, streaming=True))
    assert await fold(router.events(request, streaming=True)) == first
