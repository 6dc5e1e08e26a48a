"""The tools that change something: they ask first, in both eras, and whatever is not a clear yes changes nothing."""

import asyncio
import uuid

import pytest
from fastmcp.client.elicitation import ElicitResult
from fastmcp.exceptions import ToolError

from tests.servers.terraform.conftest import SESSION
from tests.servers.terraform.test_reading import ACME, ERAS, planned

MODERN = "2026-07-28"
SANDBOX = {**ACME, "workspace_name": "sandbox"}
PROD = {**ACME, "workspace_name": "shop-prod"}


def workspaces(standin):
    return {found.name: found for found in standin.standin.estate.workspaces.values()}


@pytest.mark.behaviour("TF-CONFIRM")
@pytest.mark.parametrize("mode", ERAS)
async def test_a_workspace_is_created_after_a_yes(ask, standin, mode):
    asked = []
    said = await ask(
        "create_workspace",
        {
            **ACME,
            "workspace_name": "fresh",
            "description": "new",
            "auto_apply": True,
            "terraform_version": "1.8.0",
        },
        asked=asked,
        mode=mode,
    )
    made = workspaces(standin)["fresh"]
    assert said == f"The workspace fresh of acme is created; its id is {made.id}."
    assert (made.description, made.auto_apply, made.terraform_version) == ("new", True, "1.8.0")
    (question,) = asked
    assert question.startswith("Create the workspace fresh in the organization acme?")
    assert '  workspace: "fresh"' in question
    assert '  auto_apply: "true"' in question


async def decline(*_):
    return ElicitResult(action="decline")


async def cancel(*_):
    return ElicitResult(action="cancel")


async def unticked(*_):
    return {"confirm": False}


@pytest.mark.behaviour("TF-CONFIRM-NO")
@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("handler", [decline, cancel, unticked, None])
async def test_anything_else_than_a_yes_changes_nothing(url, client, standin, mode, handler):
    run_before = dict(standin.standin.estate.runs)
    async with client(url, mode=mode, elicitation_handler=handler) as desk:
        for tool, arguments in (
            ("create_workspace", {**ACME, "workspace_name": "fresh"}),
            ("update_workspace", {**SANDBOX, "description": "other"}),
            ("lock_workspace", SANDBOX),
            ("delete_workspace_safely", SANDBOX),
            ("create_run", PROD),
            ("create_workspace_variable", {**SANDBOX, "key": "a", "value": "b"}),
        ):
            answer = await desk.call_tool(tool, arguments)
            assert answer.content[0].text.startswith("Nothing was changed: "), tool
    found = workspaces(standin)
    assert "fresh" not in found
    assert found["sandbox"].description == "Nothing is built here"
    assert (found["sandbox"].locked_by, found["sandbox"].variables) == ("", {})
    assert standin.standin.estate.runs == run_before


async def test_silence_changes_nothing(serving, client, standin):
    async def never(*_):
        await asyncio.Event().wait()

    with serving(stateful=True, confirm_timeout=0.2) as url:
        async with client(url, mode="legacy", elicitation_handler=never) as desk:
            answer = await desk.call_tool("lock_workspace", SANDBOX)
    assert answer.content[0].text == "Nothing was changed: nobody confirmed within 0.2 seconds."
    assert workspaces(standin)["sandbox"].locked_by == ""


async def test_updating_what_is_named_and_nothing_else(ask, standin):
    before = workspaces(standin)["shop-staging"]
    assert before.auto_apply is True
    staging = {**ACME, "workspace_name": "shop-staging"}
    said = await ask("update_workspace", {**staging, "auto_apply": False, "new_name": "shop-test"})
    assert said == "Changed new_name, auto_apply of the workspace shop-staging of acme."
    after = workspaces(standin)["shop-test"]
    assert (after.id, after.auto_apply, after.description) == (
        before.id,
        False,
        "The web shop before it goes live",
    )
    with pytest.raises(ToolError, match="name at least one setting"):
        await ask("update_workspace", {**ACME, "workspace_name": "shop-test"})
    asked = []
    await ask("update_workspace", {**SANDBOX, "auto_apply": True, "description": ""}, asked=asked)
    assert "runs apply without anybody's confirmation" in asked[0]
    assert workspaces(standin)["sandbox"].description == ""


