"""The life of a run, moved by the clock."""

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from skerry.servers.terraform.standin import seed
from skerry.servers.terraform.standin.app import Standin
from skerry.servers.terraform.standin.estate import Run
from skerry.servers.terraform.standin.problems import ProblemError
from skerry.servers.terraform.standin.runs import FINAL
from tests.kit.clock import FakeClock


def related(api, run, name):
    data = api("GET", f"/runs/{run}").json()["data"]["relationships"][name]["data"]
    return api("GET", f"/{data['type']}/{data['id']}").json()["data"]["attributes"]


@pytest.mark.behaviour("TFS-RUN")
def test_a_run_waits_for_its_confirmation_and_then_changes_the_state(api, standin, start, status, workspace):
    run = start("shop-prod", message="a third instance")
    assert status(run) == "pending"
    standin.phases(1)
    assert status(run) == "planning"
    assert related(api, run, "plan")["status"] == "running"
    assert workspace("shop-prod")["attributes"]["locked"] is True
    standin.phases(1)
    assert status(run) == "planned"
    plan = related(api, run, "plan")
    assert (plan["resource-additions"], plan["resource-destructions"]) == (1, 1)
    standin.phases(50)
    assert status(run) == "planned", "nothing is applied by itself"
    assert api("POST", f"/runs/{run}/actions/apply", {"comment": "yes"}).status_code == 202
    assert status(run) == "confirmed"
    standin.phases(1)
    assert status(run) == "applying"
    standin.phases(1)
    assert status(run) == "applied"
    assert related(api, run, "apply")["status"] == "finished"
    after = workspace("shop-prod")
    assert (after["attributes"]["resource-count"], after["attributes"]["locked"]) == (4, False)
    state = api("GET", f"/workspaces/{after['id']}/current-state-version").json()["data"]
    assert state["attributes"]["serial"] == 2
    assert state["relationships"]["run"]["data"]["id"] == run
    assert (
        "aws_instance.web_c"
        in api("GET", related(api, run, "plan")["log-read-url"].removeprefix(standin.url), token="").text
    )


@pytest.mark.behaviour("TFS-RUN")
@pytest.mark.parametrize(
    ("name", "attributes", "ends"),
    [("shop-prod", {"plan-only": True}, "planned_and_finished"), ("shop-staging", {}, "planned_and_finished"),
     ("shop-prod", {"auto-apply": True}, "applied"), ("shop-prod", {"refresh-only": True}, "planned_and_finished"),
     ("shop-staging", {"is-destroy": True}, "applied"), ("shop-prod", {"is-destroy": True}, "planned"),
     ("shop-prod", {"target-addrs": ["aws_lb.front"]}, "planned_and_finished"),
     ("shop-prod", {"replace-addrs": ["aws_lb.front"], "target-addrs": ["aws_lb.front"]}, "planned")],
)  # fmt: skip
def test_where_a_run_comes_to_rest(standin, start, status, name, attributes, ends):
    run = start(name, **attributes)
    standin.phases(10)
    assert status(run) == ends


def test_a_destroy_run_takes_everything_and_the_outputs(api, standin, start, status, workspace):
    run = start("shop-staging", **{"is-destroy": True})
    standin.phases(10)
    found = workspace("shop-staging")
    assert (status(run), found["attributes"]["resource-count"]) == ("applied", 0)
    assert api("GET", f"/workspaces/{found['id']}/current-state-version-outputs").json()["data"] == []
    assert api("POST", f"/workspaces/{found['id']}/actions/safe-delete").status_code == 204
    assert api("GET", f"/runs/{run}").status_code == 404


@pytest.mark.behaviour("TFS-RUN-409")
def test_actions_at_the_wrong_time_conflict(api, standin, start, status):
    run = start("shop-prod")
    assert api("POST", f"/runs/{run}/actions/apply").status_code == 409
    assert api("POST", f"/runs/{run}/actions/discard").status_code == 409
    standin.phases(2)
    assert api("POST", f"/runs/{run}/actions/cancel").status_code == 409
    assert api("POST", f"/runs/{run}/actions/discard").status_code == 202
    assert status(run) == "discarded"
    for action in ("apply", "discard", "cancel"):
        assert api("POST", f"/runs/{run}/actions/{action}").status_code == 409
    other = start("shop-prod")
    standin.phases(1)
    assert api("POST", f"/runs/{other}/actions/cancel").status_code == 202
    assert status(other) == "canceled"


def test_the_next_run_waits_for_the_one_before_it(api, standin, start, status):
    first, second = start("shop-prod"), start("shop-prod")
    standin.phases(5)
    assert (status(first), status(second)) == ("planned", "pending")
    api("POST", f"/runs/{first}/actions/discard")
    standin.phases(2)
    assert status(second) == "planned"


