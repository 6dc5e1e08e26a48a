"""Everything else of AWS: verified here, answered by the embedded cloud.

A request goes on byte for byte, its signature header included, which tells moto the service and region.
What moto lacks or fails at comes back as one error in the form of the called service, with a 4xx status so
that boto3 does not try again. GetCallerIdentity is answered here, because moto knows only its own keys; what
moto has only an empty place for is answered from `fixtures`, and labelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from skerry.errors import ServiceError, SignatureError
from skerry.local.api import service_model
from skerry.local.api.dialects import Dialect, dialect_of, error_answer, signature_error
from skerry.local.api.rest_json import Reply
from skerry.local.aws.cloudformation.acting import HEADER as ACTING_HEADER
from skerry.local.aws.cloudformation.acting import WORKING_HEADER
from skerry.local.aws.custom_responses import CustomResponses
from skerry.local.aws.fixtures.fixtures import Fixtures
from skerry.local.aws.loans import Loan, Loans
from skerry.local.aws.process import AwsProcess
from skerry.local.http.asgi import read_body, send_reply, traced
from skerry.local.http.upstream import Reply as UpstreamReply
from skerry.local.http.upstream import Upstream, UpstreamError
from skerry.local.iam import actions, stored_policies
from skerry.local.iam.access import Access, Signed, role_session
from skerry.local.iam.assume_role import WEB_IDENTITY, AssumeRoles, form
from skerry.local.iam.outbound_federation import OutboundFederation
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.requests import IamRequests
from skerry.local.iam.stack_requests import StackRequests
from skerry.local.iam.web_identity import WebIdentities
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Caller
from skerry.local.ports.functions import LambdaRequests
from skerry.local.ports.permissions import Ask, Notes
from skerry.local.ports.running import Clock, Recorder
from skerry.local.routing import credential_service
from skerry.wire import trace
from skerry.wire.headers import HOP_BY_HOP
from skerry.wire.hop import Hop

BODY_LIMIT = 128 << 20
WHOLE_LIMIT = 1 << 20
"""Answers up to this size are sent in one piece, larger ones as they come."""
UNSUPPORTED_HEADER = "X-Skerry-Unsupported"

_NOT_FORWARDED = HOP_BY_HOP | {"content-length", "expect", "x-moto-account-id", ACTING_HEADER.lower()}
_NOT_RETURNED = {name.encode() for name in HOP_BY_HOP} | {b"server", b"date", WORKING_HEADER.lower().encode()}
_KEY_SERVICES = frozenset({"iam", "sts", "cloudformation"})
"""Services whose requests may change keys, principals and policies."""
_DECIDED = frozenset({"iam", "sts"})
"""Services whose requests are decided here."""
_FUNCTION_SERVICES = frozenset({"lambda", "cloudformation"})
"""Services whose requests may change and delete functions."""
_OBSERVED = frozenset({"logs", "monitoring"})
"""Services that show what the other planes did."""
_NO_LABELS: Mapping[str, str] = {}
_NOTED = 65536
"""Bytes of a body that are looked at for what is only noted."""
_DENIED: Mapping[Dialect, tuple[str, int]] = {
    "rest-json": ("AccessDeniedException", 403),
    "json": ("AccessDeniedException", 400),
    "cbor": ("AccessDeniedException", 400),
    "ec2": ("UnauthorizedOperation", 403),
}
"""What services call a refusal, by the form of their errors; the others `AccessDenied`, with 403."""
# Signing names whose folder in botocore is called otherwise.
_MODEL_FOLDERS: Mapping[str, str] = {"execute-api": "apigateway", "monitoring": "cloudwatch", "email": "ses"}


class AwsPlane:
    """ASGI application for every service that no other plane serves.

    `flush` returns when the embedded cloud has the metrics and logs of all that was served by now. `url` is
    the endpoint's own, for what stacks make elsewhere.
    """

    def __init__(
        self,
        *,
        process: AwsProcess,
        upstream: Upstream,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        fixtures: Fixtures,
        permissions: PermissionChecks,
        web_identities: WebIdentities,
        place: tuple[str, str],
        flush: Callable[[], Awaitable[None]],
        url: str,
    ) -> None:
        self._place = place
        self._flush = flush
        self._process = process
        self._upstream = upstream
        self._access = access
        self._recorder = recorder
        self._clock = clock
        self._fixtures = fixtures
        self._permissions = permissions
        self._principals = permissions.principals
        self._roles = AssumeRoles(permissions, access, clock, web_identities)
        self._iam = IamRequests(permissions, place[1])
        self._stacks = StackRequests(permissions, process.stack)
        self._loans = Loans(
            access,
            clock,
            url,
            place[0],
            done=process.stack_done,
            forget=self._forget_all,
            changing=self._principals.changing,
        )
        permissions.stored.moving = self._principals.are_changing
        self._responses = CustomResponses(process.custom_response)
        self.federation: OutboundFederation | None = None
        """Web identity tokens for principals of the account, which moto lacks."""
        self.functions: LambdaRequests | None = None
        """What runs the functions that moto keeps."""

    @traced
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one HTTP request."""
        started, began = self._clock.time(), self._clock.monotonic()
        claimed = credential_service(scope["query_string"], scope["headers"])
        dialect = dialect_of(scope, claimed)
        signed: Signed | None = None
        body = b""
        notes: Notes = []
        token = self._responses.token(scope, claimed)
        if token:
            await self._responses.take(token, receive, send)
            return
        try:
            body = await read_body(receive, BODY_LIMIT)
            signed = _unsigned(scope, body, claimed) or await self._access.verify(scope, body)
            status = await self._answer(scope, body, signed, send, notes)
        except SignatureError as error:
            status = await self._refuse(scope, send, signature_error(error, dialect), dialect)
        except UpstreamError as error:
            failure = ServiceError("ServiceUnavailable", 503, f"The embedded cloud does not answer: {error}")
            status = await self._refuse(scope, send, failure, dialect)
        except ServiceError as error:
            status = await self._refuse(scope, send, error, dialect)
        self._recorder.record(
            Hop(
                part="aws",
                operation=f"{claimed or '?'}:{operation_of(scope, body)}",
                identity=signed.caller.name if signed else "anonymous",
                auth="sigv4" if signed and signed.caller.kind == "iam" else "none",
                status=status,
                started=started,
                duration_ms=(self._clock.monotonic() - began) * 1000,
                session=role_session(signed.caller.arn) if signed else "",
                detail={"region": signed.region} if signed else {},
                iam=notes,
                **trace.members(),
            )
        )

    async def _answer(self, scope: Scope, body: bytes, signed: Signed, send: Send, notes: Notes) -> int:
        if signed.service.lower() in _DECIDED:
            return await self._decided(scope, body, signed, send, notes)
        asked = await self._permit(scope, body, signed, notes)
        if signed.service == "lambda" and self.functions is not None:
            narrow = await self.functions.admit(scope, body, signed.caller, signed.region, notes)
            return await self._forward(scope, body, signed, send, narrow)
        if signed.service.lower() in _OBSERVED:
            await self._flush()
        made_up = self._fixtures.answer(scope, body, signed)
        if made_up is not None:
            await send_reply(send, made_up)
            return made_up.status
        changes = stored_policies.may_change(signed.service.lower(), asked)
        if signed.service.lower() == "cloudformation":
            given = form(scope["query_string"], list(scope["headers"]), body)
            place = (signed.region or self._place[0], signed.caller.arn.split(":")[4])
            who = await self._stacks.acting(signed.caller, given, place, notes)
            if who is not None:
                async with self._loans.lend(who) as loan:
                    return await self._forward(scope, body, signed, send, changes=changes, loan=loan)
        return await self._forward(scope, body, signed, send, changes=changes)

    async def _permit(self, scope: Scope, body: bytes, signed: Signed, notes: Notes) -> Sequence[Ask]:
        """The permissions that a request needs, as far as they can be told.

        Raises ServiceError when policies do not allow it, as its service calls that.
        """
        service, caller = signed.service.lower(), signed.caller
        bound = await self._permissions.binds(caller)
        guarded = service in stored_policies.SERVICES and self._permissions.asks
        name, labels, members = "", _NO_LABELS, None
        told = service == "s3"  # whose permissions are told by method and path
        if (bound or guarded) and not told:
            name, labels = await asyncio.to_thread(actions.operation, scope, body, service)
            members = actions.members(service, name)
        elif not told:  # what it needs is only noted
            body = body[:_NOTED]
            name = next(iter(actions.names(scope, body)), "")
        place = (signed.region or self._place[0], caller.arn.split(":")[4])
        asked = actions.asks(scope, service, name, labels, body=body, place=place, members=members)
        before = len(notes)
        try:
            if not asked and (bound or (guarded and not told)):
                asked = [actions.whole(service, ("", "") if told else place)]
            if asked:
                await self._permissions.check(caller, asked, notes)
            if bound and service == "cloudformation":
                given = form(scope["query_string"], list(scope["headers"]), body)
                await self._stacks.permit(caller, given, place, notes)
        except ServiceError as error:
            if error.status != 403:
                raise
            dialect = dialect_of(scope, service)
            raise ServiceError(*_DENIED.get(dialect, ("AccessDenied", 403)), error.message) from error
        if len(notes) == before:
            notes.extend(
                {"action": ask.action, "resource": ask.resource, "by": actions.NOT_ASKED} for ask in asked
            )
        return asked

    async def _decided(self, scope: Scope, body: bytes, signed: Signed, send: Send, notes: Notes) -> int:
        """A request to STS or IAM: policies say whether it goes on."""
        given = form(scope["query_string"], list(scope["headers"]), body)
        service = signed.service.lower()
        if service == "iam":
            await self._iam.permit(signed.caller, given, notes)
        if self.federation is not None and signed.caller.kind == "iam":
            region = signed.region or self._place[0]
            reply = await self.federation.answer(service, signed.caller, given, notes, region=region)
            if reply is not None:
                await send_reply(send, reply)
                return reply.status
        if service == "iam":
            return await self._forward(scope, body, signed, send)
        if given.get("Action") == "GetCallerIdentity":
            reply = _caller_identity(signed, scope.get("skerry.request_id", ""))
            await send_reply(send, reply)
            return reply.status
        limits = await self._roles.permit(signed.caller, given, notes)
        narrow = None if limits is None else partial(self._roles.narrow, limits=limits, given=given)
        return await self._forward(scope, body, signed, send, narrow)

    async def _forward(
        self,
        scope: Scope,
        body: bytes,
        signed: Signed,
        send: Send,
        narrow: Callable[[bytes], bytes] | None = None,
        *,
        changes: bool = False,
        loan: Loan | None = None,
    ) -> int:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name.decode("latin-1").lower() not in _NOT_FORWARDED
            and b"_" not in name  # which WSGI could not tell from a header with a hyphen
        ]
        headers += [self._process.guarded(), *([loan.header] if loan else [])]
        if all(name.lower() != "authorization" for name, _ in headers):
            # Presigned: without this moto goes by what stands in the body, which may be a call of another
            # service than the one that was verified.
            headers.append(self._process.scope(signed.service, signed.region))
        path = scope["raw_path"].decode("ascii")
        query = scope["query_string"].decode("ascii")
        url = self._process.url(f"{path}?{query}" if query else path)
        try:
            reply = await self._upstream.request(scope["method"], url, headers, body)
        finally:
            if changes:  # before anybody hears of it, and also when nobody knows whether it was done
                self._permissions.stored.forget()
            if self.functions is not None and signed.service in _FUNCTION_SERVICES:
                self.functions.changed()
        try:
            if signed.service.lower() in _KEY_SERVICES:
                self._forget_principals()
            if loan is not None:
                loan.goes_on = reply.header(WORKING_HEADER)
            problem = _problem(reply, scope, body, signed)
            if problem is not None:
                raise problem
            returned = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in reply.headers
                if name.lower().encode("latin-1") not in _NOT_RETURNED
            ]
            size = reply.header("Content-Length")
            small = narrow is not None or (size.isdecimal() and int(size) <= WHOLE_LIMIT)
            whole = await reply.read() if small else None
            if narrow is not None and whole is not None and reply.status == 200:
                whole = narrow(whole)
                returned = [pair for pair in returned if pair[0].lower() != b"content-length"]
                returned.append((b"content-length", str(len(whole)).encode("ascii")))
            await send({"type": "http.response.start", "status": reply.status, "headers": returned})
            if whole is None or scope["method"] == "HEAD":
                await _stream(reply, send)
            else:
                await send({"type": "http.response.body", "body": whole})
            return reply.status
        finally:
            reply.close()

    def _forget_principals(self) -> None:
        self._access.forget()
        self._principals.forget()

    def _forget_all(self) -> None:
        self._forget_principals()
        self._permissions.stored.forget()

    async def _refuse(self, scope: Scope, send: Send, error: ServiceError, dialect: Dialect) -> int:
        reply = error_answer(error, dialect, request_id=scope.get("skerry.request_id", ""))
        await send_reply(send, reply)
        return reply.status