async def test_moving_to_a_project(ask, standin):
    (shop,) = (await ask("list_terraform_projects", {**ACME, "search": "shop"}))["projects"]
    await ask("update_workspace", {**SANDBOX, "project_id": shop["id"]})
    assert workspaces(standin)["sandbox"].project == shop["id"]
    await ask("create_workspace", {**ACME, "workspace_name": "fresh", "project_id": shop["id"]})
    assert workspaces(standin)["fresh"].project == shop["id"]


@pytest.mark.behaviour("TF-SENDS-LITTLE")
async def test_nothing_is_sent_that_nobody_asked_for(serving, ask):
    from tests.kit.asgi_thread import serve
    from tests.kit.recording_tfe import RecordingTfe

    fake = RecordingTfe()
    with serve(fake, lifespan="off") as address, serving(address=address, stateful=True) as url:
        await ask("update_workspace", {**SANDBOX, "description": "other"}, url=url)
        await ask("create_workspace", {**ACME, "workspace_name": "fresh"}, url=url)
    update, create = (body for method, body in fake.bodies if method in ("PATCH", "POST"))
    assert update["data"]["attributes"] == {"description": "other"}
    assert create["data"]["attributes"] == {"name": "fresh", "auto-apply": False, "execution-mode": "remote"}


@pytest.mark.parametrize("mode", ERAS)
async def test_locking_and_unlocking(ask, standin, mode):
    assert (
        await ask("lock_workspace", {**SANDBOX, "reason": "repair"}, mode=mode)
        == "The workspace sandbox of acme is locked."
    )
    assert workspaces(standin)["sandbox"].locked_by == "user-ada"
    assert (await ask("get_workspace_details", SANDBOX))["locked_by"] == "user-ada"
    with pytest.raises(ToolError, match="locked already"):
        await ask("lock_workspace", SANDBOX, mode=mode)
    with pytest.raises(ToolError, match="is locked"):
        await ask("delete_workspace_safely", SANDBOX, mode=mode)
    await ask("unlock_workspace", SANDBOX, mode=mode)
    assert workspaces(standin)["sandbox"].locked_by == ""
    with pytest.raises(ToolError, match="is not locked"):
        await ask("unlock_workspace", SANDBOX, mode=mode)


async def test_somebody_elses_lock_is_a_conflict(ask, standin):
    workspaces(standin)["sandbox"].locked_by = "user-eve"
    with pytest.raises(
        ToolError, match=r"Terraform refused: Workspace is locked by a different user.*Look at its state"
    ):
        await ask("unlock_workspace", SANDBOX)


@pytest.mark.behaviour("TF-DELETE")
@pytest.mark.parametrize("mode", ERAS)
async def test_a_delete_names_what_goes_and_refuses_while_something_is_managed(ask, standin, mode):
    asked = []
    with pytest.raises(ToolError, match=r"shop-prod of acme still manages 4 resources\. Destroy them first"):
        await ask("delete_workspace_safely", PROD, asked=asked, mode=mode)
    assert asked == []
    said = await ask("delete_workspace_safely", SANDBOX, asked=asked, mode=mode)
    assert said == "The workspace sandbox of acme is deleted."
    assert asked[0].startswith("Delete the workspace sandbox of the organization acme, with its runs")
    assert "It manages 0 resources" in asked[0]
    assert "sandbox" not in workspaces(standin)


@pytest.mark.behaviour("TF-RUN")
@pytest.mark.parametrize("mode", ERAS)
async def test_a_run_is_planned_looked_at_and_applied(ask, standin, mode):
    asked = []
    run = await planned(ask, standin, asked_for := "shop-prod", message="three")
    assert standin.standin.estate.run(run).message == "three"
    said = await ask("apply_run", {"run_id": run, "comment": "go"}, asked=asked, mode=mode)
    assert said.startswith(
        f"The apply of {run} in the workspace {asked_for} of the organization acme is queued"
    )
    assert "it DESTROYS 1 of the 4 resources of the workspace shop-prod of the organization acme" in asked[0]
    assert '  plan: "1 to add, 0 to change, 1 to destroy"' in asked[0]
    standin.phases(2)
    assert (await ask("get_run_details", {"run_id": run}))["status"] == "applied"
    assert "Apply complete!" in (await ask("get_apply_logs", {"run_id": run}))["log"]


