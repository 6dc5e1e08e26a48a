"""AssumeRole at the endpoint: the role's trust policy, the caller's own, and what narrows the session.

moto makes the credentials, for a role that it does not know too, and keeps neither session policies by ARN
nor session tags; so what was asked for is kept here, by access key, until the credentials end. A web identity
is checked for every role that IAM has. Any other role is for who signed the request, as with AssumeRole: it
has no trust policy that could name a provider. SAML assertions are not checked, and so refused.

Source: STS API reference, AssumeRole, AssumeRoleWithWebIdentity; IAM user guide, session policies and tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from skerry.auth.iam import PolicyError, parse
from skerry.auth.iam.patterns import lower
from skerry.errors import ServiceError
from skerry.local.iam import web_identity
from skerry.local.iam.access import Access
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.web_identity import WebIdentities
from skerry.local.ports.callers import Caller, Limits
from skerry.local.ports.permissions import Ask, Notes
from skerry.local.ports.running import Clock

WEB_IDENTITY, SAML = "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"
OPERATIONS = frozenset({"AssumeRole", WEB_IDENTITY, SAML})
DURATION, LONGEST = 3600, 43_200
"""Seconds that a session lives where none are given, and at the most."""

_FORM = b"application/x-www-form-urlencoded"
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::[0-9]{12}:role/[!-~]+")
_KEY = re.compile(rb"<AccessKeyId>(A[A-Z0-9]{15,127})</AccessKeyId>")
_MOST_POLICIES = 10
_FIELDS = 1000


Form = Mapping[str, str]


def form(query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Form:
    """The parameters of a request to STS or IAM.

    Raises ServiceError (400) for what could be read in two ways, here and by the embedded cloud: a parameter
    that stands twice, another protocol, and a body in another encoding.
    """
    if any(name in (b"x-amz-target", b"smithy-protocol") for name, _ in headers):
        raise ServiceError("InvalidAction", 400, "This service speaks the query protocol.")
    kinds = [value.split(b";")[0].strip().lower() for name, value in headers if name == b"content-type"]
    if body and kinds != [_FORM]:
        raise ServiceError(
            "MalformedQueryString", 400, "A body is sent as application/x-www-form-urlencoded."
        )
    try:
        pairs = parse_qsl(
            (query + b"&" + body).decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS
        )
    except ValueError:
        raise ServiceError("MalformedQueryString", 400, "The parameters cannot be read.") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ServiceError("MalformedQueryString", 400, "A parameter stands twice.")
    return found


class AssumeRoles:
    """Decides on AssumeRole, and narrows what it gave."""

    def __init__(
        self, permissions: PermissionChecks, access: Access, clock: Clock, web_identities: WebIdentities
    ) -> None:
        self._permissions = permissions
        self._web_identities = web_identities
        self._access = access
        self._clock = clock

    async def permit(self, caller: Caller, given: Form, notes: Notes) -> Limits | None:
        """What narrows the session that a request of STS asks for; None when it asks for none.

        Raises ServiceError: AccessDenied (403), and what is wrong with policies and tags (400).
        """
        operation, role = given.get("Action", ""), given.get("RoleArn", "")
        if operation not in OPERATIONS:
            if caller.kind != "iam":
                raise _unproved(operation)
            return None
        if operation == SAML:
            raise ServiceError(
                "NotImplemented",
                400,
                "sts AssumeRoleWithSAML is not available here: nobody checks SAML assertions.",
                hint="Take the role with AssumeRole, or with the token of an OIDC provider that IAM has.",
            )
        found = _ROLE.fullmatch(role)
        # moto goes by the end of an ARN alone: in another spelling a role of IAM would look like none.
        if found is None or found[1] != (caller.arn.split(":")[1] if caller.arn else "aws"):
            raise ServiceError("ValidationError", 400, "RoleArn is not the ARN of a role of this partition.")
        tags = _pairs(given)
        behind = _source_identity(caller, given, operation)
        context: dict[str, Sequence[str]] = {
            key: (given[member],) for key, member in _CONTEXT.items() if given.get(member)
        }
        surplus = sorted({*given} & {"ExternalId", "SourceIdentity"}) + ["Tags"] * bool(tags)
        if operation == WEB_IDENTITY and surplus:
            raise ServiceError("ValidationError", 400, f"{operation} has no parameter {surplus[0]}.")
        context |= {f"aws:requesttag/{lower(key)}": (value,) for key, value in tags.items()}
        if tags:
            context["aws:tagkeys"] = tuple(tags)
        actions = [operation]
        actions += ["TagSession"] if tags else []
        actions += ["SetSourceIdentity"] if given.get("SourceIdentity") else []
        who = caller
        if operation == WEB_IDENTITY and await self._permissions.is_in_iam(role):
            who = await self._web_identities.caller(given.get("WebIdentityToken", ""), role)
            context |= web_identity.context(who)
        elif caller.kind != "iam":
            raise _unproved(operation)
        for action in actions:
            await self._permissions.assume(who, Ask(f"sts:{action}", role, context), notes)
        return Limits(await self._policies(given), tags, behind)

    def narrow(self, answer: bytes, limits: Limits, given: Form) -> bytes:
        """Keeps the limits of the credentials in STS's answer; gives it back with the source identity said.

        Raises ServiceError when it has no credentials.
        """
        if limits == Limits():
            return answer
        found = _KEY.search(answer)
        if found is None:
            raise ServiceError("InternalFailure", 500, "STS answered without an access key.")
        seconds = given.get("DurationSeconds", "")
        # In another spelling than plain digits it is whatever moto makes of it: the longest there is.
        life = int(seconds or DURATION) if re.fullmatch("[0-9]{0,6}", seconds) else LONGEST
        self._access.limit(found[1].decode("ascii"), limits, expires=self._clock.time() + life)
        said = given.get("SourceIdentity", "")
        told = f"<SourceIdentity>{said}</SourceIdentity></AssumeRoleResult>".encode()
        return answer.replace(b"</AssumeRoleResult>", told, 1) if said else answer

    async def _policies(self, given: Mapping[str, str]) -> tuple[tuple[str, str], ...] | None:
        """The session policies, None when none was given."""
        found: list[tuple[str, str]] = []
        if given.get("Policy"):
            found.append(("inline", given["Policy"]))
        for arn in [given[name] for name in sorted(given) if _ARN_MEMBER.fullmatch(name)]:
            document = await self._permissions.principals.document(arn)
            if document is None:
                raise ServiceError("ValidationError", 400, f"The session policy {arn[:256]} does not exist.")
            found.append((arn, document))
        for name, document in found:
            try:
                parse(document, "session")
            except PolicyError as problem:
                raise ServiceError(
                    "MalformedPolicyDocument", 400, f"The session policy {name}: {problem}"
                ) from None
        if len(found) > _MOST_POLICIES + 1:
            raise ServiceError("ValidationError", 400, "A session takes ten managed policies at most.")
        if (found or _pairs(given) or given.get("SourceIdentity")) and not self._access.can_limit():
            raise ServiceError(
                "LimitExceeded", 409, "Too many sessions with policies or tags of their own live now."
            )
        return tuple(found) or None


def _unproved(operation: str) -> ServiceError:
    return ServiceError(
        "AccessDenied",
        403,
        f"Not authorized to perform sts:{operation}",
        hint="Without a signature only a role that IAM has can be taken, with a web identity that it trusts.",
    )


def _source_identity(caller: Caller, given: Form, operation: str) -> str:
    """Who stands behind a session: it is said once, and holds for all sessions that follow."""
    before = "" if caller.limits is None or operation == WEB_IDENTITY else caller.limits.source_identity
    said = given.get("SourceIdentity", "")
    if said and _SOURCE_IDENTITY.fullmatch(said) is None:
        raise ServiceError(
            "ValidationError",
            400,
            "SourceIdentity must have 2 to 64 characters: letters, digits, and any of _+=,.@-",
        )
    if before and said not in ("", before):
        raise ServiceError(
            "AccessDenied",
            403,
            "The source identity of a session cannot be changed.",
            hint="Leave SourceIdentity out: the next session keeps that of this one.",
        )
    return said or before


_CONTEXT = {
    "sts:externalid": "ExternalId",
    "sts:rolesessionname": "RoleSessionName",
    "sts:sourceidentity": "SourceIdentity",
}
_SOURCE_IDENTITY = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
"""STS API reference, AssumeRole."""
_ARN_MEMBER = re.compile(r"PolicyArns\.member\.\d+\.arn")
_TAG_KEY = re.compile(r"Tags\.member\.(\d+)\.Key")


def _pairs(given: Mapping[str, str]) -> dict[str, str]:
    """The session tags of a form."""
    found = {}
    for name, key in given.items():
        number = _TAG_KEY.fullmatch(name)
        if number is not None:
            found[key] = given.get(f"Tags.member.{number[1]}.Value", "")
    return found
