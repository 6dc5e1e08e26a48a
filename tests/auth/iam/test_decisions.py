"""The evaluator against the table of cases, against a naive matcher, and against what is not a policy."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.iam import Policies, Policy, PolicyError, Principal, Request, decide, parse, read, refusal
from skerry.auth.iam.least import least
from skerry.auth.iam.patterns import Pattern
from tests.auth.iam.cases import ACCOUNT, ANN, CASES, OBJECT, ROLE, SERVICE, SESSION, Case, allow, deny


def document(statements, version="2012-10-17"):
    return json.dumps({"Version": version, "Statement": statements})


def principal(who: str) -> Principal:
    """Who a case names: a user, a session of `desk`, a service, or nobody."""
    if who == SESSION:
        return Principal("session", who, role=ROLE)
    if who.startswith("arn:"):
        return Principal("federated" if ":oidc-provider/" in who else "user", who)
    return Principal("service", service=who) if who else Principal()


def policies(case: Case) -> Policies:
    def made(kind, statements):
        return read(f"the {kind}", document(statements, case.version), kind)

    side = "trust" if case.trust else "resource"
    return Policies(
        identity=(made("identity", case.identity),) if case.identity else (),
        boundary=None if case.boundary is None else made("boundary", case.boundary),
        session=None if case.session is None else (made("session", case.session),),
        resource=() if case.resource is None else (made(side, case.resource),),
        trust=case.trust,
        authority=case.authority,
        resource_account=case.account,
    )


def request_of(case: Case) -> Request:
    context = {
        key: tuple(value) if isinstance(value, list) else (value,) for key, value in case.context.items()
    }
    return Request(principal(case.who), case.action, case.on, context)


OUTCOMES = {"allowed": "allow", "denied": "deny", "not-allowed": "implicit"}


@pytest.mark.behaviour("IAM-DECISION")
@pytest.mark.behaviour("IAM-NOT-PRINCIPAL")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}: {case.name}")
def test_a_case_of_the_user_guide(case):
    found = decide(request_of(case), policies(case))
    assert not any(policy.broken for policy in policies(case).identity), policies(case).identity
    outcome, _, kind = case.outcome.partition(" ")
    assert OUTCOMES[found.reason] == outcome, found
    assert kind in ("", found.kind)
    assert bool(found.statement) is (found.reason != "not-allowed")


def test_the_table_is_whole():
    assert len(CASES) >= 150
    assert len({(case.source, case.name) for case in CASES}) == len(CASES)


@pytest.mark.behaviour("IAM-DECISION-NAMES")
def test_the_decision_names_policy_and_statement():
    sets = Policies(
        identity=(
            read("inline read", document([allow(Sid="Reads"), deny(Action="s3:PutObject")])),
            read("arn:aws:iam::aws:policy/Everything", document([allow(Action="*", Resource="*")])),
        )
    )
    ask = Request(Principal("user", ANN), "s3:GetObject", OBJECT)
    assert decide(ask, sets).by == "identity-based policy inline read, statement Reads"
    assert (
        decide(replace(ask, action="s3:PutObject"), sets).by
        == "identity-based policy inline read, statement 2"
    )
    assert decide(replace(ask, action="ec2:Run"), sets).policy == "arn:aws:iam::aws:policy/Everything"
    assert decide(ask, Policies()).by == "no identity-based policy allows it"


@pytest.mark.behaviour("IAM-REFUSAL")
@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({}, "because no identity-based policy allows the s3:GetObject action"),
        ({"identity": [deny()]}, "with an explicit deny in an identity-based policy"),
        ({"resource": [deny(Principal="*")]}, "with an explicit deny in a resource-based policy"),
        ({"identity": [allow()], "boundary": [deny()]}, "with an explicit deny in a permissions boundary"),
        (
            {"identity": [allow()], "boundary": [allow(Action="ec2:*")]},
            "because no permissions boundary allows the s3:GetObject action",
        ),
        ({"identity": [allow()], "session": [deny()]}, "with an explicit deny in a session policy"),
        ({"identity": [allow()], "account": "210987654321"}, "because no resource-based policy allows the"),
        ({"trust": True, "resource": None}, "because no role trust policy allows the s3:GetObject action"),
    ],
)
def test_a_refusal_speaks_as_aws_does(members, text):
    case = Case("", "", "", **members)
    ask = request_of(case)
    told = refusal(decide(ask, policies(case)), ask)
    assert told.startswith(f"User: {ANN} is not authorized to perform: s3:GetObject on resource: {OBJECT} ")
    assert text in told


@pytest.mark.behaviour("IAM-BROKEN")
def test_a_policy_that_cannot_be_read_denies_everything():
    ask = Request(Principal("user", ANN), "s3:GetObject", OBJECT)
    fine = read("fine", document([allow(Action="*", Resource="*")]))
    broken = read("torn", '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny"')
    found = decide(ask, Policies(identity=(fine, broken)))
    assert (found.reason, found.policy) == ("denied", "torn")
    assert "not valid JSON" in found.by


@pytest.mark.behaviour("IAM-GRAMMAR")
@pytest.mark.parametrize(
    ("statement", "kind", "text"),
    [
        (allow(Principal="*"), "identity", "Principal has no place"),
        (allow(), "resource", "exactly one of Principal"),
        (allow(Resource=None), "identity", "exactly one of Resource"),
        (allow(NotResource="*"), "identity", "exactly one of Resource"),
        (allow(NotPrincipal={"AWS": ANN}), "resource", "NotPrincipal goes with the Effect Deny"),
        (allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}), "resource", "cannot be a wildcard"),
        (allow(Principal="*"), "trust", "Resource has no place"),
        (allow(Action="GetObject"), "identity", "is no action"),
        (allow(Resource="reports"), "identity", "is no resource"),
        (allow(Condition={"StringAlmost": {"a": "b"}}), "identity", "StringAlmost is no condition operator"),
        (allow(Condition={"NullIfExists": {"a": "true"}}), "identity", "no condition operator"),
        (allow(Condition={"ForSome:StringLike": {"a": "b"}}), "identity", "ForSome is no set operator"),
        (allow(Condition={"NumericEquals": {"a": "many"}}), "identity", "is no number"),
        (allow(Condition={"NumericEquals": {"a": "nan"}}), "identity", "is no number"),
        (allow(Condition={"DateEquals": {"a": "soon"}}), "identity", "is no time"),
        (allow(Condition={"IpAddress": {"a": "here"}}), "identity", "is no IP address"),
        (allow(Condition={"Bool": {"a": "maybe"}}), "identity", "neither true nor false"),
        (allow(Condition={"BinaryEquals": {"a": "?"}}), "identity", "is not base64"),
        (allow(Sid=7), "identity", "Sid must be"),
    ],
)
def test_what_iam_would_refuse_is_refused(statement, kind, text):
    with pytest.raises(PolicyError, match=text):
        parse(document([statement]), kind)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"Statement": [], "Statement": []}', "stands twice"),
        (document([allow(Sid="x"), allow(Sid="x")]), "same Sid"),
        (document([]), "missing or empty"),
        ("[" * 100000, "not valid JSON"),
    ],
)
def test_a_document_that_hides_something_is_refused(text, shown):
    with pytest.raises(PolicyError, match=shown):
        parse(text)


# --- properties

PATTERNS = st.text(alphabet="ab/:*?", max_size=12)
TEXTS = st.text(alphabet="ab/:", max_size=14)


def naive(pattern: str, text: str) -> bool:
    """A matcher that tries everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@given(PATTERNS, TEXTS)
