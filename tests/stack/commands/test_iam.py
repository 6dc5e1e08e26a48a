"""`skerry iam` without a running stack: what it makes of recorded hops, and how it shows policies."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from skerry import cli
from skerry.errors import ConfigurationError
from skerry.settings import LocalSettings
from skerry.stack.commands.iam import is_principal, lines, needs
from skerry.stack.declared.declaration import parse
from skerry.stack.principals import meant
from skerry.stack.record import recorded
from skerry.wire.hop import Hop, decode, encode

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/desk"
HEAD, USER = f"arn:aws:iam::{ACCOUNT}:", f"arn:aws:iam::{ACCOUNT}:user/ann"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/desk/one"
GATEWAY = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:gateway/g-0123456789"


def hop(*notes, identity=SESSION, started=100.0, part="gateway", operation="tools/call", session="one"):
    return Hop(
        part,
        operation,
        identity,
        "sigv4",
        200,
        started,
        1.0,
        session=session,
        iam=tuple(dict(note) for note in notes),
    )


def note(action, resource=GATEWAY, **members):
    return {"action": action, "resource": resource, "by": "x", **members}


INVOKE = note("bedrock-agentcore:InvokeGateway")
HOPS = [
    hop(INVOKE),
    hop(
        INVOKE,
        note("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/m"),
        started=200.0,
        session="two",
    ),
    hop(note("bedrock-agentcore:DeleteGateway", refused="not-allowed")),
    hop(note("sts:AssumeRole", ROLE, principal="lambda.amazonaws.com", would_refuse="not-allowed")),
    hop(note("bedrock-agentcore:ListGateways", "*"), identity=f"arn:aws:iam::{ACCOUNT}:user/ann"),
    hop(part="aws", operation="apigateway:GET /restapis"),
    hop(
        note("s3:GetObject", "arn:aws:s3:::reports/may.csv"), part="aws", operation="s3:GET /reports/may.csv"
    ),
]


@pytest.fixture
def state(tmp_path):
    text = "".join(json.dumps(asdict(item)) + "\n" for item in HOPS)
    (tmp_path / "hops.jsonl").write_text(text + '{"torn": ')
    return tmp_path


def called(capsys, *words):
    code = cli.main(["iam", *words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.behaviour("IAM-COMMAND")
def test_the_smallest_policy_for_a_role_holds_what_its_sessions_did(state, capsys):
    code, out, err = called(capsys, "least", ROLE, "--state", str(state))
    assert code == 0
    assert {item["Action"]: item["Resource"] for item in json.loads(out)["Statement"]} == {
        "bedrock-agentcore:InvokeGateway": GATEWAY,
        "bedrock:InvokeModel": "arn:aws:bedrock:us-east-1::foundation-model/m",
        "s3:GetObject": "arn:aws:s3:::reports/may.csv",
    }
    assert f"refused: bedrock-agentcore:DeleteGateway on {GATEWAY} (1x)" in err
    assert "without a known action: apigateway:GET /restapis (1x)" in err


@pytest.mark.behaviour("IAM-COMMAND")
@pytest.mark.parametrize(
    ("words", "actions"),
    [
        (("--session", "two"), {"bedrock-agentcore:InvokeGateway", "bedrock:InvokeModel"}),
        (("--since", "150"), {"bedrock-agentcore:InvokeGateway", "bedrock:InvokeModel"}),
        (("--session", "one", "--refused"), {"bedrock-agentcore:InvokeGateway", "bedrock-agentcore:DeleteGateway", "s3:GetObject"}),
    ],
)  # fmt: skip
def test_a_run_can_be_chosen(state, capsys, words, actions):
    code, out, _ = called(capsys, "least", ROLE, "--json", "--state", str(state), *words)
    found = [item["Action"] for item in json.loads(out)["Statement"]]
    flat = {action for item in found for action in ([item] if isinstance(item, str) else item)}
    assert (code, flat, out.count("\n")) == (0, actions, 1)


@pytest.mark.behaviour("IAM-COMMAND")
def test_mistakes_are_told_with_the_next_move(state, tmp_path_factory, capsys):
    code, _, err = called(capsys, "least", "dseks", "--state", str(state))
    assert (code, "Did you mean: desk?" in err) == (2, True)
    empty = str(tmp_path_factory.mktemp("empty"))
    code, _, err = called(capsys, "least", "desk", "--state", empty)
    assert (code, "no stack runs" in err) == (1, True)
    code, _, err = called(capsys, "least", ROLE, "--state", empty)
    assert (code, "Start `skerry up`" in err) == (1, True)
    code, out, err = called(capsys, "least", f"arn:aws:iam::{ACCOUNT}:user/bob", "--state", str(state))
    assert (code, json.loads(out)["Statement"]) == (1, [])
    assert "nothing is recorded" in err
    assert called(capsys, "show", ROLE, "--state", empty)[0] == 1


@pytest.mark.behaviour("IAM-COMMAND-NAMES")
def test_a_bare_name_is_the_role_that_has_it_and_its_arn_is_said(state, capsys):
    by_arn = called(capsys, "least", ROLE, "--state", str(state))[1]
    code, out, err = called(capsys, "least", "desk", "--state", str(state))
    assert (code, out, f"taken as {ROLE}" in err) == (0, by_arn, True)


@pytest.mark.behaviour("IAM-COMMAND-NAMES")
@pytest.mark.parametrize(
    ("word", "arn"), [("desk", ROLE), ("ann", USER), ("role/both", f"{HEAD}role/both"), ("night", f"{HEAD}role/team/night")]
)  # fmt: skip
def test_a_name_means_one_principal(word, arn):
    assert meant(word, [ROLE, USER, f"{HEAD}role/both", f"{HEAD}user/both", f"{HEAD}role/team/night"]) == arn


@pytest.mark.behaviour("IAM-COMMAND-NAMES")
@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("both", f"{HEAD}role/both or {HEAD}user/both"),
        ("ops", "Did you mean: skerry-runtime-ops?"),
        ("boht", "Did you mean: both?"),
        ("xyz", "Give the ARN"),
    ],
)
def test_a_name_of_nobody_or_of_two_leads_to_what_can_be_given(word, hint):
    with pytest.raises(ConfigurationError) as refused:
        meant(word, [f"{HEAD}role/both", f"{HEAD}user/both", f"{HEAD}role/skerry-runtime-ops"])
    assert hint in refused.value.hint


def test_hops_of_both_files_are_read_and_one_line_may_be_torn(state):
    (state / "hops.jsonl.1").write_text(json.dumps(asdict(hop(INVOKE, started=1.0))) + "\n")
    assert [item.started for item in recorded(state)][:2] == [1.0, 100.0]
    assert len(list(recorded(state))) == len(HOPS) + 1


@pytest.mark.parametrize(
    ("arn", "identity", "expected"),
    [
        (ROLE, SESSION, True),
        (ROLE.replace("/desk", "/team/desk"), SESSION, True),
        (SESSION, SESSION, True),
        (ROLE, SESSION.replace("/desk/", "/desk2/"), False),
        (ROLE, SESSION.replace(ACCOUNT, "210987654321"), False),
        (f"arn:aws:iam::{ACCOUNT}:user/desk", SESSION, False),
        (ROLE, "desk@https://issuer", False),
    ],
)
def test_whose_hops_they_are(arn, identity, expected):
    assert is_principal(arn, identity) is expected


def test_what_a_service_needed_is_not_the_callers():
    done, left = needs([HOPS[3]], ROLE, refused=True)
    assert (done, left) == (set(), {})


def test_a_hop_keeps_its_permissions_on_the_wire():
    assert decode(encode(HOPS[0])) == HOPS[0]


def test_policies_are_shown_by_kind_and_statement():
    statement = {
        "label": "Reads", "effect": "Allow", "not": ["Action"], "principals": [], "actions": ["s3:Get*"],
        "resources": ["*"], "conditions": ["StringEquals aws:username"],
    }  # fmt: skip
    policy = {"name": "inline own", "problem": "", "statements": [statement]}
    broken = {"name": "edge", "problem": "The policy is not valid JSON.", "statements": []}
    found = {
        "principal": ROLE,
        "in_iam": True,
        "tags": {},
        "identity": [policy],
        "boundary": broken,
        "trust": None,
    }
    assert list(lines(found)) == [
        ROLE,
        "  identity: inline own",
        "    Reads  Allow  not s3:Get*  *  if StringEquals aws:username",
        "  boundary: edge  cannot be read: The policy is not valid JSON.",
    ]
    assert "an allow of everything is implied" in next(lines({**found, "in_iam": False}))


@pytest.mark.behaviour("IAM-SETTING")
def test_the_setting_is_a_key_and_a_variable(tmp_path):
    declared = parse({"stack": {"permissions": "warn"}}, file=tmp_path / "skerry.toml")
    assert declared.permissions == "warn"
    assert parse({}, file=tmp_path / "skerry.toml").permissions is None
    assert LocalSettings.from_env({"SKERRY_IAM": "off"}).permissions == "off"
    assert LocalSettings.from_env({}).permissions == "enforce"
    with pytest.raises(ConfigurationError, match="enforce, warn, off"):
        parse({"stack": {"permissions": "maybe"}}, file=tmp_path / "skerry.toml")
    with pytest.raises(ConfigurationError, match="enforce, warn, off"):
        LocalSettings.from_env({"SKERRY_IAM": "maybe"})


def test_a_user_without_policies_is_said_to_have_none():
    found = {"principal": ROLE, "in_iam": True, "identity": [], "boundary": None, "trust": None}
    assert list(lines(found)) == [ROLE, "  no policies: it may do only what a resource's policy allows it"]


@pytest.mark.parametrize("action", ["lambda InvokeFunction", "InvokeFunction", "lambda:", "lambda:Invoke*"])
def test_what_is_no_action_is_not_explained(action, capsys):
    assert cli.main(["iam", "explain", "--principal", ROLE, "--action", action]) == 2
    assert f"--action {action} is no action" in capsys.readouterr().err
