"""Tool results as Markdown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.models.router import render

INSTANCES = [
    {"id": "i-1", "state": "running", "tags": {"Name": "web"}},
    {"id": "i-2", "state": "stopped", "cores": 4},
]


def shown(*content, status="success", tool="aws___look"):
    return render.result({"toolUseId": "t", "content": list(content), "status": status}, tool)


@pytest.mark.behaviour("MD-ROUTER-RENDER")
def test_a_list_of_records_is_a_table():
    text = json.dumps({"items": INSTANCES, "count": 2, "truncated": False, "region": "us-east-1"})
    assert shown({"text": text}).splitlines() == [
        "| id | state | tags | cores |",
        "| --- | --- | --- | --- |",
        "| i-1 | running | Name=web |  |",
        "| i-2 | stopped |  | 4 |",
        "",
        "2 items · region us-east-1",
    ]


def test_json_and_its_text_look_the_same():
    assert shown({"json": INSTANCES}) == shown({"text": json.dumps(INSTANCES)})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"text": "user@example.com"}, "user@example.com"),
        ({"text": '"good"'}, "good"),
        ({"text": "{not json"}, "{not json"),
        ({"json": {"email": "a@b.c", "n": 1, "deep": {"x": [1]}}}, "- **email**: a@b.c\n- **n**: 1\n- **deep**: x=1"),
        ({"json": {"result": "a@b.c"}}, "a@b.c"),
        ({"json": {"result": [{"a": 1}]}}, "| a |\n| --- |\n| 1 |"),
        ({"json": ["x", 2, None]}, "- x\n- 2\n- "),
        ({"json": []}, "Nothing was found."),
        ({"json": {"items": [], "count": 0}}, "Nothing was found.\n\n0 items"),
        ({"json": {"items": [{"a": 1}], "count": 90, "truncated": True}}, "| a |\n| --- |\n| 1 |\n\n90 items · truncated: there are more"),
        ({"json": {"items": [1], "note": "seed data"}}, "- 1\n\n1 item\n- **note**: seed data"),
        ({"json": True}, "true"),
        ({"json": {}}, "(empty)"),
        ({"json": [{}]}, "1 empty records."),
        ({"image": {"format": "png", "source": {"bytes": "aGk="}}}, "The image is attached (png)."),
        ({"document": {"name": "bill", "format": "pdf", "source": {}}}, "The document is attached (bill)."),
    ],
)  # fmt: skip
def test_shapes(content, text):
    assert shown(content) == text


def test_several_blocks_stand_below_each_other():
    assert (
        shown({"text": "Here it is."}, {"image": {"format": "png"}})
        == "Here it is.\n\nThe image is attached (png)."
    )


def test_nothing_at_all():
    assert shown() == "`aws___look` finished and returned nothing."


@pytest.mark.behaviour("MD-ROUTER-ERROR")
def test_an_error_says_so():
    assert (
        shown({"text": "Access Denied"}, status="error") == "`aws___look` reported an error:\n\nAccess Denied"
    )
    assert shown(status="error") == "`aws___look` failed and gave no reason."


@pytest.mark.behaviour("MD-ROUTER-REFUSED")
@pytest.mark.parametrize("status", ["error", "success"])
@pytest.mark.parametrize(
    "text",
    [
        'CONFIRMATION_FAILED: Approve "accounts___change_email"?',
        "DENIED: no",
        "The request was denied by the user.",
        "User declined.",
        'Tool "x" denied: approval callback returned no response.',
        "approval was not granted",
    ],
)
def test_a_refusal_is_a_plain_sentence(text, status):
    said = shown({"text": text}, status=status, tool="accounts___change_email")
    assert said == "You did not approve `accounts___change_email`, so it was not run and nothing was changed."


@pytest.mark.parametrize(
    "text", ["AccessDenied: denied by policy", "Access to the user table was denied", "Denied requests: 0"]
)
def test_an_answer_about_denied_things_is_no_refusal(text):
    assert "not approve" not in shown({"text": text}, status="error")


def test_cells_stay_in_their_row():
    [_, _, row] = shown({"json": [{"a": "x|y\nz" + "w" * 500}]}).splitlines()
    assert row.startswith("| x\\|y z")
    assert len(row) < 140


def test_long_answers_are_bounded():
    table = shown({"json": [{"n": number} for number in range(1000)]})
    assert "… and 900 more" in table
    assert len(shown({"text": "x" * 1_000_000})) < 70_000


COSTS = [
    {"service": "Amazon EC2", "amount": 1200.5, "currency": "USD", "share": "97.9 %"},
    {"service": "Amazon S3", "amount": 25.25, "currency": "USD", "share": "2.1 %"},
]


@pytest.mark.behaviour("MD-ROUTER-RENDER-DESK")
def test_costs_have_their_total():
    said = shown({"json": {"items": COSTS, "count": 2, "region": "us-east-1", "source": "made-up data"}})
    assert said.splitlines()[-4:] == [
        "**Total: 1,225.75 USD**",
        "",
        "2 items · region us-east-1",
        "- **source**: made-up data",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        COSTS[:1],
        [*COSTS, {"service": "x", "amount": 1, "currency": "EUR"}],
        [*COSTS, {"service": "x", "currency": "USD"}],
        [{"amount": 1}, {"amount": 2}],
        [{"amount": True, "currency": "USD"}, {"amount": True, "currency": "USD"}],
    ],
)
def test_what_is_no_sum_of_money_has_no_total(rows):
    assert "Total" not in shown({"json": rows})


def test_a_wide_table_keeps_names_states_and_plain_values():
    wide = {f"c{number}": number for number in range(12)}
    said = shown({"json": [{**wide, "nested": {"a": 1}, "state": "ok", "name": "x", "empty": None}]})
    assert said.splitlines()[0] == "| c0 | c1 | c2 | c3 | c4 | c5 | c6 | state | name |"
    assert "Not shown: c7, c8, c9, c10, c11, nested." in said


def test_problems_of_some_regions_are_told():
    problems = [{"region": "eu-west-1", "problem": "not authorized"}]
    said = shown({"json": {"items": INSTANCES, "count": 2, "region": "all", "problems": problems}})
    assert "2 items · region all\n- **problem** in eu-west-1: not authorized" in said


def test_an_answer_beside_its_own_text_is_shown_once():
    data = {"items": INSTANCES, "count": 2}
    both = shown({"text": "| id |\n|----|\n| i-1 |"}, {"json": data})
    assert both == shown({"json": data})


@pytest.mark.behaviour("MD-ROUTER-RENDER-DESK")
def test_a_verdict_is_a_sentence_with_its_findings():
    finding = {
        "policy": "sensitive_information",
        "type": "EMAIL",
        "name": "",
        "match": "a@b.c",
        "action": "ANONYMIZED",
    }
    verdict = {
        "verdict": "anonymized", "reason": "An e-mail address was masked.", "guardrail": "abc", "version": "1",
        "findings": [finding], "text": "write to {EMAIL}", "usage": {"words": 1},
    }  # fmt: skip
    assert shown({"json": verdict}).splitlines() == [
        "**Anonymized** by the guardrail abc, version 1: An e-mail address was masked.",
        "",
        "| policy | type | match | action |",
        "| --- | --- | --- | --- |",
        "| sensitive_information | EMAIL | a@b.c | ANONYMIZED |",
        "",
        "What may be passed on:",
        "",
        "```",
        "write to {EMAIL}",
        "```",
    ]
    allowed = {"verdict": "allowed", "reason": "", "findings": [], "text": "hi"}
    assert shown({"json": allowed}) == "**Allowed**: nothing was found."


@pytest.mark.behaviour("MD-ROUTER-RENDER-DESK")
def test_terraform_lists_logs_and_details_are_readable():
    runs = {"workspace": "net", "runs": [{"id": "run-1", "status": "applied"}], "count": 1, "more": True}
    assert shown({"json": runs}).splitlines()[-2:] == [
        "1 item · truncated: there are more",
        "- **workspace**: net",
    ]
    log = shown({"json": {"run_id": "run-1", "log": "a\nb ```` c", "cut": False}})
    assert log == "- **run_id**: run-1\n- **cut**: no\n\n**log**\n\n`````\na\nb ```` c\n`````"
    module = shown({"json": {"name": "vpc", "inputs": [{"name": "cidr", "required": True}]}})
    assert module == "- **name**: vpc\n\n**inputs**\n\n| name | required |\n| --- | --- |\n| cidr | yes |"


@pytest.mark.parametrize("content", [{"error": "No.\nThere is none.", "code": "ResourceNotFoundException"}])
def test_an_error_of_a_function_is_one_line(content):
    line = "`aws___look` reported an error: No. There is none. (ResourceNotFoundException)"
    assert shown({"json": content}) == line
    assert shown({"text": json.dumps(content)}) == line


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=20))  # fmt: skip
def test_any_json_is_rendered(data):
    assert isinstance(shown({"json": data}), str)
