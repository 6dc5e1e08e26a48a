"""What all policies together say about a request, and which statement decided.

1. An explicit deny anywhere decides.
2. Resource and principal are of one account: an allow of either side is enough. What the resource's policy
   allows a principal by its own ARN needs no permissions boundary and no session policy; what it allows a
   role or everybody does; what it allows an account, that account's own policies must allow as well.
3. They are of different accounts: both sides must allow.
4. Boundary and session policies give nothing; each that there is must allow.
5. A role's trust policy is a resource's policy that must allow in every case. So is the policy of a KMS
   key: an allow of the account there lets the account's own policies decide.

A policy that cannot be read is a deny: what it would forbid is not known.

Source: IAM user guide, "Policy evaluation logic", "How AWS enforcement code logic evaluates requests",
"Cross-account policy evaluation logic", "NotPrincipal"; AWS KMS developer guide, "Key policies in AWS KMS",
"Default key policy"; the texts: "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from skerry.auth.iam.documents import Policy, PolicyKind, Statement
from skerry.auth.iam.patterns import Context
from skerry.auth.iam.principals import Grant, Principal

Reason = Literal["allowed", "denied", "not-allowed"]

_NAMES: Mapping[PolicyKind, str] = {
    "identity": "identity-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "resource": "resource-based policy",
    "trust": "role trust policy",
}
_ORDER: tuple[PolicyKind, ...] = ("identity", "boundary", "session", "resource", "trust")


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies that count for a request.

    `identity` are those of a user, its groups or a role. `boundary` and `session` are None when there is
    none, which is not the same as one that allows nothing. `resource` is the policy of the resource; `trust`
    tells that it is the trust policy of a role, which must allow, `authority` that it is another that must.
    `resource_account` is whose the resource is; "" is the principal's.
    """

    identity: Sequence[Policy] = ()
    boundary: Policy | None = None
    session: Sequence[Policy] | None = None
    resource: Sequence[Policy] = ()
    trust: bool = False
    authority: bool = False
    resource_account: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: an action, a resource by its ARN, and the keys of the request in lower case.

    Of a `vague` one not everything is known: a `*` at the end of action and resource is whatever may be
    there.
    """

    principal: Principal
    action: str
    resource: str
    context: Context = field(default_factory=dict)
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome. `kind` is the kind of policy that decided: it denies, allows, or does not allow.

    `policy` and `statement` name what denies or allows, and are "" where nothing does. A `broken` policy
    denies because it cannot be read.
    """

    reason: Reason
    kind: PolicyKind
    policy: str = ""
    statement: str = ""
    broken: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.reason == "allowed"

    @property
    def by(self) -> str:
        """What decided, for people: `identity-based policy inline read, statement 1`."""
        what = _NAMES[self.kind]
        if not self.policy:
            return f"no {what} allows it"
        return f"{what} {self.policy}" + (f", statement {self.statement}" if self.statement else "")


def decide(request: Request, policies: Policies) -> Decision:
    """Allows or denies. Never raises."""
    asked = _groups(policies)
    bounded = policies.boundary is not None
    for kind, group in asked.items():
        for policy in group:
            denied = _denies(policy, kind, request, bounded=bounded)
            if denied is not None:
                return denied
    side: PolicyKind = "trust" if policies.trust else "resource"
    granted, grant = _granted(policies.resource, side, request)
    account = policies.resource_account
    same = not account or account == request.principal.account
    if request.principal.kind in ("service", "federated", "other"):
        return granted or Decision("not-allowed", side)
    if granted is None and (policies.trust or policies.authority or not same):
        return Decision("not-allowed", side)
    if same and granted is not None and grant == "direct":
        return granted
    identity = _allows(asked["identity"], "identity", request)
    if identity is None and not (same and grant in ("role", "everyone")):
        return Decision("not-allowed", "identity")
    for kind in ("boundary", "session"):
        if kind in asked and _allows(asked[kind], kind, request) is None:
            return Decision("not-allowed", kind)
    return identity or granted or Decision("not-allowed", "identity")


def refusal(decision: Decision, request: Request) -> str:
    """What AWS says to who may not: the kind of policy, and nothing of what stands in it."""
    principal = request.principal
    who = principal.arn or principal.service or "anonymous"
    on = "" if request.resource in ("", "*") else f" on resource: {request.resource}"
    kind = _NAMES[decision.kind]
    article = "the" if decision.kind == "trust" else "an" if kind[0] in "aeiou" else "a"
    why = (
        f"with an explicit deny in {article} {kind}"
        if decision.reason == "denied"
        else f"because no {kind} allows the {request.action} action"
    )
    if decision.broken:
        why += ", which cannot be read: whoever may replace it should put one that IAM's grammar allows"
    return f"User: {who} is not authorized to perform: {request.action}{on} {why}"


def _groups(policies: Policies) -> dict[PolicyKind, Sequence[Policy]]:
    found: dict[PolicyKind, Sequence[Policy]] = {"identity": policies.identity}
    if policies.boundary is not None:
        found["boundary"] = (policies.boundary,)
    if policies.session is not None:
        found["session"] = policies.session
    found["trust" if policies.trust else "resource"] = policies.resource
    return found


def _denies(policy: Policy, kind: PolicyKind, request: Request, *, bounded: bool) -> Decision | None:
    if policy.broken:
        return Decision("denied", kind, policy.name, f"cannot be read: {policy.broken}", broken=True)
    for statement in policy.statements:
        if statement.deny and _fits(statement, request, bounded=bounded):
            return Decision("denied", kind, policy.name, statement.label)
    return None


def _allows(group: Sequence[Policy], kind: PolicyKind, request: Request) -> Decision | None:
    for policy in group:
        for statement in policy.statements:
            if not statement.deny and _fits(statement, request):
                return Decision("allowed", kind, policy.name, statement.label)
    return None


def _granted(group: Sequence[Policy], kind: PolicyKind, request: Request) -> tuple[Decision | None, Grant]:
    """The statement of a resource's policy that allows most directly."""
    found: dict[Grant, Decision] = {}
    for policy in group:
        for statement in policy.statements:
            if not statement.deny and statement.names and _fits(statement, request):
                grant = statement.names.grant(request.principal)
                if grant:
                    found.setdefault(grant, Decision("allowed", kind, policy.name, statement.label))
    closest: tuple[Grant, ...] = ("direct", "role", "everyone", "account")
    for grant in closest:
        if grant in found:
            return found[grant], grant
    return None, ""


def _fits(statement: Statement, request: Request, *, bounded: bool = False) -> bool:
    """Whether a statement is about the request, its principal included.

    NotPrincipal denies whoever has a permissions boundary, named or not.
    """
    names = statement.names
    if names is not None and "Principal" in statement.negated:
        if names.spares(request.principal) and not bounded:
            return False
    elif names is not None and not names.grant(request.principal):
        return False
    return statement.concerns(request.action, request.resource, request.context, vague=request.vague)
