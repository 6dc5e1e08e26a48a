"""Who may do what: the policies of IAM and of resources, asked before a request goes on.

| who asks | decided by |
|---|---|
| the developer's key | a deny of a resource's policy, a key's policy that shuts IAM out: an administrator |
| a role or user that IAM does not have | the same: an allow of everything is implied |
| a role or user that IAM has | its policies, its boundary, its session, the resource's policy |
| one that IAM had, or had when a session began | nothing is allowed |
| a token, or nobody | nothing but a deny of a resource's policy |

Policies of principals are kept as they were read. With `warn` what would be
refused is logged and goes on; with `off` nothing is asked.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from skerry.auth.iam import Decision, Policies, Policy, Principal, Request, decide, read, refusal
from skerry.auth.iam.patterns import lower
from skerry.errors import ServiceError, access_denied
from skerry.local.iam.principals import ALL, IMPLIED, Known, Principals, caller_of
from skerry.local.iam.stored_policies import UNLOCKS, Held, PolicySource, StoredPolicies
from skerry.local.ports.callers import Caller, Limits
from skerry.local.ports.permissions import Ask, Notes
from skerry.local.ports.running import Clock
from skerry.local.state.resources import Resources
from skerry.settings.local import Permissions as Mode

_BY_IMPLICATION = f"identity-based policy {IMPLIED}"
ADMINISTRATOR = "the developer's key is an administrator"

_ROLE_ARNS = ("arn:aws:iam::", "arn:aws-cn:iam::", "arn:aws-us-gov:iam::")
_ADMINISTRATOR = Known("", identity=(read(ADMINISTRATOR, ALL),))
_log = logging.getLogger("skerry.local.iam")


class PermissionChecks:
    """Implements `ports.Permissions`.

    `policies` knows those of the embedded cloud's resources. `region` is the stack's, in which its own parts
    act. `administrator` is the ARN of the developer.
    """

    def __init__(
        self,
        principals: Principals,
        resources: Resources,
        clock: Clock,
        *,
        policies: PolicySource,
        region: str,
        administrator: str,
        mode: Mode,
    ) -> None:
        self._region = region
        self.principals = principals
        self.stored = StoredPolicies(resources, policies, clock)
        self._resources = resources
        self._clock = clock
        self._administrator = administrator
        self._mode = mode

    async def check(self, caller: Caller, asks: Sequence[Ask], notes: Notes) -> None:
        """Raises AccessDeniedException (403) when the caller lacks one of the permissions."""
        if self._mode == "off":
            return
        free = caller.arn == self._administrator or caller.kind != "iam"
        unlocks = [ask for ask in asks if free and ask.action in UNLOCKS]
        located = await self.stored.of([ask for ask in asks if ask not in unlocks])
        for ask, held in [*((ask, ()) for ask in unlocks), *located]:
            if not free or any(item.binds(account_of(caller.arn)) for item in held):
                await self._decide(caller, ask, held, notes)
                if ask.action == "iam:PassRole":
                    await self._require_role(caller, ask, notes)
            elif caller.kind == "iam":
                notes.append({"action": ask.action, "resource": ask.resource, "by": ADMINISTRATOR})

    @property
    def asks(self) -> bool:
        """Whether policies are asked at all."""
        return self._mode != "off"

    async def binds(self, caller: Caller) -> bool:
        """Whether policies of IAM say what a caller may do. Raises ServiceError (503)."""
        if self._mode == "off" or caller.kind != "iam" or caller.arn == self._administrator:
            return False
        return caller.limits is not None or (await self._known(caller)).exists

    async def trusted(self, role_arn: str, service: str, source_arn: str, notes: Notes) -> str:
        """Why a service may not take a role for the resource `source_arn`; "" when it may."""
        account = account_of(source_arn)
        if account_of(role_arn) != account:  # else a role of the same name would be taken in its place
            return f"The role {role_arn} is not of the account {account}, which {source_arn} is of."
        if self._mode == "off":
            return ""
        role = await self.principals.known(role_arn)
        if not role.exists or role.trust is None:
            return ""
        context = {"aws:sourcearn": (source_arn,), "aws:sourceaccount": (account,), **_moment(self._clock)}
        ask = Request(Principal("service", service=service), "sts:AssumeRole", role.arn, context)
        found = decide(ask, Policies(resource=(role.trust,), trust=True))
        if found.allowed:
            return ""
        told = (
            f"{service} may not take the role {role.arn} for {source_arn}: {found.by}. Its trust policy must "
            f'allow sts:AssumeRole to {{"Service": "{service}"}}; conditions on aws:SourceAccount and '
            f"aws:SourceArn must fit {account} and {source_arn}."
        )
        note = {"action": "sts:AssumeRole", "resource": role.arn, "by": told, "principal": service}
        if self._mode == "warn":
            _log.warning("would refuse: %s", told)
            notes.append({**note, "would_refuse": found.reason})
            return ""
        _log.warning("refused: %s", told)
        notes.append({**note, "refused": found.reason})
        return told

    async def assume(self, caller: Caller, ask: Ask, notes: Notes) -> None:
        """Raises AccessDenied (403) when the caller may not take a role, or the role does not trust it.

        A role that IAM does not have trusts those of its account whom no policy binds: nobody knows what it
        may do, and so it may do everything.
        """
        role = await self.principals.known(ask.resource) if self._mode != "off" else None
        if role is None:
            return
        try:
            held = Held((role.trust,) if role.trust else ())
            await self._decide(caller, ask, (held,), notes, trust=role.exists)
            await self._require_role(caller, ask, notes)
        except ServiceError as error:
            raise ServiceError("AccessDenied", 403, error.message) from error

    async def is_in_iam(self, role_arn: str) -> bool:
        """Whether IAM has, or had, a role. Raises ServiceError (503)."""
        return (await self.principals.known(role_arn)).exists

    async def explain(self, caller: Caller, ask: Ask) -> tuple[Decision, Known]:
        """The decision on a permission, whatever the mode, and what is known of who asks."""
        known = await self._known(caller)
        [(ask, held)] = await self.stored.of([ask])
        return self._decision(caller, ask, held, known)[0], known

    async def _decide(
        self, caller: Caller, ask: Ask, held: Sequence[Held], notes: Notes, *, trust: bool = False
    ) -> None:
        """`held` are policies of which all must allow: of one resource, or of all that may be meant."""
        ask = await self._by_own_path(ask)
        known = await self._known(caller)
        bare = not any(item.binds(account_of(caller.arn)) for item in held)
        if bare and _implied(caller, ask, known):
            notes.append({"action": ask.action, "resource": ask.resource, "by": _BY_IMPLICATION})
            return
        found, request = self._decision(caller, ask, held, known, trust=trust)
        note = {"action": ask.action, "resource": ask.resource, "by": found.by}
        open_to_all = not known.gone and (ask.open or (caller.kind != "iam" and not trust))
        if found.allowed or (open_to_all and found.reason != "denied"):
            if open_to_all and not found.allowed:
                note["by"] = ""
            notes.append(note)
            return
        told = refusal(found, request).replace("User: anonymous", f"User: {caller.name}", 1)
        self._refuse(note, found.reason, told, notes)

    async def _require_role(self, caller: Caller, ask: Ask, notes: Notes) -> None:
        """Refuses a role that IAM does not have to whom policies bind: it would have more than they give."""
        if (await self.principals.known(ask.resource)).exists or not await self.binds(caller):
            return
        note = {"action": ask.action, "resource": ask.resource, "by": "IAM has no such role"}
        told = f"User: {caller.name} is not authorized to perform: {ask.action} on resource: {ask.resource}"
        self._refuse(note, "not-allowed", told, notes)

    def _refuse(self, note: Mapping[str, str], reason: str, told: str, notes: Notes) -> None:
        """Raises AccessDeniedException (403), or logs what would be refused."""
        if self._mode == "warn":
            notes.append({**note, "would_refuse": reason})
            _log.warning("would refuse %(action)s on %(resource)s: %(by)s", note)
            return
        notes.append({**note, "refused": reason})
        raise access_denied(told)

    async def _by_own_path(self, ask: Ask) -> Ask:
        """A role of IAM by its own ARN: it is found by its name, whatever path was given."""
        if not ask.resource.startswith(_ROLE_ARNS) or ":role/" not in ask.resource:
            return ask
        role = await self.principals.known(ask.resource)
        return replace(ask, resource=role.arn) if role.exists else ask

    def _decision(
        self, caller: Caller, ask: Ask, held: Sequence[Held], known: Known, *, trust: bool = False
    ) -> tuple[Decision, Request]:
        """The decision of the first that does not allow, else of the first."""
        found = [self._by(caller, ask, item, known, trust=trust) for item in held or (Held(),)]
        return next((item for item in found if not item[0].allowed), found[0])

    def _by(
        self, caller: Caller, ask: Ask, held: Held, known: Known, *, trust: bool
    ) -> tuple[Decision, Request]:
        principal = caller_of(caller)
        limits = caller.limits or Limits()
        account = held.account or account_of(ask.resource)
        owned = caller.kind == "iam" and not ask.open
        session = limits.policies if owned else None
        policies = Policies(
            identity=known.identity if owned else (),
            boundary=known.boundary if owned else None,
            session=None if session is None else [_session_policy(*item) for item in session],
            resource=held.policies,
            trust=trust,
            authority=held.authority,
            resource_account=account if trust or not ask.resource.startswith(_ROLE_ARNS) else "",
        )
        if principal.role and known.exists:
            principal = Principal("session", principal.arn, role=known.arn)
        context = {
            **_moment(self._clock),
            "aws:requestedregion": (self._region,),
            **_of_caller(caller, principal, known.tags, limits),
            **self._of_resource(ask.resource, account, held.tags),
            **({"kms:calleraccount": (principal.account,)} if held.authority else {}),
            **ask.context,
        }
        request = Request(principal, ask.action, ask.resource, context, ask.vague)
        return Decision("not-allowed", "identity") if known.gone else decide(request, policies), request

    async def _known(self, caller: Caller) -> Known:
        if caller.kind != "iam" or caller.arn == self._administrator:
            return _ADMINISTRATOR
        return await self.principals.of(caller)

    def _of_resource(self, arn: str, account: str, held: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
        tags = {**(self._resources.get("tags", arn) or {}), **held}
        found = {f"aws:resourcetag/{lower(key)}": (str(value),) for key, value in tags.items()}
        return {**found, **({"aws:resourceaccount": (account,)} if account else {})}


@functools.lru_cache(maxsize=256)
def _session_policy(name: str, text: str) -> Policy:
    return read(name, text, "session")


def _implied(caller: Caller, ask: Ask, known: Known) -> bool:
    """Whether everything is allowed to the caller, on a resource of its own account or of none."""
    free = caller.kind == "iam" and caller.limits is None and not known.exists and known is not _ADMINISTRATOR
    return free and account_of(ask.resource) in ("", account_of(caller.arn))


def account_of(arn: str) -> str:
    """The account in an ARN, "" where it has none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def _of_caller(
    caller: Caller, principal: Principal, tags: Mapping[str, str], limits: Limits
) -> dict[str, Sequence[str]]:
    """The condition keys of who asks. Everything comes from this machine."""
    found: dict[str, Sequence[str]] = {
        "aws:sourceip": ("127.0.0.1",),
        "aws:securetransport": (
            "true",
        ),  # loopback stands for AWS's TLS: policies that ask for it are common
        "aws:viaawsservice": ("false",),
    }
    if caller.kind == "anonymous":
        return {**found, "aws:principaltype": ("Anonymous",), "aws:userid": ("anonymous",)}
    if caller.kind != "iam":
        return found
    marked = {**tags, **limits.tags}
    found |= {f"aws:principaltag/{lower(key)}": (value,) for key, value in marked.items()}
    found |= {
        "aws:principalarn": (principal.role or principal.arn,),
        "aws:principalaccount": (principal.account,),
        "aws:principaltype": ("AssumedRole" if principal.role else "User",),
        "aws:principalisawsservice": ("false",),
        **caller.request,
    }
    if caller.user_id:
        found["aws:userid"] = (caller.user_id,)
    if caller.issued is not None:
        found["aws:tokenissuetime"] = (_shown(caller.issued),)
    if limits.source_identity:
        found["aws:sourceidentity"] = (limits.source_identity,)
    if principal.role:
        return {**found, "aws:multifactorauthpresent": ("false",)}
    return {**found, "aws:username": (principal.name,)}


def _moment(clock: Clock) -> dict[str, Sequence[str]]:
    now = clock.time()
    return {"aws:currenttime": (_shown(now),), "aws:epochtime": (str(int(now)),)}


def _shown(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