@pytest.mark.behaviour("TF-NO-AUTO-APPLY")
async def test_a_run_changes_nothing_until_it_is_applied_whatever_the_workspace_says(ask, standin):
    asked = []
    assert workspaces(standin)["shop-staging"].auto_apply is True
    await ask("create_run", {**ACME, "workspace_name": "shop-staging", "is_destroy": True}, asked=asked)
    assert asked[0].startswith(
        "Plan to DESTROY everything that the workspace shop-staging of the organization acme manages (2 resources)?"
    )
    standin.phases(20)
    (run,) = standin.standin.estate.runs.values()
    assert (await ask("get_run_details", {"run_id": run.id}))["auto_apply"] is False
    assert (run.status, len(workspaces(standin)["shop-staging"].resources)) == ("planned", 2)
    await ask("apply_run", {"run_id": run.id})
    standin.phases(2)
    assert (await ask("get_run_details", {"run_id": run.id}))["status"] == "applied"
    assert workspaces(standin)["shop-staging"].resources == ()


async def test_discarding_and_canceling(ask, standin):
    run = await planned(ask, standin)
    with pytest.raises(
        ToolError, match=rf"{run} is planned; only a run that is planning or applying can be cancelled"
    ):
        await ask("cancel_run", {"run_id": run})
    assert await ask("discard_run", {"run_id": run}) == f"{run} is discarded; nothing was applied."
    for tool in ("apply_run", "discard_run", "cancel_run"):
        with pytest.raises(ToolError, match=f"{run} is discarded; only"):
            await ask(tool, {"run_id": run})
    said = await ask("create_run", {**PROD, "plan_only": True, "target_addrs": ["aws_lb.front"]})
    other = next(word for word in said.split() if word.startswith("run-"))
    standin.phases(1)
    assert (await ask("cancel_run", {"run_id": other})).startswith(f"The cancel of {other} is queued")
    assert standin.standin.estate.run(other).status == "canceled"
    assert standin.standin.estate.run(other).targets == ("aws_lb.front",)


async def test_what_cannot_be_planned(ask):
    with pytest.raises(ToolError, match="exclude each other"):
        await ask("create_run", {**PROD, "is_destroy": True, "refresh_only": True})
    with pytest.raises(ToolError, match="does not accept this: Configuration version is missing"):
        await ask("create_run", SANDBOX)


@pytest.mark.behaviour("TF-MASK")
@pytest.mark.parametrize("mode", ERAS)
async def test_variables(ask, standin, mode):
    asked = []
    new = {**SANDBOX, "key": "size", "value": "3", "category": "terraform", "description": "how many"}
    said = await ask("create_workspace_variable", new, asked=asked, mode=mode)
    (variable,) = workspaces(standin)["sandbox"].variables.values()
    assert said.endswith(f"its id is {variable.id}.")
    assert (variable.value, variable.description, variable.sensitive) == ("3", "how many", False)
    assert '  value: "3"' in asked[0]
    one = {**SANDBOX, "variable_id": variable.id}
    await ask(
        "update_workspace_variable",
        {**one, "value": "a-secret-value", "sensitive": True},
        asked=asked,
        mode=mode,
    )
    assert (variable.value, variable.sensitive, variable.description) == ("a-secret-value", True, "how many")
    assert "a-secret-value" not in asked[1]
    await ask("update_workspace_variable", {**one, "value": "another-secret"}, asked=asked, mode=mode)
    assert "another-secret" not in asked[2], "the variable is sensitive already"
    assert variable.value == "another-secret"
    with pytest.raises(ToolError, match="has already been taken"):
        await ask("create_workspace_variable", new, mode=mode)
    with pytest.raises(ToolError, match="name at least one member"):
        await ask("update_workspace_variable", one, mode=mode)
    assert "another-secret" not in str(await ask("list_workspace_variables", SANDBOX, mode=mode))
    assert (
        await ask("delete_workspace_variable", one, mode=mode)
        == "The variable size of the workspace sandbox is deleted."
    )
    assert workspaces(standin)["sandbox"].variables == {}


