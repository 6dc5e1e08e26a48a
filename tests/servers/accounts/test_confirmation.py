"""change_email asks first, in both eras, and whatever is not a clear yes changes nothing."""

import asyncio
import uuid

import pytest
from fastmcp.client.elicitation import ElicitResult

from tests.servers.accounts.test_server import ERAS, client

ACCOUNT = "67890"
MODERN = "2026-07-28"


@pytest.fixture
def url(request, stateful, stateless):
    """The newer era needs no sessions; the older one needs them in order to be asked."""
    return stateful if request.node.callspec.params.get("mode") == "legacy" else stateless


@pytest.fixture
def email(ask):
    return lambda: ask("GET", f"/accounts/{ACCOUNT}/email").json()["email"]


def fresh():
    return f"{uuid.uuid4().hex}@example.com"


async def change(url, token, mode, handler, new):
    async with client(url, token, mode=mode, elicitation_handler=handler) as desk:
        answer = await desk.call_tool("change_email", {"account_id": ACCOUNT, "new_email": new})
    return answer.data


async def yes(*_):
    return {"confirm": True}


async def unticked(*_):
    return {"confirm": False}


async def decline(*_):
    return ElicitResult(action="decline")


async def cancel(*_):
    return ElicitResult(action="cancel")


@pytest.mark.behaviour("ACC-CONFIRM")
@pytest.mark.parametrize("mode", ERAS)
async def test_a_yes_changes_it_and_the_question_shows_tool_and_arguments(url, user_token, email, ask, mode):
    before, new, asked = email(), fresh(), []

    async def read_and_agree(message, *_):
        assert email() == before, "nothing happens before the answer"
        asked.append(message)
        return {"confirm": True}

    said = await change(url, user_token(), mode, read_and_agree, new)
    assert said == f"The e-mail address of account {ACCOUNT} is now {new} (before: {before})."
    assert email() == new
    (question,) = asked
    assert question.splitlines()[-3:] == [
        "change_email",
        f'  account_id: "{ACCOUNT}"',
        f'  new_email: "{new}"',
    ]
    latest = ask("GET", f"/accounts/{ACCOUNT}/changes").json()["changes"][0]
    assert (latest["subject"], latest["actors"]) == ("ada", ["accounts", "gateway"])
    assert latest["approval"]


@pytest.mark.behaviour("ACC-CONFIRM-NO")
@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (decline, "Nothing was changed: the confirmation was declined."),
        (cancel, "Nothing was changed: the confirmation was closed without an answer."),
        (unticked, "Nothing was changed: the box was not ticked."),
        (None, "Nothing was changed: this c"),
    ],
)
async def test_anything_else_changes_nothing_and_says_so(url, user_token, email, mode, handler, says):
    before = email()
    assert (await change(url, user_token(), mode, handler, fresh())).startswith(says)
    assert email() == before


@pytest.mark.behaviour("ACC-CONFIRM-NO")
async def test_silence_changes_nothing(serving, settings, user_token, email):
    before = email()

    async def never(*_):
        await asyncio.Event().wait()

    with serving(settings, stateful=True, confirm_timeout=0.2) as url:
        said = await change(url, user_token(), "legacy", never, fresh())
    assert said == "Nothing was changed: nobody confirmed within 0.2 seconds."
    assert email() == before


@pytest.mark.behaviour("ACC-CONFIRM-STATELESS")
async def test_without_a_session_the_older_era_cannot_be_asked(stateless, user_token, email):
    before = email()
    said = await change(stateless, user_token(), "legacy", yes, fresh())
    assert said.startswith("Nothing was changed: this connection cannot show a confirmation")
    assert email() == before


async def test_a_wrong_address_is_told_without_asking(stateless, user_token, email):
    from fastmcp.exceptions import ToolError

    asked = []

    async def ask_and_agree(*_):
        asked.append(1)
        return {"confirm": True}

    with pytest.raises(ToolError, match=r"Nothing was changed. The part after the @"):
        await change(stateless, user_token(), MODERN, ask_and_agree, "nobody@nowhere")
    assert "already" in await change(stateless, user_token(), MODERN, ask_and_agree, email())
    assert asked == []


