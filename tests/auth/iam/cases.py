"""What IAM decides, as a table: statements, a request, the outcome. Sources are pages of the IAM user guide.

A case is `(name, policies, request, outcome)`. Policies and requests have only what differs from the ordinary:
an identity policy, asked by the user `ann` for `s3:GetObject` on `arn:aws:s3:::reports/may.csv`. The outcome is
`allow`, `deny` (explicit) or `implicit`, with the kind of policy that decided after a space where the case is about
that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ACCOUNT, OTHER = "123456789012", "210987654321"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/desk"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/desk/night"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OBJECT = "arn:aws:s3:::reports/may.csv"
LAMBDA = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:tools"
SERVICE = "bedrock-agentcore.amazonaws.com"

ELEMENTS = "IAM JSON policy element reference"
WILDCARDS = "Wildcards in IAM policies; Resource"
OPERATORS = "IAM JSON policy elements: Condition operators"
SETS = "Set operators for multivalued context keys"
VARIABLES = "IAM policy elements: Variables and tags"
PRINCIPALS = "AWS JSON policy elements: Principal"
NOT_PRINCIPAL = "AWS JSON policy elements: NotPrincipal"
LOGIC = "Policy evaluation logic"
BOUNDARIES = "Permissions boundaries for IAM entities"
SESSIONS = "Session policies"
CROSS = "Cross-account policy evaluation logic"
KEYS = "AWS KMS developer guide, Key policies in AWS KMS; Default key policy"
TRUST = "Roles terms and concepts; The confused deputy problem"


def allow(**members: Any) -> dict[str, Any]:
    """A statement that allows reading the object, but for `members`; None removes one."""
    return _statement("Allow", members)


def deny(**members: Any) -> dict[str, Any]:
    """A statement that denies it."""
    return _statement("Deny", members)


def when(operator: str, key: str, *values: Any) -> dict[str, Any]:
    """An Allow under a condition."""
    return allow(Condition={operator: {key: list(values) if len(values) != 1 else values[0]}})


def _statement(effect: str, members: dict[str, Any]) -> dict[str, Any]:
    known = {"Effect": effect, "Action": "s3:GetObject", "Resource": OBJECT, **members}
    return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True)
class Case:
    """One row; lists of statements by kind of policy, and what is asked."""

    source: str
    name: str
    outcome: str
    identity: list[Any] = field(default_factory=list)
    boundary: list[Any] | None = None
    session: list[Any] | None = None
    resource: list[Any] | None = None
    trust: bool = False
    authority: bool = False
    who: str = ANN
    action: str = "s3:GetObject"
    on: str = OBJECT
    account: str = ACCOUNT
    version: str = "2012-10-17"
    context: dict[str, Any] = field(default_factory=dict)


CASES: list[Case] = []


def case(source: str, name: str, outcome: str, **members: Any) -> None:
    """A row of the table."""
    CASES.append(Case(source, name, outcome, **members))


# --- elements and wildcards

for _name, _statement_of, _outcome in [
    ("the exact action and resource", allow(), "allow"),
    ("another action", allow(Action="s3:PutObject"), "implicit"),
    ("another service", allow(Action="s4:GetObject"), "implicit"),
    ("another resource", allow(Resource="arn:aws:s3:::reports/june.csv"), "implicit"),
    ("the case of an action", allow(Action="S3:getobject"), "allow"),
    ("the case of a resource", allow(Resource=OBJECT.upper().replace("ARN:", "arn:")), "implicit"),
    ("one of several actions", allow(Action=["s3:ListBucket", "s3:GetObject"]), "allow"),
    ("one of several resources", allow(Resource=["arn:aws:s3:::other", OBJECT]), "allow"),
    ("NotAction with the action", allow(Action=None, NotAction="s3:GetObject"), "implicit"),
    ("NotAction without it", allow(Action=None, NotAction="s3:PutObject"), "allow"),
    ("NotAction of another service", allow(Action=None, NotAction="iam:*"), "allow"),
    ("NotAction with a wildcard that fits", allow(Action=None, NotAction=["iam:*", "s3:Get*"]), "implicit"),
    ("NotResource with the resource", allow(Resource=None, NotResource=OBJECT), "implicit"),
    ("NotResource without it", allow(Resource=None, NotResource="arn:aws:s3:::secret/*"), "allow"),
    (
        "NotResource with one that fits",
        allow(Resource=None, NotResource=["arn:x", "arn:aws:s3:::r*"]),
        "implicit",
    ),
    ("deny", deny(), "deny"),
    ("deny of NotAction", deny(Action=None, NotAction="s3:PutObject"), "deny"),
    ("deny of NotResource", deny(Resource=None, NotResource="arn:aws:s3:::x"), "deny"),
]:
    case(ELEMENTS, _name, _outcome, identity=[_statement_of])

for _name, _members, _outcome in [
    ("every action", {"Action": "*"}, "allow"),
    ("every action of the service", {"Action": "s3:*"}, "allow"),
    ("actions that begin so", {"Action": "s3:Get*"}, "allow"),
    ("actions that end so", {"Action": "s3:*Object"}, "allow"),
    ("actions with something inside", {"Action": "s3:*t*bj*"}, "allow"),
    ("actions with nothing for the star", {"Action": "s3:GetObject*"}, "allow"),
    ("actions of any service that are called so", {"Action": "*:GetObject"}, "allow"),
    ("a question mark for one character", {"Action": "s3:GetObjec?"}, "allow"),
    ("a question mark for none", {"Action": "s3:GetObject?"}, "implicit"),
    ("question marks for too few", {"Action": "s3:GetObj??"}, "implicit"),
    ("a star that does not reach", {"Action": "s3:Put*"}, "implicit"),
    ("every resource", {"Resource": "*"}, "allow"),
    ("everything in the bucket", {"Resource": "arn:aws:s3:::reports/*"}, "allow"),
    ("the bucket alone", {"Resource": "arn:aws:s3:::reports"}, "implicit"),
    ("a star across slashes", {"Resource": "arn:aws:s3:::r*.csv"}, "allow"),
    ("a star in the bucket's name", {"Resource": "arn:aws:s3:::*/may.csv"}, "allow"),
    ("stars on both sides", {"Resource": "arn:aws:s3:::*ports/m*y.csv"}, "allow"),
    ("the pieces in the wrong order", {"Resource": "arn:aws:s3:::*may*reports*"}, "implicit"),
    ("pieces that would overlap", {"Resource": "arn:aws:s3:::reports/may*y.csv"}, "implicit"),
    ("question marks in a resource", {"Resource": "arn:aws:s3:::reports/???.csv"}, "allow"),
    ("one question mark too many", {"Resource": "arn:aws:s3:::reports/????.csv"}, "implicit"),
    ("question marks between stars", {"Resource": "arn:aws:s3:::*/m?y*"}, "allow"),
    ("any partition", {"Resource": "arn:*:s3:::reports/may.csv"}, "allow"),
    ("a point is no wildcard", {"Resource": "arn:aws:s3:::reports/may.c.v"}, "implicit"),
    ("a bracket is no wildcard", {"Resource": "arn:aws:s3:::reports/[m]ay.csv"}, "implicit"),
]:
    case(WILDCARDS, _name, _outcome, identity=[allow(**_members)])

case(WILDCARDS, "only ASCII letters have a case: the Kelvin sign is no k", "implicit",
     identity=[allow(Action="kms:Decrypt", Resource="*")], action="\u212aMS:Decrypt")  # fmt: skip

# --- condition operators

_ONE_DAY = "2026-06-01T00:00:00Z"
for _operator, _value, _found, _outcome in [
    ("StringEquals", "acme", "acme", "allow"),
    ("StringEquals", "acme", "Acme", "implicit"),
    ("StringEquals", "ac*", "acme", "implicit"),
    ("StringEquals", "acme", None, "implicit"),
    ("StringNotEquals", "acme", "zeta", "allow"),
    ("StringNotEquals", "acme", "acme", "implicit"),
    ("StringNotEquals", "acme", None, "allow"),
    ("StringEqualsIgnoreCase", "acme", "ACME", "allow"),
    ("StringEqualsIgnoreCase", "acme", "zeta", "implicit"),
    ("StringNotEqualsIgnoreCase", "acme", "ACME", "implicit"),
    ("StringNotEqualsIgnoreCase", "acme", "zeta", "allow"),
    ("StringLike", "ac*", "acme", "allow"),
    ("StringLike", "ac?e", "acme", "allow"),
    ("StringLike", "AC*", "acme", "implicit"),
    ("StringNotLike", "ac*", "acme", "implicit"),
    ("StringNotLike", "ac*", "zeta", "allow"),
    ("NumericEquals", "10", "10.0", "allow"),
    ("NumericEquals", "10", "11", "implicit"),
    ("NumericNotEquals", "10", "11", "allow"),
    ("NumericNotEquals", "10", "10", "implicit"),
    ("NumericLessThan", "10", "9", "allow"),
    ("NumericLessThan", "10", "10", "implicit"),
    ("NumericLessThanEquals", "10", "10", "allow"),
    ("NumericGreaterThan", "10", "11", "allow"),
    ("NumericGreaterThan", "10", "9", "implicit"),
    ("NumericGreaterThanEquals", "10", "10", "allow"),
    ("NumericLessThan", "10", "many", "implicit"),
    ("DateEquals", _ONE_DAY, "2026-06-01T02:00:00+02:00", "allow"),
    ("DateNotEquals", _ONE_DAY, _ONE_DAY, "implicit"),
    ("DateLessThan", _ONE_DAY, "2026-05-31T23:59:59Z", "allow"),
    ("DateLessThan", _ONE_DAY, _ONE_DAY, "implicit"),
    ("DateLessThanEquals", _ONE_DAY, _ONE_DAY, "allow"),
    ("DateGreaterThan", _ONE_DAY, "2026-06-02", "allow"),
    ("DateGreaterThan", _ONE_DAY, "2026-05-01", "implicit"),
    ("DateGreaterThanEquals", _ONE_DAY, "1780272000", "allow"),
    ("DateLessThan", "1780272001", _ONE_DAY, "allow"),
    ("DateLessThan", _ONE_DAY, "soon", "implicit"),
    ("Bool", "true", "true", "allow"),
    ("Bool", "false", "true", "implicit"),
    ("Bool", True, "TRUE", "allow"),
    ("Bool", "true", None, "implicit"),
    ("BinaryEquals", "c2tlcnJ5", "c2tlcnJ5", "allow"),
    ("BinaryEquals", "c2tlcnJ5", "c2tlcnJ6", "implicit"),
    ("IpAddress", "203.0.113.0/24", "203.0.113.7", "allow"),
    ("IpAddress", "203.0.113.0/24", "203.0.114.7", "implicit"),
    ("IpAddress", "203.0.113.7", "203.0.113.7", "allow"),
    ("IpAddress", "2001:db8::/32", "2001:db8::7", "allow"),
    ("IpAddress", "203.0.113.0/24", "2001:db8::7", "implicit"),
    ("NotIpAddress", "203.0.113.0/24", "203.0.114.7", "allow"),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", "implicit"),
    ("ArnEquals", ROLE, ROLE, "allow"),
    ("ArnEquals", f"arn:aws:iam::{ACCOUNT}:role/*", ROLE, "allow"),
    ("ArnLike", "arn:aws:iam::*:role/de?k", ROLE, "allow"),
    ("ArnLike", "arn:aws:iam::*", ROLE, "implicit"),
    ("ArnLike", "arn:*:role/desk", ROLE, "implicit"),
    ("ArnLike", "arn:aws:*:*:*:*", ROLE, "allow"),
    ("ArnNotEquals", ROLE, ROLE, "implicit"),
    ("ArnNotLike", "arn:aws:iam::*:user/*", ROLE, "allow"),
    ("Null", "true", None, "allow"),
    ("Null", "true", "x", "implicit"),
    ("Null", "false", "x", "allow"),
    ("Null", "false", None, "implicit"),
    ("StringEqualsIfExists", "acme", None, "allow"),
    ("StringEqualsIfExists", "acme", "acme", "allow"),
    ("StringEqualsIfExists", "acme", "zeta", "implicit"),
    ("NumericLessThanIfExists", "10", None, "allow"),
    ("IpAddressIfExists", "203.0.113.0/24", "10.0.0.1", "implicit"),
    ("BoolIfExists", "true", None, "allow"),
    ("BoolIfExists", "true", "false", "implicit"),
    ("ArnLikeIfExists", ROLE, None, "allow"),
]:
    case(OPERATORS, f"{_operator} {_value}, the key is {_found}", _outcome,
         identity=[when(_operator, "aws:Key", _value)],
         context={} if _found is None else {"aws:key": _found})  # fmt: skip

for _name, _condition, _context, _outcome in [
    ("one of the values is enough", {"StringEquals": {"aws:K": ["a", "b"]}}, {"aws:k": "b"}, "allow"),
    ("a negated operator needs all", {"StringNotEquals": {"aws:K": ["a", "b"]}}, {"aws:k": "b"}, "implicit"),
    ("all keys must hold", {"StringEquals": {"aws:K": "a", "aws:L": "b"}}, {"aws:k": "a"}, "implicit"),
    ("and they do", {"StringEquals": {"aws:K": "a", "aws:L": "b"}}, {"aws:k": "a", "aws:l": "b"}, "allow"),
    (
        "all operators must hold",
        {"StringEquals": {"aws:K": "a"}, "Bool": {"aws:M": "true"}},
        {"aws:k": "a"},
        "implicit",
    ),
    ("a key has no case", {"StringEquals": {"AWS:k": "a"}}, {"aws:k": "a"}, "allow"),
    ("no condition", {}, {}, "allow"),
]:
    case(OPERATORS, _name, _outcome, identity=[allow(Condition=_condition)], context=_context)

for _operator, _values, _found, _outcome in [
    ("ForAllValues:StringEquals", ["a", "b"], ["a"], "allow"),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], "allow"),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], "implicit"),
    ("ForAllValues:StringEquals", ["a", "b"], [], "allow"),
    ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], "allow"),
    ("ForAllValues:StringNotEquals", ["a"], ["a", "c"], "implicit"),
    ("ForAllValues:StringLike", ["a*"], ["ab", "ac"], "allow"),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], "allow"),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c"], "implicit"),
    ("ForAnyValue:StringEquals", ["a", "b"], [], "implicit"),
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "c"], "allow"),
    ("ForAnyValue:StringNotEquals", ["a"], ["a"], "implicit"),
    ("ForAnyValue:StringLike", ["a*"], ["b", "ab"], "allow"),
    ("ForAnyValue:StringEqualsIfExists", ["a"], [], "allow"),
]:
    case(SETS, f"{_operator} {_values} of {_found}", _outcome,
         identity=[when(_operator, "aws:TagKeys", *_values)],
         context={"aws:tagkeys": _found} if _found else {})  # fmt: skip

# --- variables

_ANN = {"aws:username": "ann", "aws:principaltag/team": "reports"}
for _name, _members, _context, _outcome in [
    ("the user's name", {"Resource": "arn:aws:s3:::reports/${aws:username}.csv"}, {"aws:username": "may"}, "allow"),
    ("another user's", {"Resource": "arn:aws:s3:::reports/${aws:username}.csv"}, _ANN, "implicit"),
    ("a tag", {"Resource": "arn:aws:s3:::${aws:PrincipalTag/team}/*"}, _ANN, "allow"),
    ("a variable that there is not", {"Resource": "arn:aws:s3:::${aws:PrincipalTag/cost}/*"}, _ANN, "implicit"),
    ("its default", {"Resource": "arn:aws:s3:::${aws:PrincipalTag/cost, 'reports'}/*"}, _ANN, "allow"),
    ("a default that is not needed", {"Resource": "arn:aws:s3:::${aws:PrincipalTag/team, 'x'}/*"}, _ANN, "allow"),
    ("wildcards in a value are none", {"Resource": "arn:aws:s3:::${aws:username}"}, {"aws:username": "*"}, "implicit"),
    ("a literal star", {"Resource": "arn:aws:s3:::reports/${*}"}, {}, "implicit"),
    ("in a condition", when("StringEquals", "s3:prefix", "${aws:username}"), {**_ANN, "s3:prefix": "ann"}, "allow"),
    ("in one that does not hold", when("StringLike", "s3:prefix", "${aws:username}/*"), {**_ANN, "s3:prefix": "bob/"}, "implicit"),
    ("in an ARN condition", when("ArnLike", "aws:SourceArn", "arn:aws:s3:::${aws:PrincipalTag/team}"),
     {**_ANN, "aws:sourcearn": "arn:aws:s3:::reports"}, "allow"),
    ("in a number", when("NumericLessThan", "s3:max-keys", "${aws:PrincipalTag/most}"),
     {"aws:principaltag/most": "5", "s3:max-keys": "4"}, "allow"),
    ("never in an action", {"Action": "${aws:username}:GetObject"}, {"aws:username": "s3"}, "implicit"),
]:  # fmt: skip
    case(VARIABLES, _name, _outcome, identity=[allow(**_members)], context=_context)

case(VARIABLES, "a literal star and the star itself", "allow",
     identity=[allow(Resource="arn:aws:s3:::reports/${*}")], on="arn:aws:s3:::reports/*")  # fmt: skip
case(VARIABLES, "a literal dollar", "allow",
     identity=[allow(Resource="arn:aws:s3:::reports/${$}x")], on="arn:aws:s3:::reports/$x")  # fmt: skip
case(VARIABLES, "version 2008-10-17 has none", "implicit", version="2008-10-17",
     identity=[allow(Resource="arn:aws:s3:::${aws:username}/*")], context={"aws:username": "reports"})  # fmt: skip
case(VARIABLES, "a deny with a variable that there is not", "allow",
     identity=[allow(), deny(Resource="arn:aws:s3:::${aws:PrincipalTag/cost}/*")])  # fmt: skip

# --- principals of a resource's policy

for _name, _principal, _who, _outcome in [
    ("everybody", "*", ANN, "allow"),
    ("everybody, the other way", {"AWS": "*"}, ANN, "allow"),
    ("everybody, and nobody signed", "*", "", "allow"),
    ("an account does not reach who did not sign", {"AWS": ACCOUNT}, "", "implicit"),
    ("the user", {"AWS": ANN}, ANN, "allow"),
    ("another user", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, ANN, "implicit"),
    ("one of several", {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/bob", ANN]}, ANN, "allow"),
    ("the role of a session", {"AWS": ROLE}, SESSION, "allow"),
    ("its role with a path", {"AWS": ROLE.replace("desk", "team/desk")}, SESSION, "allow"),
    ("another role", {"AWS": ROLE.replace("desk", "night")}, SESSION, "implicit"),
    ("the role of that name elsewhere", {"AWS": ROLE.replace(ACCOUNT, OTHER)}, SESSION, "implicit"),
    ("the session itself", {"AWS": SESSION}, SESSION, "allow"),
    ("another session", {"AWS": SESSION.replace("night", "day")}, SESSION, "implicit"),
    ("a role is no user", {"AWS": ROLE.replace("role", "user")}, SESSION, "implicit"),
    ("the service", {"Service": SERVICE}, SERVICE, "allow"),
    ("another service", {"Service": "lambda.amazonaws.com"}, SERVICE, "implicit"),
    ("a service is no user", {"Service": SERVICE}, ANN, "implicit"),
    ("federated is none of ours", {"Federated": "cognito-identity.amazonaws.com"}, ANN, "implicit"),
]:
    case(PRINCIPALS, _name, _outcome, resource=[allow(Principal=_principal)], who=_who)

for _name, _principal, _who, _outcome in [
    ("the user and its account", {"AWS": [ANN, ROOT]}, ANN, "allow"),
    ("the user and its account's number", {"AWS": [ANN, ACCOUNT]}, ANN, "allow"),
    (
        "another user and the account",
        {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/bob", ROOT]},
        ANN,
        "deny resource",
    ),
    ("the user alone: its account is denied", {"AWS": ANN}, ANN, "deny resource"),
    ("the user and another account", {"AWS": [ANN, OTHER]}, ANN, "deny resource"),
    ("the account alone names nobody in it", {"AWS": ROOT}, ANN, "deny resource"),
    ("the account alone and a session", {"AWS": ROOT}, SESSION, "deny resource"),
    ("session, role and account", {"AWS": [SESSION, ROLE, ROOT]}, SESSION, "allow"),
    ("role and account: the session is denied", {"AWS": [ROLE, ROOT]}, SESSION, "deny resource"),
    ("session and account: the role is denied", {"AWS": [SESSION, ROOT]}, SESSION, "deny resource"),
    ("session and role: the account is denied", {"AWS": [SESSION, ROLE]}, SESSION, "deny resource"),
    (
        "another session of the role",
        {"AWS": [SESSION.replace("night", "day"), ROLE, ROOT]},
        SESSION,
        "deny resource",
    ),
    ("everybody", {"AWS": "*"}, ANN, "allow"),
    ("a user and its account, and who did not sign", {"AWS": [ANN, ROOT]}, "", "deny resource"),
]:
    case(NOT_PRINCIPAL, _name, _outcome, identity=[allow()],
         resource=[deny(NotPrincipal=_principal)], who=_who)  # fmt: skip

case(NOT_PRINCIPAL, "who has a boundary is denied, named or not", "deny resource", identity=[allow()],
     boundary=[allow()], resource=[deny(NotPrincipal={"AWS": [ANN, ROOT]})])  # fmt: skip
case(NOT_PRINCIPAL, "a service that is named", "allow", who=SERVICE,
     resource=[deny(NotPrincipal={"Service": SERVICE}), allow(Principal={"Service": SERVICE})])  # fmt: skip

# --- evaluation logic

_TO_ANN, _TO_ROLE, _TO_SESSION = ({"Principal": {"AWS": who}} for who in (ANN, ROLE, SESSION))
_NOTHING = [allow(Action="ec2:*", Resource="*")]

for _name, _outcome, _members in [
    ("nothing says anything", "implicit identity", {}),
    ("an allow", "allow identity", {"identity": [allow()]}),
    ("a deny beats an allow before it", "deny identity", {"identity": [allow(), deny()]}),
    ("and one behind it", "deny identity", {"identity": [deny(), allow()]}),
    ("a deny that does not hold", "allow identity",
     {"identity": [allow(), deny(Condition={"Bool": {"aws:SecureTransport": "false"}})], "context": {"aws:securetransport": "true"}}),
    ("a deny unless", "deny identity",
     {"identity": [allow(), deny(Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})]}),
    ("the resource's policy alone", "allow resource", {"resource": [allow(**_TO_ANN)]}),
    ("the identity's policy, and a resource's that says nothing", "allow identity",
     {"identity": [allow()], "resource": [allow(**_TO_SESSION)]}),
    ("a deny of the resource's policy", "deny resource", {"identity": [allow()], "resource": [deny(Principal="*")]}),
    ("a deny of the identity's policy", "deny identity", {"identity": [deny()], "resource": [allow(**_TO_ANN)]}),
    ("an account's name delegates, the identity must be allowed", "implicit identity", {"resource": [allow(Principal={"AWS": ROOT})]}),
    ("and is", "allow identity", {"resource": [allow(Principal={"AWS": ACCOUNT})], "identity": [allow()]}),
    ("an allow of another action", "implicit identity", {"resource": [allow(Action="s3:PutObject", **_TO_ANN)]}),
    ("a resource's policy about another resource", "implicit identity",
     {"resource": [allow(Resource="arn:aws:s3:::x", **_TO_ANN)]}),
    ("a service has no identity policy", "allow resource", {"resource": [allow(Principal={"Service": SERVICE})], "who": SERVICE}),
    ("a service that is not named", "implicit resource", {"who": SERVICE}),
]:  # fmt: skip
    case(LOGIC, _name, _outcome, **_members)

for _name, _outcome, _members in [
    ("both allow", "allow identity", {"identity": [allow()], "boundary": [allow(Action="s3:*", Resource="*")]}),
    ("the boundary does not", "implicit boundary", {"identity": [allow()], "boundary": _NOTHING}),
    ("the boundary gives nothing", "implicit identity", {"boundary": [allow()]}),
    ("the boundary denies", "deny boundary", {"identity": [allow()], "boundary": [allow(), deny()]}),
    ("a user who is named needs no boundary", "allow resource", {"boundary": _NOTHING, "resource": [allow(**_TO_ANN)]}),
    ("but its deny counts", "deny boundary", {"boundary": [deny()], "resource": [allow(**_TO_ANN)]}),
    ("a role that is named does", "implicit boundary",
     {"boundary": _NOTHING, "resource": [allow(**_TO_ROLE)], "who": SESSION}),
    ("a session that is named does not", "allow resource",
     {"boundary": _NOTHING, "resource": [allow(**_TO_SESSION)], "who": SESSION}),
    ("everybody is named: the boundary limits", "implicit boundary", {"boundary": _NOTHING, "resource": [allow(Principal="*")]}),
]:  # fmt: skip
    case(BOUNDARIES, _name, _outcome, **_members)

for _name, _outcome, _members in [
    ("both allow", "allow identity", {"identity": [allow()], "session": [allow()]}),
    ("the session's policy does not", "implicit session", {"identity": [allow()], "session": _NOTHING}),
    ("it gives nothing", "implicit identity", {"session": [allow()]}),
    ("it denies", "deny session", {"identity": [allow()], "session": [allow(), deny()]}),
    ("all three allow", "allow identity", {"identity": [allow()], "session": [allow()], "boundary": [allow()]}),
    ("a role that is named is limited by it", "implicit session", {"session": _NOTHING, "resource": [allow(**_TO_ROLE)]}),
    ("a session that is named is not", "allow resource", {"session": _NOTHING, "resource": [allow(**_TO_SESSION)]}),
]:  # fmt: skip
    case(SESSIONS, _name, _outcome, who=SESSION, **_members)

for _name, _outcome, _members in [
    ("the identity's policy alone", "implicit resource", {"identity": [allow()]}),
    ("the resource's policy alone", "implicit identity", {"resource": [allow(**_TO_ANN)]}),
    ("both", "allow identity", {"identity": [allow()], "resource": [allow(**_TO_ANN)]}),
    ("the whole account is named", "allow identity", {"identity": [allow()], "resource": [allow(Principal={"AWS": ROOT})]}),
    ("everybody is named", "implicit identity", {"resource": [allow(Principal="*")]}),
    ("both, and a deny", "deny resource", {"identity": [allow()], "resource": [allow(**_TO_ANN), deny(Principal="*")]}),
    ("both, and a boundary that does not", "implicit boundary",
     {"identity": [allow()], "resource": [allow(**_TO_ANN)], "boundary": _NOTHING}),
    ("the other account's name is not this one", "implicit resource",
     {"identity": [allow()], "resource": [allow(Principal={"AWS": OTHER})]}),
]:  # fmt: skip
    case(CROSS, _name, _outcome, account=OTHER, **_members)

# --- trust policies


def _trust(principal: Any, **condition: Any) -> dict[str, Any]:
    members = {"Condition": condition} if condition else {}
    return allow(Action="sts:AssumeRole", Resource=None, Principal=principal, **members)


_ASSUME = [allow(Action="sts:AssumeRole", Resource=ROLE)]
_GATEWAY = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:gateway/desk-0123456789"
_DEPUTY = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": f"{_GATEWAY[:-10]}*"}}
_FROM = {"aws:sourceaccount": ACCOUNT, "aws:sourcearn": _GATEWAY}
_ISSUER = "idp.example.com/desk"
OIDC = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{_ISSUER}"
_SUBJECT = {"StringEquals": {f"{_ISSUER}:sub": "ci"}}
_EXTERNAL = {"StringEquals": {"sts:ExternalId": "7"}}
for _name, _outcome, _members in [
    ("the service", "allow trust", {"resource": [_trust({"Service": SERVICE})], "who": SERVICE}),
    ("another service", "implicit trust", {"resource": [_trust({"Service": "lambda.amazonaws.com"})], "who": SERVICE}),
    ("the service for the right account and resource", "allow trust",
     {"resource": [_trust({"Service": SERVICE}, **_DEPUTY)], "who": SERVICE, "context": _FROM}),
    ("for another account", "implicit trust",
     {"resource": [_trust({"Service": SERVICE}, **_DEPUTY)], "who": SERVICE, "context": {**_FROM, "aws:sourceaccount": OTHER}}),
    ("for another resource", "implicit trust",
     {"resource": [_trust({"Service": SERVICE}, **_DEPUTY)], "who": SERVICE, "context": {**_FROM, "aws:sourcearn": ROLE}}),
    ("for nobody", "implicit trust", {"resource": [_trust({"Service": SERVICE}, **_DEPUTY)], "who": SERVICE}),
    ("the user is named", "allow trust", {"resource": [_trust({"AWS": ANN})]}),
    ("the user may, the role does not trust", "implicit trust", {"resource": [_trust({"Service": SERVICE})], "identity": _ASSUME}),
    ("the account is trusted, the user may not", "implicit identity", {"resource": [_trust({"AWS": ROOT})]}),
    ("the account is trusted, the user may", "allow identity", {"resource": [_trust({"AWS": ROOT})], "identity": _ASSUME}),
    ("the external id is right", "allow trust",
     {"resource": [_trust({"AWS": ANN}, **_EXTERNAL)], "context": {"sts:externalid": "7"}}),
    ("the external id is wrong", "implicit trust",
     {"resource": [_trust({"AWS": ANN}, **_EXTERNAL)], "context": {"sts:externalid": "8"}}),
    ("the external id is missing", "implicit trust", {"resource": [_trust({"AWS": ANN}, **_EXTERNAL)]}),
    ("a deny of the trust policy", "deny trust",
     {"resource": [_trust({"AWS": ANN}), {**_trust("*"), "Effect": "Deny"}]}),
    ("a role of the account", "allow trust", {"resource": [_trust({"AWS": ROLE})], "who": SESSION}),
    ("another action", "implicit trust", {"resource": [_trust({"AWS": ANN})], "action": "sts:TagSession"}),
    ("a web identity of the provider", "allow trust", {"resource": [_trust({"Federated": OIDC})], "who": OIDC}),
    ("a web identity with the right subject", "allow trust",
     {"resource": [_trust({"Federated": OIDC}, **_SUBJECT)], "who": OIDC, "context": {f"{_ISSUER}:sub": "ci"}}),
    ("a web identity with another subject", "implicit trust",
     {"resource": [_trust({"Federated": OIDC}, **_SUBJECT)], "who": OIDC, "context": {f"{_ISSUER}:sub": "CI"}}),
    ("a web identity without a subject", "implicit trust",
     {"resource": [_trust({"Federated": OIDC}, **_SUBJECT)], "who": OIDC}),
    ("a web identity of another provider", "implicit trust", {"resource": [_trust({"Federated": f"{OIDC}/x"})], "who": OIDC}),
    ("a provider in place of a principal", "implicit trust", {"resource": [_trust({"AWS": OIDC})], "who": OIDC}),
    ("a user in place of a web identity", "implicit trust", {"resource": [_trust({"Federated": ANN})]}),
    ("a web identity where the account is trusted", "implicit trust", {"resource": [_trust({"AWS": ROOT})], "who": OIDC}),
    ("a web identity that is denied", "deny trust",
     {"resource": [_trust({"Federated": OIDC}), {**_trust({"Federated": OIDC}, **_SUBJECT), "Effect": "Deny"}],
      "who": OIDC, "context": {f"{_ISSUER}:sub": "ci"}}),
]:  # fmt: skip
    case(TRUST, _name, _outcome, **{"trust": True, "action": "sts:AssumeRole", "on": ROLE, **_members})


# --- policies of keys

_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _key(principal: Any, **members: Any) -> dict[str, Any]:
    return allow(**{"Action": "kms:*", "Resource": "*", "Principal": principal, **members})


_MAY = [allow(Action="kms:Decrypt", Resource=_KEY)]
_CALLER = {"StringEquals": {"kms:CallerAccount": ACCOUNT}}
for _name, _outcome, _members in [
    ("the account is named, the identity may", "allow identity", {"resource": [_key({"AWS": ROOT})], "identity": _MAY}),
    ("the account is named by its number", "allow identity", {"resource": [_key({"AWS": ACCOUNT})], "identity": _MAY}),
    ("the account is named, the identity may not", "implicit identity", {"resource": [_key({"AWS": ROOT})]}),
    ("without the account the identity is shut out", "implicit resource", {"resource": [_key({"AWS": ROLE})], "identity": _MAY}),
    ("an administrator is shut out too", "implicit resource",
     {"resource": [_key({"AWS": ROLE})], "identity": [allow(Action="*", Resource="*")]}),
    ("a deny of the identity counts without the account", "deny identity",
     {"resource": [_key({"AWS": ANN})], "identity": [deny(Action="kms:*", Resource="*")]}),
    ("the user is named", "allow resource", {"resource": [_key({"AWS": ANN})]}),
    ("the role is named", "allow resource", {"resource": [_key({"AWS": ROLE})], "who": SESSION}),
    ("the account may less than the identity", "implicit resource",
     {"resource": [_key({"AWS": ROOT}, Action="kms:Encrypt")], "identity": _MAY}),
    ("the account under a condition that holds", "allow identity",
     {"resource": [_key({"AWS": ROOT}, Condition=_CALLER)], "identity": _MAY, "context": {"kms:calleraccount": ACCOUNT}}),
    ("the account under one that does not", "implicit resource",
     {"resource": [_key({"AWS": ROOT}, Condition=_CALLER)], "identity": _MAY}),
    ("a deny of the key's policy", "deny resource",
     {"resource": [_key({"AWS": ROOT}), {**_key({"AWS": ANN}), "Effect": "Deny"}], "identity": _MAY}),
    ("no statement of the key's policy fits", "implicit resource",
     {"resource": [_key({"Service": "logs.amazonaws.com"})], "identity": _MAY}),
    ("the boundary does not allow", "implicit boundary",
     {"resource": [_key({"AWS": ROOT})], "identity": _MAY, "boundary": [allow(Action="s3:*", Resource="*")]}),
    ("the session does not allow", "implicit session",
     {"resource": [_key({"AWS": ROLE})], "who": SESSION, "session": [allow(Action="s3:*", Resource="*")]}),
    ("of another account both must allow", "allow identity",
     {"resource": [_key({"AWS": ROOT})], "identity": _MAY, "account": OTHER}),
    ("of another account the key's alone does not", "implicit identity", {"resource": [_key({"AWS": ANN})], "account": OTHER}),
]:  # fmt: skip
    case(KEYS, _name, _outcome, **{"authority": True, "action": "kms:Decrypt", "on": _KEY, **_members})