class Raw:
    """Speaks 2026-07-28 by hand, so that a test can send what no client would."""

    def __init__(self, http, url, token, session=SESSION):
        self.http, self.url, self.token, self.session = http, url, token, session

    def __call__(self, tool, arguments, **params):
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        }
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": "tools/call",
            "Mcp-Name": tool,
            "X-Session-ID": self.session,
        }
        body = {"name": tool, "arguments": arguments, "_meta": meta, **params}
        message = {"jsonrpc": "2.0", "id": str(uuid.uuid4()), "method": "tools/call", "params": body}
        return self.http.post(f"{self.url}/mcp", json=message, headers=headers).json()


YES = {"inputResponses": {"confirm": {"action": "accept", "content": {"confirm": True}}}}


def told(answer):
    return answer["result"]["content"][0]["text"]


def state_of(answer):
    assert answer["result"]["resultType"] == "input_required"
    return answer["result"]["requestState"]


@pytest.mark.behaviour("TF-APPROVAL-ONCE")
def test_an_answer_is_good_for_one_act(http, serving, user_token, standin):
    with serving() as url:
        raw = Raw(http, url, user_token())
        state = state_of(raw("create_run", PROD))
        assert "is planned in" in told(raw("create_run", PROD, requestState=state, **YES))
        again = told(raw("create_run", PROD, requestState=state, **YES))
        assert again == "Nothing was changed: this confirmation was used before."
        other = Raw(http, url, user_token(), session="another-session-of-ada-is-no-way-around")
        assert told(other("create_run", PROD, requestState=state, **YES)) == again
    assert len(standin.standin.estate.runs) == 1


@pytest.mark.behaviour("TF-BOUND")
def test_an_answer_holds_for_what_was_shown(http, serving, user_token, standin):
    destroy = {**ACME, "workspace_name": "shop-staging", "is_destroy": True}
    with serving() as url:
        raw = Raw(http, url, user_token())
        state = state_of(raw("create_run", destroy))
        found = workspaces(standin)["shop-staging"]
        standin.standin.estate.add_state(found, (*found.resources, "aws_instance.third"))
        said = told(raw("create_run", destroy, requestState=state, **YES))
        assert said == "Nothing was changed: the confirmation belongs to another request."
        eve = Raw(http, url, user_token(subject="eve"))
        state = state_of(raw("create_run", PROD))
        assert told(eve("create_run", PROD, requestState=state, **YES)).startswith("Nothing was changed")
        elsewhere = raw("create_run", destroy, requestState=state, **YES)
        assert "error" in elsewhere or told(elsewhere).startswith("Nothing was changed")
    assert not standin.standin.estate.runs


@pytest.mark.behaviour("TF-REPLICAS")
def test_a_replica_with_the_same_key_may_hear_the_answer(http, serving, user_token, standin):
    key = ("k" * 40,)
    with serving(state_key=key) as first, serving(state_key=key) as second, serving() as stranger:
        token = user_token()
        state = state_of(Raw(http, first, token)("create_run", PROD))
        elsewhere = Raw(http, stranger, token)("create_run", PROD, requestState=state, **YES)
        assert "error" in elsewhere
        assert "is planned in" in told(
            Raw(http, second, token)("create_run", PROD, requestState=state, **YES)
        )
    assert len(standin.standin.estate.runs) == 1


@pytest.mark.behaviour("TF-BOUND")
async def test_what_terraform_sends_cannot_look_like_another_line_of_the_question(ask, standin):
    from skerry.servers.terraform.standin.estate import Variable

    asked = []
    variable = Variable("var-evil", 'size? No.\n\ndelete_nothing\n  workspace: "other"')
    workspaces(standin)["sandbox"].variables[variable.id] = variable
    await ask("delete_workspace_variable", {**SANDBOX, "variable_id": variable.id}, asked=asked)
    lines = asked[0].splitlines()
    assert lines[2] == "delete_workspace_variable"
    assert [line for line in lines if line.startswith("  workspace:")] == ['  workspace: "sandbox"']
