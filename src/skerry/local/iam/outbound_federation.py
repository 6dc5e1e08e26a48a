"""Outbound identity federation: web identity tokens of the account's principals for services outside of AWS.

| request | needs |
|---|---|
| EnableOutboundWebIdentityFederation of IAM, Disable…, Get…Info | its own action |
| GetWebIdentityToken of STS | `sts:GetWebIdentityToken`, with tags `sts:TagGetWebIdentityToken` too |

moto has neither. One account has one issuer: the stack's account that of the stack, others have none.

Source: STS API reference, GetWebIdentityToken; IAM API reference, EnableOutboundWebIdentityFederation; IAM
user guide, "Understanding token claims", "Controlling access with IAM policies" (outbound federation).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from xml.sax.saxutils import escape

from skerry.auth.aws.web_identity import ALGORITHMS, LIFE, TokenRequest
from skerry.auth.iam.patterns import lower
from skerry.errors import ServiceError, StateError
from skerry.local.api import service_model
from skerry.local.api.rest_json import Reply
from skerry.local.api.validation import validate
from skerry.local.iam.assume_role import Form
from skerry.local.iam.permissions import PermissionChecks, account_of
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Ask, Notes
from skerry.local.ports.running import Clock
from skerry.wire.arn import role_of

TOKEN = "GetWebIdentityToken"  # noqa: S105  (the name of an operation)
_ENABLE, _DISABLE = "EnableOutboundWebIdentityFederation", "DisableOutboundWebIdentityFederation"
_INFO = "GetOutboundWebIdentityFederationInfo"
_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_AUDIENCE = re.compile(r"Audience\.member\.([1-9][0-9]{0,3})")
_TAG = re.compile(r"Tags\.member\.([1-9][0-9]{0,3})\.(Key|Value)")
_PLAIN = ("Action", "Version", "DurationSeconds", "SigningAlgorithm")


class Issuer(Protocol):
    """An account's issuer of tokens."""

    @property
    def account(self) -> str:
        """The account."""
        ...

    @property
    def issuer(self) -> str:
        """Its URL, below which everybody may read metadata and keys."""
        ...

    @property
    def enabled(self) -> bool:
        """Whether the account turned it on."""
        ...

    async def enable(self, *, on: bool) -> None:
        """Turns it on or off. Raises StateError."""
        ...

    async def issue(self, asked: TokenRequest) -> tuple[str, float]:
        """A token, and when it ends in seconds since the epoch. Raises StateError."""
        ...


