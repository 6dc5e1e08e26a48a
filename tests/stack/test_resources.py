"""What is told of resources that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from skerry.stack import resources
from skerry.stack.resources import Resource

REASON = "http://127.0.0.1:9 cannot be reached."


class Plane:
    """Implements `resources.Plane`: one gateway, whose target has the next of `statuses` at each look."""

    def __init__(self, *statuses: str, runtime: str = "READY") -> None:
        self.statuses = list(statuses)
        self.runtime = runtime

    def listed(self, operation: str, member: str, **arguments: str) -> list[Mapping[str, Any]]:
        found: dict[str, list[Mapping[str, Any]]] = {
            "list_agent_runtimes": [
                {"agentRuntimeId": "r1", "agentRuntimeName": "ops", "status": self.runtime}
            ],
            "list_agent_runtime_endpoints": [
                {"name": "DEFAULT", "status": self.runtime},
                {"name": "prod", "status": "UPDATE_FAILED"},
            ],
            "list_gateways": [{"gatewayId": "g1", "name": "tools", "status": "READY"}],
            "list_gateway_targets": [{"targetId": "t1", "name": "dead", "status": self._next()}]
            if operation == "list_gateway_targets"
            else [],
            "list_policy_engines": [{"policyEngineId": "e1", "name": "e", "status": "ACTIVE"}],
            "list_policies": [{"name": "p", "status": "CREATE_FAILED", "statusReasons": ["no such tool"]}],
            "list_oauth2_credential_providers": [{"name": "idp"}],
        }
        return found[operation]

    def found(self, operation: str, **where: str) -> Mapping[str, Any]:
        if operation == "get_oauth2_credential_provider":
            return {"name": where["name"], "status": "READY"}
        if operation == "get_agent_runtime_endpoint":
            return {"status": "UPDATE_FAILED", "failureReason": "no such version"}
        if operation == "get_agent_runtime":
            return {}  # it was deleted in between
        return {"status": "FAILED", "statusReasons": [REASON]}

    def _next(self) -> str:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@pytest.mark.behaviour("CLI-FAILED")
def test_what_failed_is_named_with_its_reason():
    found = {f"{one.kind} {one.name}": one for one in resources.listed(Plane("FAILED"))}
    bad = {name: one.reason for name, one in found.items() if one.failed}
    assert bad == {
        "endpoint ops/prod": "no such version",
        "target tools/dead": REASON,
        "policy e/p": "no such tool",
    }
    assert "DEFAULT" not in " ".join(found)  # it is the runtime's own
    shown = "\n".join(resources.lines(list(found.values())))
    assert f"target tools/dead        FAILED\n    {REASON}\n    Mend it" in shown


def test_a_resource_that_went_away_keeps_its_status():
    found = next(resources.listed(Plane("READY", runtime="CREATE_FAILED")))
    assert (found.status, found.failed, found.reason) == ("CREATE_FAILED", True, "")


@pytest.mark.behaviour("CLI-FAILED")
def test_statuses_that_move_are_waited_for():
    pauses: list[float] = []
    found = resources.settled(
        Plane("CREATING", "SYNCHRONIZING", "READY"), now=lambda: 0.0, pause=pauses.append
    )
    assert len(pauses) == 2
    assert not any(one.moving for one in found)


def test_waiting_ends():
    clock = iter([0.0, 1.0, 99.0])
    found = resources.settled(Plane("CREATING"), now=lambda: next(clock), pause=lambda _: None)
    target = next(one for one in found if one.kind == "target")
    assert (target.moving, target.failed) == (True, False)
    assert "skerry status" in target.hint


def test_what_waits_for_a_person_has_not_failed():
    one = Resource(kind="target", name="a/b", status="CREATE_PENDING_AUTH")
    assert (one.failed, one.good) == (False, False)
    assert "open the link" in one.hint