def test_wildcards_match_as_a_naive_matcher_does(pattern, text):
    assert Pattern(pattern).matches(text, {}) is naive(pattern, text)


@given(TEXTS)
def test_a_value_of_a_variable_stands_for_itself(text):
    context = {"aws:username": (text + "*",)}
    assert Pattern("${aws:username}").matches(text + "*", context)
    assert not Pattern("${aws:username}").matches(text + "x", context)


def test_a_pattern_of_many_stars_takes_no_time():
    assert not Pattern("*a" * 2000 + "b").matches("a" * 2000, {})


ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "*", "ec2:*"]
RESOURCES = [OBJECT, "arn:aws:s3:::reports/*", "arn:aws:s3:::x", "*", "arn:aws:s3:::${aws:username}/*"]
CONDITIONS = [
    {},
    {"StringEquals": {"aws:username": "ann"}},
    {"StringNotLike": {"aws:username": "a*"}},
    {"Null": {"aws:PrincipalTag/team": "true"}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}},
]
STATEMENTS = st.builds(
    lambda effect, action, resource, condition: {
        "Effect": effect, "Action": action, "Resource": resource, "Condition": condition,
    },
    st.sampled_from(["Allow", "Deny"]), st.sampled_from(ACTIONS), st.sampled_from(RESOURCES), st.sampled_from(CONDITIONS),
)  # fmt: skip
SETS = st.lists(STATEMENTS, min_size=1, max_size=4)
REQUESTS = st.builds(
    lambda action, resource, name, tags: Request(
        Principal("user", ANN), action, resource, {"aws:username": (name,), "aws:tagkeys": tuple(tags)}
    ),
    st.sampled_from(["s3:GetObject", "s3:PutObject", "ec2:RunInstances"]),
    st.sampled_from([OBJECT, "arn:aws:s3:::ann/x", "*"]),
    st.sampled_from(["ann", "bob"]),
    st.lists(st.sampled_from("abc"), max_size=2),
)