def _unsigned(scope: Scope, body: bytes, claimed: str) -> Signed | None:
    """AssumeRoleWithWebIdentity, which proves itself by its token and is not signed; None for all others."""
    if claimed or scope["raw_path"] not in (b"/", b"") or operation_of(scope, body) != WEB_IDENTITY:
        return None
    return Signed(Caller(kind="anonymous"), "", "sts", "")


async def _stream(reply: UpstreamReply, send: Send) -> None:
    """The body in the pieces in which it comes. When it breaks off, the client's connection does too."""
    try:
        async for piece in reply:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except UpstreamError:
        return  # a response left unfinished is what tells the server to close the connection
    await send({"type": "http.response.body", "body": b""})


def operation_of(scope: Scope, body: bytes) -> str:
    """The called operation as far as the request itself names it, else its method and path."""
    for name, value in scope["headers"]:
        if name == b"x-amz-target":
            return str(value.decode("latin-1").rpartition(".")[2])
    if scope["raw_path"].startswith(b"/service/"):  # Smithy RPC: /service/NAME/operation/NAME
        return str(scope["raw_path"].decode("latin-1").rpartition("/")[2])
    for source in (scope["query_string"], body[:4096] if b"Action=" in body[:4096] else b""):
        if b"Action=" in source:
            named = [value for name, value in parse_qsl(source.decode("latin-1")) if name == "Action"]
            if named:
                return str(named[0])
    return f"{scope['method']} {scope['raw_path'].decode('latin-1')}"


