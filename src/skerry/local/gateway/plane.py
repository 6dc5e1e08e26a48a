"""The Gateway plane as an ASGI application: from an HTTP request to its answer, and the hop of it.

Mounted at `/gateway/{gatewayId}/mcp`, `/gateway/{gatewayId}/{targetName}/…` for HTTP targets, the places of
RFC 9728 metadata, and `/connect/…` for people. One POST, one answer, for MCP in the era that it speaks;
clients up to 2025-11-25 have sessions where the gateway wants them.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext

from skerry.auth.http.outside import Http
from skerry.auth.moved_clock import clock_of
from skerry.errors import ConfigurationError, ServiceError, TokenError, not_found
from skerry.local.api.rest_json import error_reply
from skerry.local.gateway import browsers
from skerry.local.gateway.addresses import Address, address, chosen_domain
from skerry.local.gateway.catalogue import Catalogue
from skerry.local.gateway.clients import Clients, session_methods
from skerry.local.gateway.consent.connect import DONE, PREFIX, Connect
from skerry.local.gateway.consent.gate import Gate
from skerry.local.gateway.credentials import OutboundCredentials, external
from skerry.local.gateway.credentials.consents import Consents
from skerry.local.gateway.credentials.grants import RoleGrants
from skerry.local.gateway.credentials.user_tokens import UserTokens
from skerry.local.gateway.http_targets.controls import Controls
from skerry.local.gateway.http_targets.forward import HttpTargets
from skerry.local.gateway.inbound import Door, Refusal
from skerry.local.gateway.incoming import checked_request
from skerry.local.gateway.interceptors import Calls, Interceptors
from skerry.local.gateway.interceptors.http import HttpInterceptors
from skerry.local.gateway.limits import Limits, ThrottledError
from skerry.local.gateway.messages import (
    CODE,
    McpError,
    Relayed,
    Request,
    refused,
)
from skerry.local.gateway.methods import Methods
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.pipeline import Pipeline, throttled
from skerry.local.gateway.policy.checks import PolicyChecks
from skerry.local.gateway.policy.decisions import Decisions
from skerry.local.gateway.quotas import quotas
from skerry.local.gateway.routes import Route, answer, header, route, send_answer
from skerry.local.gateway.schemas.source import FetchObject, SchemaSource
from skerry.local.gateway.search.tool import Search
from skerry.local.gateway.seen import CLIENT_CLOSED, Seen, ended, watched, while_connected
from skerry.local.gateway.sessions import HEADER
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets import connect
from skerry.local.http.asgi import ClientGoneError, read_body, send_reply, traced
from skerry.local.http.body import Body
from skerry.local.http.upstream import Upstream
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access
from skerry.local.ports.permissions import Permissions, Unrestricted
from skerry.local.ports.resources import Change, Record, Report, Resources, unreported
from skerry.local.ports.running import Clock, Recorder
from skerry.local.ports.secrets import Authorities, FetchSecret, NoAuthorities
from skerry.local.ports.tokens import NoResourceTokens, ResourceTokens
from skerry.wire import eras, jsonrpc

LOG = logging.getLogger("skerry.gateway")


class GatewayPlane:
    """Serves every gateway of the stack. Use it between `start()` and `close()`, on one event loop.

    `transport` reaches the issuers of gateways, for keys, and `providers` the authorization servers of
    credential providers, for tokens, and `authorities` trusts the private ones that resources name;
    `fetch_object` reads schemas in S3 and `fetch_secret` secrets in Secrets Manager; `report` hears which
    targets could be listed, `permissions` knows the policies of gateways, and `resource_tokens` is the vault
    with the tokens of people.
    """

    def __init__(
        self,
        *,
        resources: Resources,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        transport: Http,
        providers: Http | None = None,
        fetch_object: FetchObject,
        settings: GatewaySettings,
        fetch_secret: FetchSecret = external.none,
        authorities: Authorities | None = None,
        report: Report = unreported,
        permissions: Permissions | None = None,
        resource_tokens: ResourceTokens | None = None,
    ) -> None:
        self._resources = resources
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._upstream = Upstream()
        authorities = authorities or NoAuthorities()
        self._door = Door(
            access=access,
            transport=transport,
            authorities=authorities,
            clock=clock_of(settings.token_clock, clock),
            table=settings.assumptions,
            permissions=permissions,
        )
        tokens = resource_tokens or NoResourceTokens()
        consents = Consents(
            tokens,
            clock,
            poll=settings.consent_poll,
            own_page=f"{settings.endpoint}{DONE}" if settings.connect else "",
        )
        users = UserTokens(consents, settings.assumptions)
        grants = RoleGrants(permissions or Unrestricted(), resources, settings.assumptions)
        self._gate = Gate(users, consents, settings, grants)
        self._connect = Connect(resources, consents, self._door, settings)
        self._credentials = OutboundCredentials(
            resources=resources,
            resource_tokens=tokens,
            access=access,
            transport=providers or transport,
            clock=clock,
            settings=settings,
            users=users,
            fetch_secret=fetch_secret,
            private=transport,
            authorities=authorities,
            grants=grants,
        )
        outbound = Outbound(
            upstream=self._upstream,
            credentials=self._credentials,
            schemas=SchemaSource(fetch_object, account=settings.account),
            recorder=recorder,
            clock=clock,
            authorities=authorities,
        )
        self._catalogue = Catalogue(
            resources=resources,
            connect=lambda record: connect(record, outbound, clock, settings),
            clock=clock,
            settings=settings,
            report=report,
        )
        self._search = Search(settings, clock)
        self._decisions = Decisions(resources, settings.assumptions, grants)
        self._limits = Limits(resources=resources, clock=clock, by_role=settings.assumptions.limits_by_role)
        calls = Calls(outbound, settings)
        self._clients = Clients(self._catalogue, clock, settings)
        self._quotas = quotas(settings, clock)
        self._pipeline = Pipeline(
            quotas=self._quotas,
            limits=self._limits,
            interceptors=Interceptors(calls, settings),
            methods=Methods(
                self._catalogue, self._search, self._decisions, self._clients, settings, gate=self._gate
            ),
            table=settings.assumptions,
        )
        self.check_policy = PolicyChecks(resources, self._catalogue)
        """Checks policy statements against the tools of the gateways, for the control plane."""
        self._http_targets = HttpTargets(
            resources=resources,
            controls=Controls(resources=resources, limits=self._limits, interceptors=HttpInterceptors(calls)),
            outbound=outbound,
            settings=settings,
        )

    async def start(self) -> None:
        """Opens the connection pool and follows the control plane."""
        await self._upstream.start()
        self._resources.subscribe(self._changed)

    async def close(self) -> None:
        """Ends sessions, synchronisations, connections and the temporary credentials of the gateways."""
        await self._gate.close()
        await self._clients.close()
        await self._catalogue.close()
        await self._upstream.close()
        self._credentials.close()

    @traced
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Paths are matched whole, also when the application is mounted below a prefix."""
        if scope["type"] != "http":
            return
        found = route(scope["raw_path"].decode("latin-1"))
        seen = Seen(request=scope.get("skerry.request_id", ""))
        started, began = self._clock.time(), self._clock.monotonic()
        try:
            with self._quotas.connection() if self._quotas is not None else nullcontext():
                await self._serve(found, scope, receive, watched(send, seen, self._clock), seen)
        except Refusal as refusal:
            seen.operation, seen.detail["error"] = "refused", refusal.reason
            await answer(watched(send, seen, self._clock), refusal.status, refusal.body, refusal.headers)
        except ThrottledError as problem:
            seen.detail |= {"error": problem.message, "limit": "quota", "metric": problem.metric}
            mcp = refused(None, "legacy", throttled(problem, self._settings.assumptions))
            is_http = found is not None and found.kind == "target"
            await answer(watched(send, seen, self._clock), *(problem.http() if is_http else mcp))
        except ServiceError as problem:
            seen.detail["error"] = problem.message[:300]
            await send_reply(watched(send, seen, self._clock), error_reply(problem))
        except ClientGoneError:
            seen.status = CLIENT_CLOSED
        except ConfigurationError as problem:
            LOG.warning("gateway: %s", problem)
            seen.detail["error"] = problem.message[:300]
            broken = ServiceError("InternalServerException", 500, problem.message, hint=problem.hint)
            await send_reply(watched(send, seen, self._clock), error_reply(broken))
        finally:
            self._recorder.record(seen.hop(started, began, self._clock.monotonic()))

    async def _serve(
        self, found: Route | None, scope: Scope, receive: Receive, send: Send, seen: Seen
    ) -> None:
        table = self._settings.assumptions
        if scope["raw_path"].startswith(PREFIX.encode()):
            seen.operation = "connect"
            await self._connect(scope, send)
            return
        gateway = self._resources.gateway(found.gateway_id) if found is not None else None
        if found is None or gateway is None:
            name = found.gateway_id if found is not None else scope["path"][:100]
            raise not_found(table.unknown_gateway.format(gateway_id=name))
        seen.target, seen.resource = str(gateway.get("name", found.gateway_id)), str(gateway["gatewayArn"])
        if why := browsers.problem(gateway, scope):
            seen.detail["error"] = why
            await answer(send, 403, jsonrpc.error(b"null", jsonrpc.INVALID_REQUEST, why))
            return
        if gateway.get("domainOverride"):
            chosen_domain(gateway, scope)
        if found.kind == "metadata":
            await self._metadata(gateway, found, scope, send, seen)
        elif found.kind == "target":
            await self._http(gateway, scope, receive, send, found=found, seen=seen)
        elif found.kind == "other":
            await answer(send, 404, table.unknown_operation.encode(), kind="application/xml")
        elif scope["method"] == "POST":
            await self._post(gateway, scope, receive, send, seen)
        elif scope["method"] in (served := session_methods(gateway)):
            await self._session_request(gateway, scope, receive, send, seen)
        else:
            # The challenge comes first: clients ask with a GET whether they have to sign in.
            signed = (
                await read_body(receive, self._settings.payload) if self._door.reads_body(gateway) else b""
            )
            await self._admit(gateway, scope, signed, seen)
            await answer(send, 405, headers=[("allow", ", ".join(("POST", *served)))])

    async def _http(
        self, gateway: Record, scope: Scope, receive: Receive, send: Send, *, found: Route, seen: Seen
    ) -> None:
        body = Body(receive, self._settings.payload)
        signed = await body.read() if self._door.reads_body(gateway) else b""
        await self._admit(gateway, scope, signed, seen, resource=found.resource)
        seen.detail["gateway"], seen.target = seen.target, found.target
        seen.operation = f"{scope['method']} {found.path[:100] or '/'}"
        request = self._http_targets.request(gateway, found, scope, seen.caller)
        if request is None:
            unknown = self._settings.assumptions.unknown_operation.encode()
            await answer(send, 404, unknown, kind="application/xml")
            return
        seen.session = request.session
        if problem := await self._http_targets.serve(request, body, send):
            seen.detail["error"] = problem[:300]

    async def _admit(
        self, gateway: Record, scope: Scope, body: bytes, seen: Seen, *, resource: str = "/mcp"
    ) -> None:
        """Lets the caller in, or raises what `Door` does."""
        seen.caller = await self._door.admit(
            gateway, scope, body, lambda: self._address(gateway, resource, scope).metadata
        )
        await self._door.permit(gateway, seen.caller, seen.iam)

    async def _metadata(self, gateway: Record, found: Route, scope: Scope, send: Send, seen: Seen) -> None:
        seen.operation = "metadata"
        if scope["method"] not in ("GET", "HEAD"):
            await answer(send, 405, headers=[("allow", "GET")])
            return
        if found.target and not self._http_targets.serves(gateway, found.target):
            raise not_found(f"This gateway has no HTTP target {found.target}.")
        try:
            resource = self._address(gateway, found.resource, scope).resource
            document = await self._door.metadata(gateway, resource)
        except TokenError as problem:
            raise ServiceError(
                "InternalServerException", 500, problem.message, hint=problem.hint
            ) from problem
        if document is None:
            raise not_found("This gateway takes no bearer tokens.")
        await answer(send, 200, document)

    async def _post(self, gateway: Record, scope: Scope, receive: Receive, send: Send, seen: Seen) -> None:
        body = await read_body(receive, self._settings.payload)
        await self._admit(gateway, scope, body, seen)
        message: jsonrpc.Envelope | None = None
        era: eras.Era = "legacy"
        try:
            message = jsonrpc.parse(body, max_size=self._settings.payload)
            seen.operation = message.method or message.kind
            request = checked_request(gateway, scope, message, seen, self._clients)
            era = request.era
            if message.kind != "request":
                await self._clients.heard(message, request.client)
                await answer(send, 202)
                return
            work = self._answer(request, send, seen)
            if request.modern:
                await while_connected(work, receive, seen)
            elif request.client is None:
                await work
            elif not await request.client.run(message.id or 0, work):
                await ended(message, send, seen)
        except jsonrpc.RpcError as problem:
            await answer(send, 400, problem.answer())
        except McpError as problem:
            seen.detail["error"] = f"{problem.rpc_code}: {problem.message}"[:300]
            seen.detail[CODE] = str(problem.rpc_code)
            seen.detail.update(problem.detail)
            await answer(send, *refused(message, era, problem))

    async def _session_request(
        self, gateway: Record, scope: Scope, receive: Receive, send: Send, seen: Seen
    ) -> None:
        """GET opens a session's stream, DELETE ends the session."""
        seen.operation = "listen" if scope["method"] == "GET" else "end session"
        try:
            await self._admit(gateway, scope, b"", seen)
            session = self._clients.session(gateway, seen.caller, header(scope, HEADER.encode()))
        except Refusal as refusal:
            seen.operation, seen.detail["error"] = "refused", refusal.reason
            await answer(send, refusal.status, refusal.body, refusal.headers)
        except McpError as problem:
            seen.detail["error"] = problem.message
            await answer(send, *refused(None, "legacy", problem))
        else:
            if scope["method"] == "GET":
                await self._clients.listen(gateway, session, seen.caller, receive, send)
            else:
                self._clients.sessions.end(session)
                await answer(send, 200)

    async def _answer(self, request: Request, send: Send, seen: Seen) -> None:
        if isinstance(name := request.params.get("name"), str):
            seen.detail["gateway"], seen.target = seen.target, name[:300]

        async def respond(reply: Relayed) -> None:
            if reply.problem:
                seen.detail["error"] = reply.problem[:300]
            await send_answer(send, reply)

        await self._pipeline.serve(request, respond)

    def _changed(self, change: Change) -> None:
        if change.kind == "gateway":
            gateway_id = str(change.record.get("gatewayId") or change.identifier)
            deleted = change.action == "deleted"
            self._credentials.forget(gateway_id, but="" if deleted else str(change.record.get("roleArn")))
            if deleted:
                self._door.forget(gateway_id)
                self._search.forget(gateway_id)
                self._clients.forget(gateway_id)
                if self._quotas is not None:
                    self._quotas.forget(gateway_id)
            else:  # what a caller may see can depend on the gateway itself
                self._clients.tools_changed(gateway_id)
        for gateway_id in self._decisions.changed(change):
            self._clients.tools_changed(gateway_id)
        self._catalogue.changed(change)
        self._limits.changed(change)

    def _address(self, gateway: Record, resource: str, scope: Scope) -> Address:
        return address(gateway, resource, scope, self._settings.endpoint)
