"""Statements of functions' policies, as AddPermission takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.errors import ServiceError, StateError
from skerry.local.functions.policies import FunctionPolicies
from skerry.local.ports.resources import Record
from skerry.local.state.records import RecordStore
from skerry.local.state.resources import Place, Resources
from tests.kit.clock import FakeClock
from tests.kit.iam import ACCOUNT

GIVEN = {"StatementId": "one", "Action": "lambda:InvokeFunction"}


@pytest.mark.parametrize(
    "principal", [f"arn:aws:iam::{ACCOUNT}:role/*", f"arn:aws:iam::{ACCOUNT}:role/team-?"]
)
async def test_a_statement_that_iam_would_not_take_locks_nobody_out(principal: str) -> None:
    policies = FunctionPolicies("us-east-1", ACCOUNT)
    with pytest.raises(ServiceError) as caught:
        await policies.add("orders", {**GIVEN, "Principal": principal})
    assert caught.value.status == 400
    assert policies.invoke("orders").policies == ()
    await policies.add("orders", {**GIVEN, "Principal": f"arn:aws:iam::{ACCOUNT}:role/team"})
    assert policies.invoke("orders").policies


def resources(folder: Path) -> Resources:
    place = Place("us-east-1", ACCOUNT, "http://127.0.0.1:1")
    return Resources(RecordStore(folder / "control.sqlite"), place=place, clock=FakeClock())


@pytest.mark.behaviour("IAM-FUNCTION-KEPT")
async def test_a_policy_is_there_in_the_next_run(tmp_path: Path) -> None:
    first = resources(tmp_path)
    await first.start()
    policies = FunctionPolicies("us-east-1", ACCOUNT, first)
    for identifier in ("one", "two"):
        await policies.add("orders", {**GIVEN, "StatementId": identifier, "Principal": "*"})
    await policies.remove("orders", {"StatementId": "one"})
    told = policies.invoke("orders").policies
    await first.close()

    again = resources(tmp_path)
    await again.start()
    later = FunctionPolicies("us-east-1", ACCOUNT, again)
    assert later.invoke("orders").policies == told
    assert '"Sid": "two"' in told[0][1]
    assert '"Sid": "one"' not in told[0][1]
    await later.remove("orders", {"StatementId": "two"})
    assert again.get("function-policy", "orders") is None
    await again.close()


class Full:
    """Implements `ports.Kept` on a disk that is full."""

    def get(self, kind: str, key: str) -> Record | None:
        return None

    async def keep(self, kind: str, key: str, record: Record | None) -> None:
        raise StateError("the state cannot be written.")


@pytest.mark.behaviour("IAM-FUNCTION-KEPT")
async def test_what_cannot_be_kept_does_not_hold() -> None:
    policies = FunctionPolicies("us-east-1", ACCOUNT, Full())
    with pytest.raises(ServiceError) as caught:
        await policies.add("orders", {**GIVEN, "Principal": "*"})
    assert caught.value.status == 500
    assert policies.invoke("orders").policies == ()