@given(SETS, SETS, REQUESTS)
def test_one_more_deny_never_allows_and_one_more_allow_never_denies(given_, more, ask):
    def outcome(statements):
        return decide(ask, Policies(identity=(read("p", document(statements)),)))

    before = outcome(given_)
    with_deny = outcome([*given_, *({**item, "Effect": "Deny"} for item in more)])
    with_allow = outcome([*given_, *({**item, "Effect": "Allow"} for item in more)])
    assert not (with_deny.allowed and not before.allowed)
    assert not (before.allowed and not with_allow.allowed)
    assert (with_allow.reason == "denied") is (before.reason == "denied")


@given(SETS, SETS, SETS, REQUESTS)
def test_boundary_and_session_only_take_away(identity, boundary, session, ask):
    base = Policies(identity=(read("p", document(identity)),))
    limited = replace(base, boundary=read("b", document(boundary)), session=(read("s", document(session)),))
    assert not decide(ask, limited).allowed or decide(ask, base).allowed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Version", "Statement", "Effect", "Principal", "AWS", "Action", "Resource", "Condition"]
            )
            | st.sampled_from(
                ["NotAction", "StringLike", "ForAllValues:NumericEquals", "aws:username", "Sid"]
            )
            | st.text(max_size=4),
            inner,
            max_size=6,
        )
    ),
    max_leaves=14,
)
KINDS = st.sampled_from(["identity", "resource", "trust", "boundary", "session"])


@given(JSON, KINDS, st.text(max_size=20), st.text(max_size=20))
def test_nothing_raises(value, kind, action, resource):
    policy = read("p", json.dumps(value), kind)
    ask = Request(Principal("session", SESSION, role=ROLE), action, resource, {"aws:username": ("*",)})
    for found in (
        decide(ask, Policies(identity=(policy,), boundary=policy, session=(policy,))),
        decide(ask, Policies(resource=(policy,), trust=kind == "trust")),
    ):
        assert refusal(found, ask)
        assert not (policy.broken and found.allowed)


@given(st.text(max_size=40), KINDS)
def test_any_text_is_read_or_refused(text, kind):
    assert isinstance(read("p", text, kind), Policy)


@pytest.mark.behaviour("IAM-LEAST")
@given(
    st.sets(
        st.tuples(
            st.sampled_from(["s3:GetObject", "s3:PutObject", "lambda:InvokeFunction"]),
            st.sampled_from(
                [OBJECT, "arn:aws:s3:::a*b", "arn:aws:s3:::${x}", "arn:aws:s3:::aXb", "arn:aws:s3:::?"]
            ),
        ),
        min_size=1,
    )
)
def test_the_smallest_policy_allows_what_was_done_and_nothing_else(done):
    sets = Policies(identity=(read("least", json.dumps(least(done))),))
    for action in {action for action, _ in done} | {"s3:ListBucket"}:
        for resource in (
            OBJECT,
            "arn:aws:s3:::a*b",
            "arn:aws:s3:::${x}",
            "arn:aws:s3:::aXb",
            "arn:aws:s3:::?",
        ):
            ask = Request(Principal("user", ANN), action, resource)
            assert decide(ask, sets).allowed is ((action, resource) in done)


