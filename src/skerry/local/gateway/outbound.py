"""Calls to targets: one road out of the gateway, on which credentials, trace and the recorder stand.

A target says what to send; this module has it authenticated, sends it, and records the hop with the
identity that was used. Nothing of the inbound request travels but what the call names.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skerry.errors import SkerryError
from skerry.local.gateway.credentials import OutboundCredentials
from skerry.local.gateway.outgoing import Credential, Outgoing, TargetError
from skerry.local.gateway.propagation import continued
from skerry.local.gateway.schemas.source import SchemaSource
from skerry.local.gateway.urls import with_parameters
from skerry.local.http.upstream import Reply, Upstream, UpstreamError
from skerry.local.ports.permissions import Notes
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock, Recorder
from skerry.local.ports.secrets import Authorities, NoAuthorities
from skerry.wire import trace
from skerry.wire.hop import Hop

LOG = logging.getLogger("skerry.gateway")
_NONE = Credential()


class Outbound:
    """Sends requests to targets.

    `credentials` finds what each target wants to see, `schemas` reads what targets are made from, and
    `authorities` whom a target's certificateConfigurations want trusted.
    """

    def __init__(
        self,
        *,
        upstream: Upstream,
        credentials: OutboundCredentials,
        schemas: SchemaSource,
        recorder: Recorder,
        clock: Clock,
        authorities: Authorities | None = None,
    ) -> None:
        self.schemas = schemas
        self._authorities: Authorities = authorities or NoAuthorities()
        self._upstream = upstream
        self._credentials = credentials
        self._recorder = recorder
        self._clock = clock

    @asynccontextmanager
    async def exchange(self, call: Outgoing) -> AsyncIterator[Reply]:
        """The answer to one request; its connection is closed at the end if the body was not read.

        The hop is recorded when the block ends, with status 0 when no answer came. Raises TargetError when
        credentials cannot be had or the target does not answer.
        """
        started, began = self._clock.time(), self._clock.monotonic()
        status, credential, failure = 0, _NONE, ""
        notes: Notes = []
        span = call.span or trace.next_hop()
        try:
            with trace.within(span):
                credential = await self._credentials.authenticate(call, notes)
            traced = continued(call.trace, span)
            headers = {**call.propagated, **call.headers, **credential.headers, **traced}
            url = call.url
            if credential.query:
                url = with_parameters(url, credential.query)
            tls = await self._trust(call.target)
            reply = await self._upstream.request(call.method, url, headers, call.body, tls=tls)
            status = reply.status
            if status == 401:
                self._credentials.refused(call, credential)
            try:
                yield reply
            finally:
                reply.close()
        except UpstreamError as problem:
            failure = problem.message
            lost = problem.reason == "closed"
            raise TargetError(problem.message, hint=problem.hint, lost=lost) from problem
        except SkerryError as problem:
            failure = problem.message
            raise
        except asyncio.CancelledError:
            failure = "cancelled"
            raise
        finally:
            hop = self._hop(call, credential, status, failure, (started, began), span=span, notes=notes)
            self._recorder.record(hop)
            if failure:
                LOG.warning("target %s: %s failed: %s", hop.target, call.operation, failure)

    async def _trust(self, target: Record) -> ssl.SSLContext | None:
        """TLS that trusts what a target names. Raises TargetError."""
        certificates = target.get("certificateConfigurations")
        if not certificates:
            return None
        try:
            return await self._authorities.trust(certificates)
        except SkerryError as problem:
            raise TargetError(problem.message, hint=problem.hint) from problem

    def _hop(
        self,
        call: Outgoing,
        credential: Credential,
        status: int,
        failure: str,
        times: tuple[float, float],
        *,
        span: trace.Span,
        notes: Notes,
    ) -> Hop:
        detail = dict(credential.detail)
        if call.tool:
            detail["tool"] = call.tool
        if configured := call.target.get("targetConfiguration"):
            detail["target_type"] = next(iter(configured.get("mcp") or configured), "")
        if names := sorted((*call.propagated, *call.noted)):
            detail["headers"] = ", ".join(names)
        if call.dropped:
            detail["dropped"] = ", ".join(f"{name} ({why})" for name, why in call.dropped.items())
        if failure:
            detail["error"] = failure[:300]
        return Hop(
            part="gateway",
            operation=call.operation,
            identity=credential.identity,
            auth=credential.kind,
            status=status,
            started=times[0],
            duration_ms=1000 * (self._clock.monotonic() - times[1]),
            session=call.session,
            target=str(call.target.get("name", "")),
            detail=detail,
            iam=notes,
            kind="client",
            resource=str(call.gateway.get("gatewayArn", "")),
            **trace.members(span),
        )
