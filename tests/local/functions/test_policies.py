"""Statements of functions' policies, as AddPermission takes them."""

from __future__ import annotations

import pytest

from skerry.errors import ServiceError
from skerry.local.functions.policies import FunctionPolicies
from tests.kit.iam import ACCOUNT

GIVEN = {"StatementId": "one", "Action": "lambda:InvokeFunction"}


@pytest.mark.parametrize(
    "principal", [f"arn:aws:iam::{ACCOUNT}:role/*", f"arn:aws:iam::{ACCOUNT}:role/team-?"]
)
def test_a_statement_that_iam_would_not_take_locks_nobody_out(principal: str) -> None:
    policies = FunctionPolicies("us-east-1", ACCOUNT)
    with pytest.raises(ServiceError) as caught:
        policies.add("orders", {**GIVEN, "Principal": principal})
    assert caught.value.status == 400
    assert policies.invoke("orders").policies == ()
    policies.add("orders", {**GIVEN, "Principal": f"arn:aws:iam::{ACCOUNT}:role/team"})
    assert policies.invoke("orders").policies