def test_services_and_users_are_told_by_name():
    ask = Request(Principal("service", service=SERVICE), "sts:AssumeRole", ROLE)
    assert f"User: {SERVICE} is not authorized" in refusal(decide(ask, Policies(trust=True)), ask)


ALL_OF_S3 = allow(Action="s3:*", Resource="*")


@pytest.mark.behaviour("IAM-VAGUE")
@pytest.mark.parametrize(
    ("action", "on", "statements", "expected"),
    [
        ("sqs:*", "*", [allow(Action="sqs:*", Resource="*")], True),
        ("sqs:*", "*", [allow(Action="*", Resource="*")], True),
        ("sqs:*", "*", [allow(Action="s*:Send*", Resource="*")], False),
        ("sqs:*", "*", [allow(Action="sqs:Send*", Resource="*")], False),
        ("sqs:*", "*", [allow(Action="sqs:?", Resource="*")], False),
        ("sqs:*", "*", [allow(Action="sqs:*", Resource="arn:aws:sqs:*")], False),
        ("sqs:*", "*", [allow(Action="sqs:*", Resource="?")], False),
        ("sqs:*", "*", [allow(Action=None, NotAction="iam:*", Resource="*")], True),
        ("sqs:*", "*", [allow(Action=None, NotAction="sqs:DeleteQueue", Resource="*")], False),
        ("sqs:*", "*", [allow(Action="sqs:*", Resource=None, NotResource="arn:aws:sqs:::x")], False),
        ("sqs:*", "*", [allow(Action="*", Resource="*"), deny(Action="sqs:DeleteQueue", Resource="*")], False),
        ("sqs:*", "*", [allow(Action="*", Resource="*"), deny(Action="*:DeleteQueue", Resource="*")], False),
        ("sqs:*", "*", [allow(Action="*", Resource="*"), deny(Action="sns:*", Resource="*")], True),
        ("sqs:*", "*", [allow(Action="*", Resource="*"), deny(Action=None, NotAction="sqs:*", Resource="*")], True),
        ("sqs:*", "*", [allow(Action="*", Resource="*"), deny(Action=None, NotAction="sqs:Get*", Resource="*")], False),
        ("sqs:*", "*", [allow(Action="*", Resource="*"),
                        deny(Action="sqs:*", Resource="*", Condition={"Bool": {"sqs:x": "true"}})], False),
        ("s3:GetObject", "arn:aws:s3:::*", [ALL_OF_S3], True),
        ("s3:GetObject", "arn:aws:s3:::*", [allow(Resource="arn:aws:s3:::*")], True),
        ("s3:GetObject", "arn:aws:s3:::*", [allow(Resource="arn:aws:s3:::open/*")], False),
        ("s3:GetObject", "arn:aws:s3:::*", [allow(Resource=None, NotResource="arn:aws:s3:::secret/*")], False),
        ("s3:GetObject", "arn:aws:s3:::*", [ALL_OF_S3, deny(Resource="arn:aws:s3:::secret/*")], False),
        ("s3:GetObject", "arn:aws:s3:::*", [ALL_OF_S3, deny(Resource=None, NotResource="arn:aws:s3:::open/*")], False),
        ("s3:GetObject", "arn:aws:s3:::*", [ALL_OF_S3, deny(Action="s3:PutObject", Resource="*")], True),
        ("s3:GetObject", "arn:aws:s3:::open/*", [ALL_OF_S3, deny(Resource="arn:aws:s3:::secret/*")], True),
        ("s3:GetObject", "arn:aws:s3:::open/*", [ALL_OF_S3, deny(Resource="arn:aws:s3:::open/a")], False),
        ("s3:GetObject", "arn:aws:s3:::open/*", [ALL_OF_S3, deny(Resource="arn:aws:s3:::op*/a")], False),
    ],
)  # fmt: skip
def test_of_what_is_not_known_an_allow_is_about_all_and_a_deny_about_any(action, on, statements, expected):
    asked = Request(Principal("user", ANN), action, on, vague=True)
    policy = read("p", document(statements))
    assert not policy.broken
    assert decide(asked, Policies(identity=(policy,))).allowed is expected