def test_a_locked_workspace_lets_nothing_run(api, standin, start, status, workspace):
    path = f"/workspaces/{workspace('shop-prod')['id']}/actions"
    api("POST", f"{path}/lock")
    run = start("shop-prod")
    standin.phases(5)
    assert status(run) == "pending"
    api("POST", f"{path}/unlock")
    standin.phases(1)
    assert status(run) == "planned"


def test_what_cannot_be_run(api, workspace):
    def body(name, **attributes):
        related = {"workspace": {"data": {"type": "workspaces", "id": workspace(name)["id"]}}}
        return {"data": {"type": "runs", "attributes": attributes, "relationships": related}}

    assert api("POST", "/runs", body("sandbox")).status_code == 422
    assert (
        api("POST", "/runs", body("shop-prod", **{"is-destroy": True, "refresh-only": True})).status_code
        == 422
    )
    assert api("POST", "/runs", body("shop-prod", **{"target-addrs": [1]})).status_code == 422
    assert api("POST", "/runs", {"data": {"type": "runs", "attributes": {}}}).status_code == 404


def test_listing_runs(api, standin, start, workspace):
    first = start("shop-prod")
    standin.phases(2)
    api("POST", f"/runs/{first}/actions/discard")
    second = start("shop-prod", **{"plan-only": True})
    path = f"/workspaces/{workspace('shop-prod')['id']}/runs"

    def ids(**params):
        return [item["id"] for item in api("GET", path, params=params).json()["data"]]

    assert ids() == [second, first]
    assert ids(**{"filter[status]": "discarded,applied"}) == [first]
    assert ids(**{"filter[operation]": "plan_only"}) == [second]
    assert ids(**{"filter[source]": "tfe-ui"}) == []


@pytest.mark.behaviour("TFS-SENSITIVE")
def test_outputs(api, workspace):
    identifier = workspace("network-prod")["id"]
    listed = api("GET", f"/workspaces/{identifier}/current-state-version-outputs").json()["data"]
    values = {item["attributes"]["name"]: item["attributes"]["value"] for item in listed}
    assert values == {"vpc_id": "vpc-0a1b2c3d", "subnet_ids": ["subnet-0a", "subnet-0b"], "vpn_psk": None}
    state = api("GET", f"/workspaces/{identifier}/current-state-version").json()["data"]
    revealed = api("GET", f"/state-versions/{state['id']}/outputs")
    assert "not-a-real-key" in revealed.text, "the list of a version hides nothing: a client has to"
    one = revealed.json()["data"][0]
    assert api("GET", f"/state-version-outputs/{one['id']}").json()["data"] == one
    named = {"filter[workspace][name]": "network-prod", "filter[organization][name]": "acme"}
    assert [item["id"] for item in api("GET", "/state-versions", params=named).json()["data"]] == [
        state["id"]
    ]
    assert api("GET", "/state-versions").status_code == 422
    assert api("GET", f"/workspaces/{workspace('sandbox')['id']}/current-state-version").status_code == 404


class Lives(RuleBasedStateMachine):
    """Whatever happens in whatever order: at most one run holds a lock, and what is over stays over."""

    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.standin = Standin.of(seed.load(), tokens={}, clock=self.clock, step=1.0)
        self.estate, self.runs = self.standin.estate, self.standin.runs
        self.workspace = self.estate.named("acme", "shop-prod")
        self.over = {}

    @rule(destroy=st.booleans(), plan_only=st.booleans(), auto=st.booleans())
    def create(self, destroy, plan_only, auto):
        now = self.clock.time()
        run = Run(
            self.estate.new_id("run"), "plan-x", "apply-x", self.workspace.id, "", now, "user-x",
            is_destroy=destroy, plan_only=plan_only, auto_apply=auto, since=now,
        )  # fmt: skip
        self.estate.runs[run.id] = run
        self.workspace.runs.append(run.id)

    @rule(seconds=st.integers(0, 4))
    def wait(self, seconds):
        self.clock.advance(seconds)
        self.runs.catch_up()

    @rule(action=st.sampled_from(["apply", "discard", "cancel"]), number=st.integers(0, 5))
    def act(self, action, number):
        if number < len(self.workspace.runs):
            try:
                getattr(self.runs, action)(self.estate.runs[self.workspace.runs[number]])
            except ProblemError as error:
                assert error.status == 409

    @invariant()
    def one_holds_the_lock_and_the_end_is_the_end(self):
        holding = [
            run.id
            for run in self.estate.runs.values()
            if not run.plan_only and run.status in ("planning", "planned", "confirmed", "applying")
        ]
        assert holding == ([self.workspace.locked_by] if self.workspace.locked_by else [])
        for run in self.estate.runs.values():
            if run.id in self.over:
                assert run.status == self.over[run.id]
            if run.status in FINAL:
                self.over[run.id] = run.status
        assert [state.serial for state in self.workspace.states] == list(
            range(1, len(self.workspace.states) + 1)
        )


TestLives = Lives.TestCase
TestLives.settings = hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None)