class OutboundFederation:
    """Answers the operations of IAM and STS that moto lacks."""

    def __init__(self, permissions: PermissionChecks, issuer: Issuer, clock: Clock) -> None:
        self._permissions = permissions
        self._issuer = issuer
        self._clock = clock
        self._switching = asyncio.Lock()

    async def answer(
        self, service: str, caller: Caller, given: Form, notes: Notes, *, region: str
    ) -> Reply | None:
        """The answer to a request; None for one of another operation.

        Whether the caller may, IAM's requests were asked before. Raises ServiceError in the names of the
        services.
        """
        operation = given.get("Action", "")
        try:
            if service == "iam" and operation in (_ENABLE, _DISABLE, _INFO):
                return await self._switch(operation, caller)
            if service == "sts" and operation == TOKEN:
                return await self._token(caller, given, notes, region)
        except StateError as problem:
            raise ServiceError("ServiceFailure", 500, str(problem)) from problem
        return None

    async def _switch(self, operation: str, caller: Caller) -> Reply:
        if account_of(caller.arn) != self._issuer.account:
            raise ServiceError(
                "NotImplemented", 400, f"Only the stack's account {self._issuer.account} has an issuer here."
            )
        async with self._switching:
            if operation == _ENABLE:
                if self._issuer.enabled:
                    raise ServiceError("FeatureEnabled", 409, _ON)
                await self._issuer.enable(on=True)
                return _reply("iam", operation, {"IssuerIdentifier": self._issuer.issuer})
            if not self._issuer.enabled:
                raise ServiceError("FeatureDisabled", 404, OFF, hint=TURN_ON)
            if operation == _DISABLE:
                await self._issuer.enable(on=False)
                return _reply("iam", operation, None)
            found = {"IssuerIdentifier": self._issuer.issuer, "JwtVendingEnabled": "true"}
            return _reply("iam", operation, found)

    async def _token(self, caller: Caller, given: Form, notes: Notes, region: str) -> Reply:
        asked = await _read(given)
        tags = {tag["Key"]: tag["Value"] for tag in asked.get("Tags", ())}
        seconds = asked.get("DurationSeconds", LIFE)
        await self._permit(caller, asked, tags, notes)
        if account_of(caller.arn) != self._issuer.account or not self._issuer.enabled:
            raise ServiceError("OutboundWebIdentityFederationDisabledException", 403, OFF, hint=TURN_ON)
        if caller.expires is not None and seconds > caller.expires - self._clock.time():
            raise ServiceError(
                "SessionDurationEscalationException",
                403,
                "The token would hold longer than the session that asks for it.",
                hint="Ask for fewer DurationSeconds, or with a new session.",
            )
        known = await self._permissions.principals.of(caller)
        own = {**known.tags, **(caller.limits.tags if caller.limits is not None else {})}
        subject = known.arn if known.exists else role_of(caller.arn) or caller.arn
        wanted = TokenRequest(
            subject, asked["Audience"], region, asked["SigningAlgorithm"], seconds, own, tags
        )
        token, ends = await self._issuer.issue(wanted)
        shown = dt.datetime.fromtimestamp(ends, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return _reply("sts", TOKEN, {"WebIdentityToken": token, "Expiration": shown})

    async def _permit(
        self, caller: Caller, asked: Mapping[str, Any], tags: Mapping[str, str], notes: Notes
    ) -> None:
        context: dict[str, Sequence[str]] = {
            "sts:identitytokenaudience": tuple(asked["Audience"]),
            "sts:durationseconds": (str(asked.get("DurationSeconds", LIFE)),),
            "sts:signingalgorithm": (asked["SigningAlgorithm"],),
            **{f"aws:requesttag/{lower(key)}": (value,) for key, value in tags.items()},
        }
        if tags:
            context["aws:tagkeys"] = tuple(tags)
        actions = (TOKEN, f"Tag{TOKEN}") if tags else (TOKEN,)
        asks = [Ask(f"sts:{name}", "*", context) for name in actions]
        try:
            await self._permissions.check(caller, asks, notes)
        except ServiceError as error:
            if error.status != 403:
                raise
            raise ServiceError("AccessDenied", 403, error.message) from error


_ON = "Outbound web identity federation is already enabled for this account."
OFF = "Outbound web identity federation is disabled for this account."
TURN_ON = "Turn it on with iam EnableOutboundWebIdentityFederation."


async def _read(given: Form) -> dict[str, Any]:
    """The parameters of GetWebIdentityToken. Raises ServiceError (400)."""
    asked: dict[str, Any] = {}
    audiences: dict[int, str] = {}
    tags: dict[int, dict[str, str]] = {}
    for name, value in given.items():
        audience, tag = _AUDIENCE.fullmatch(name), _TAG.fullmatch(name)
        if audience is not None:
            audiences[int(audience[1])] = value
        elif tag is not None:
            tags.setdefault(int(tag[1]), {})[tag[2]] = value
        elif name not in _PLAIN and not name.startswith("X-Amz-"):
            raise _invalid(f"{TOKEN} has no parameter {name[:128]!r}.")
    if "DurationSeconds" in given:
        if re.fullmatch("[0-9]{1,9}", given["DurationSeconds"]) is None:
            raise _invalid("DurationSeconds is no number of seconds.")
        asked["DurationSeconds"] = int(given["DurationSeconds"])
    if "SigningAlgorithm" in given:
        asked["SigningAlgorithm"] = given["SigningAlgorithm"]
    if audiences:
        asked["Audience"] = [audiences[number] for number in sorted(audiences)]
    if tags:
        asked["Tags"] = [tags[number] for number in sorted(tags)]
    model = await asyncio.to_thread(service_model.load, "sts")
    try:
        validate(model, model.operations[TOKEN].input, asked)
    except ServiceError as problem:
        raise _invalid(problem.message) from problem
    if asked["SigningAlgorithm"] not in ALGORITHMS:
        raise _invalid(f"SigningAlgorithm is {' or '.join(ALGORITHMS)}.")
    keys = [tag["Key"] for tag in asked.get("Tags", ())]
    if len({lower(key) for key in keys}) < len(keys):
        raise _invalid("Two of the Tags have the same Key.")
    return asked


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", 400, message)


def _reply(service: str, operation: str, members: Mapping[str, str] | None) -> Reply:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in (members or {}).items())
    result = "" if members is None else f"<{operation}Result>{inner}</{operation}Result>"
    body = (
        f'<{operation}Response xmlns="{_NAMESPACES[service]}">{result}'
        f"<ResponseMetadata><RequestId/></ResponseMetadata></{operation}Response>"
    )
    return Reply(200, [(b"content-type", b"text/xml")], body.encode())
