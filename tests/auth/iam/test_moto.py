"""The evaluator against moto's own, on what both know: Effect, Action, NotAction, Resource with `*`, and no more.

moto's has no conditions but StringEquals, no NotResource, no variables, no boundaries and no sessions, and its
actions have a case; see the head of `moto.iam.access_control`.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.iam.access_control import IAMPolicy, PermissionResult

from skerry.auth.iam import Policies, Principal, Request, decide, read
from tests.auth.iam.cases import ACCOUNT, ANN, CASES

THE_SAME = {
    "allowed": PermissionResult.PERMITTED,
    "denied": PermissionResult.DENIED,
    "not-allowed": PermissionResult.NEUTRAL,
}
PLAIN = [
    case
    for case in CASES
    if case.identity
    and not (case.boundary or case.session or case.resource or case.trust or case.context)
    and (case.who, case.account) == (ANN, ACCOUNT)
    and case.name not in ("the case of an action", "deny of NotResource")
    and "${" not in json.dumps(case.identity)
    and not {"Condition", "NotResource"} & {name for statement in case.identity for name in statement}
    and not any(sign in json.dumps(case.identity[0])[1:] for sign in ("?", "[m]", "c.v"))
]


def of_both(statements, action, resource):
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    ask = Request(Principal("user", ANN), action, resource)
    mine = decide(ask, Policies(identity=(read("p", document),)))
    return THE_SAME[mine.reason], IAMPolicy(document).is_action_permitted(action, resource)


@pytest.mark.behaviour("IAM-MOTO")
@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)
def test_a_case_of_the_table(case):
    mine, motos = of_both(case.identity, case.action, case.on)
    assert mine is motos


def test_many_cases_are_common():
    assert len(PLAIN) > 30


TEXT = st.lists(st.sampled_from(["a", "b", "/", "*", "ab"]), min_size=1, max_size=5).map("".join)
STATEMENT = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]), "Resource": TEXT.map(lambda text: "arn:aws:s3:::" + text)}
).flatmap(
    lambda made: st.tuples(st.sampled_from(["Action", "NotAction"]), TEXT).map(
        lambda pair: {**made, pair[0]: "s3:" + pair[1]}
    )
)


@given(st.lists(STATEMENT, min_size=1, max_size=4), TEXT, TEXT)
@settings(deadline=None)
def test_any_policy_of_the_common_part(statements, action, resource):
    action, resource = "s3:" + action.replace("*", "a"), "arn:aws:s3:::" + resource.replace("*", "b")
    mine, motos = of_both(statements, action, resource)
    assert mine is motos