class Raw:
    """Speaks 2026-07-28 by hand, so that a test can send what no client would."""

    def __init__(self, http, token):
        self.http, self.token = http, token

    def __call__(self, url, arguments, **params):
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        }
        body = {"name": "change_email", "arguments": arguments, "_meta": meta, **params}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": "tools/call",
            "Mcp-Name": "change_email",
        }
        message = {"jsonrpc": "2.0", "id": str(uuid.uuid4()), "method": "tools/call", "params": body}
        return self.http.post(url, json=message, headers=headers).json()


@pytest.fixture
def raw(http, user_token):
    return Raw(http, user_token())


YES = {"inputResponses": {"confirm": {"action": "accept", "content": {"confirm": True}}}}


def asked(raw, url, arguments):
    result = raw(url, arguments)["result"]
    assert result["resultType"] == "input_required"
    return result["requestState"]


def told(answer):
    return answer["result"]["content"][0]["text"]


@pytest.mark.behaviour("ACC-STATE-BOUND")
def test_an_answer_holds_for_the_arguments_it_was_given_for(raw, stateless, email):
    before = email()
    state = asked(raw, stateless, {"account_id": ACCOUNT, "new_email": fresh()})
    other = raw(stateless, {"account_id": ACCOUNT, "new_email": fresh()}, requestState=state, **YES)
    assert "error" in other or told(other).startswith("Nothing was changed")
    assert email() == before


@pytest.mark.behaviour("ACC-STATE-BOUND")
def test_an_answer_holds_for_the_person_who_was_asked(raw, http, user_token, stateless, email):
    before, arguments = email(), {"account_id": ACCOUNT, "new_email": fresh()}
    state = asked(raw, stateless, arguments)
    eve = Raw(http, user_token(subject="eve"))
    said = told(eve(stateless, arguments, requestState=state, **YES))
    assert said == "Nothing was changed: the confirmation belongs to another request."
    assert email() == before


@pytest.mark.behaviour("ACC-STATE-BOUND")
@pytest.mark.parametrize("state", [None, "", "made-up", "v1.AAAA"])
def test_an_answer_without_a_question_is_none(raw, stateless, email, state):
    before = email()
    extra = {} if state is None else {"requestState": state}
    answer = raw(stateless, {"account_id": ACCOUNT, "new_email": fresh()}, **extra, **YES)
    assert "error" in answer or told(answer).startswith("Nothing was changed")
    assert email() == before


@pytest.mark.behaviour("ACC-STATE-BOUND")
@pytest.mark.parametrize(
    "response",
    [{"action": "accept"}, {"action": "accept", "content": {}}, {"action": "accept", "content": {"confirm": "yes"}},
     {"action": "accept", "content": {"confirm": 1}}, {"action": "agree", "content": {"confirm": True}},
     {"roots": []}, {"action": "decline", "content": {"confirm": True}}],
)  # fmt: skip
def test_an_unclear_answer_is_a_no(raw, stateless, email, response):
    before, arguments = email(), {"account_id": ACCOUNT, "new_email": fresh()}
    state = asked(raw, stateless, arguments)
    answer = raw(stateless, arguments, requestState=state, inputResponses={"confirm": response})
    assert "error" in answer or told(answer).startswith("Nothing was changed")
    assert email() == before


@pytest.mark.behaviour("ACC-APPROVAL-ONCE")
def test_an_answer_is_good_for_one_change(raw, stateless, ask, email):
    arguments = {"account_id": ACCOUNT, "new_email": fresh()}
    state = asked(raw, stateless, arguments)
    assert "is now" in told(raw(stateless, arguments, requestState=state, **YES))
    later = fresh()
    assert ask("PUT", f"/accounts/{ACCOUNT}/email", json={"email": later}).status_code == 200
    again = raw(stateless, arguments, requestState=state, **YES)
    assert again["result"]["isError"] is True
    assert told(again) == "This confirmation was used before; nothing was changed."
    assert email() == later


@pytest.mark.behaviour("ACC-REPLICAS")
def test_any_replica_may_hear_the_answer(raw, serving, settings, stateless, email):
    arguments = {"account_id": ACCOUNT, "new_email": fresh()}
    state = asked(raw, stateless, arguments)
    with serving(settings) as other:
        assert "is now" in told(raw(other, arguments, requestState=state, **YES))
    assert email() == arguments["new_email"]