def _problem(reply: UpstreamReply, scope: Scope, body: bytes, signed: Signed) -> ServiceError | None:
    """The error to give instead of moto's answer, when that is none of the service's own."""
    lacking = reply.header(UNSUPPORTED_HEADER) == "1"
    page = reply.header("Content-Type").startswith("text/html")
    absent = scope["method"] == "HEAD" and reply.status == 404  # S3: what is not there
    if not lacking and not (page and not absent and (reply.status >= 500 or reply.status in (404, 405))):
        return None
    what = f"{signed.service} {_named(scope, body, signed.service)}"
    if lacking or reply.status < 500:
        return ServiceError("NotImplemented", 400, f"{what} is not available in the embedded cloud.")
    return ServiceError(
        "NotImplemented", 400, f"{what} failed in the embedded cloud, which may lack a part of it."
    )


def _named(scope: Scope, body: bytes, service: str) -> str:
    """Like `operation_of`, with the name of a REST operation from the service's model."""
    shown = operation_of(scope, body)
    if " " not in shown:
        return shown
    try:
        model = service_model.load(_MODEL_FOLDERS.get(service, service))
    except LookupError:
        return shown
    match = model.match(scope["method"], scope["raw_path"])
    return match.operation.name if match else shown


def _caller_identity(signed: Signed, request_id: str) -> Reply:
    arn = signed.caller.arn
    result = (
        f"<Arn>{escape(arn)}</Arn><UserId>{escape(signed.user_id)}</UserId>"
        f"<Account>{escape(arn.split(':')[4])}</Account>"
    )
    body = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult>{result}</GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )
    return Reply(200, [(b"content-type", b"text/xml")], body.encode())
