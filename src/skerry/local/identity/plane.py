"""The identity data plane as an ASGI application: verify, match, validate, perform, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from skerry.auth.http.outside import Http
from skerry.auth.moved_clock import clock_of
from skerry.auth.ports import Fetch
from skerry.errors import ServiceError, StateError
from skerry.local.api import rest_json, service_model
from skerry.local.api.rest_json import Reply
from skerry.local.api.validation import validate
from skerry.local.http.asgi import read_body, send_reply, traced
from skerry.local.http.reach import Reach
from skerry.local.iam.access import role_session
from skerry.local.identity import pages, web_identity
from skerry.local.identity.assertions import Assertions, Sign, unsigned
from skerry.local.identity.consents import Consents
from skerry.local.identity.grants import Grants
from skerry.local.identity.kept_tokens import KeptTokens
from skerry.local.identity.operations import Asked, Operations
from skerry.local.identity.pages import Pages
from skerry.local.identity.providers import Providers
from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.user_tokens import UserTokens
from skerry.local.identity.vault import Vault
from skerry.local.identity.vault_file import VaultFile
from skerry.local.identity.web_identity import WebIdentities
from skerry.local.identity.workload_tokens import WorkloadTokens
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.permissions import Permissions, Unrestricted
from skerry.local.ports.resources import Resources
from skerry.local.ports.running import Clock, Recorder
from skerry.local.ports.secrets import Authorities, Certificates, FetchSecret, NoAuthorities
from skerry.local.ports.tokens import WorkloadIdentities
from skerry.local.rate import rate
from skerry.local.state.sealing import Sealer
from skerry.wire import trace
from skerry.wire.hop import Hop

BODY_LIMIT = 1 << 19
SERVICE = "bedrock-agentcore"


class Records(Resources, WorkloadIdentities, Protocol):
    """The control-plane records that this plane reads."""


class IdentityPlane:
    """ASGI application for `/identities/…` of the data plane. Use it between `start()` and `close()`.

    `providers` is HTTP towards the authorization servers of credential providers, `private` towards those
    with a privateEndpoint, `fetch` towards issuers of people's tokens; `authorities` reach those of both that
    have a certificate of a private one. `fetch_secret` reads secrets in
    Secrets Manager, `sign` signs with keys in KMS; `strangers` and `named` are those of `UserTokens`.
    `workload_tokens` are for the planes that run workloads, `vault` for those that call resources, and
    `web_identities` for STS.
    """

    def __init__(
        self,
        *,
        resources: Records,
        access: Access,
        recorder: Recorder,
        clock: Clock,
        fetch: Fetch,
        providers: Http,
        private: Http,
        authorities: Authorities | None = None,
        fetch_secret: FetchSecret,
        sealer: Sealer,
        settings: IdentitySettings,
        sign: Sign = unsigned,
        permissions: Permissions | None = None,
        strangers: Fetch | None = None,
        named: Callable[[str], Certificates | None] = lambda _: None,
    ) -> None:
        self._resources = resources
        self._access = access
        self._recorder = recorder
        self._clock = clock
        self._file = VaultFile(settings.file, sealer)
        tokens_by = clock_of(settings.token_clock, clock)
        permissions = permissions or Unrestricted()
        self.web_identities = WebIdentities(self._file, tokens_by, settings, permissions)
        self.workload_tokens = WorkloadTokens(
            identities=resources, sealer=sealer, clock=clock, settings=settings
        )
        self.vault = Vault(
            identities=resources,
            providers=Providers(
                resources=resources,
                reach=Reach(providers, private, authorities or NoAuthorities()),
                fetch_secret=fetch_secret,
                clock=clock,
            ),
            grants=Grants(
                Assertions(sign, tokens_by),
                self.web_identities.token,
                settings.table,
            ),
            consents=Consents(self._file, tokens_by, settings),
            kept=KeptTokens(self._file, tokens_by),
            clock=tokens_by,
            settings=settings,
        )
        self._operations = Operations(
            identities=resources,
            resources=resources,
            workload_tokens=self.workload_tokens,
            user_tokens=UserTokens(
                fetch=fetch, clock=tokens_by, strangers=strangers, named=named, authorities=authorities
            ),
            vault=self.vault,
            fetch_secret=fetch_secret,
            permissions=permissions,
            settings=settings,
        ).all
        self._rates = {name: rate(settings.calls, f"calls of {name}", clock) for name in self._operations}
        self._pages = Pages(self.vault.federation, settings.table.session_life)

    async def start(self) -> None:
        """Opens the vault. Raises StateError."""
        await self._file.start()
        self._resources.subscribe(self.vault.changed)

    async def close(self) -> None:
        """Ends what is under way and closes the vault."""
        await self.vault.close()
        await self._file.close()

    @traced
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one HTTP request."""
        started, began = self._clock.time(), self._clock.monotonic()
        asked = Asked(Caller(kind="anonymous"), {})
        path = scope["raw_path"].decode("latin-1")
        operation = pages.operation(path)
        if operation:
            reply = await self._pages.answer(scope)
        elif path.startswith(web_identity.PREFIX):
            operation, reply = web_identity.OPERATION, await self.web_identities.answer(path)
        else:
            operation, reply = await self._perform(scope, receive, asked)
        await send_reply(send, reply)
        self._recorder.record(
            Hop(
                part="identity",
                operation=operation,
                identity=asked.caller.name,
                auth="sigv4" if asked.caller.kind == "iam" else "none",
                status=reply.status,
                started=started,
                duration_ms=(self._clock.monotonic() - began) * 1000,
                session=role_session(asked.caller.arn),
                target=asked.detail.get("provider", asked.detail.get("workload", "")),
                detail=asked.detail,
                iam=asked.iam,
                **trace.members(),
            )
        )

    async def _perform(self, scope: Scope, receive: Receive, asked: Asked) -> tuple[str, Reply]:
        """The name of the operation and the answer to it."""
        model = service_model.load(SERVICE)
        match = model.match(scope["method"], scope["raw_path"])
        name = match.operation.name if match else "unknown"
        try:
            body = await read_body(receive, BODY_LIMIT)
            asked.caller = await self._access.signed_by(scope, body, service=SERVICE)
            if match is None or name not in self._operations:
                raise ServiceError("UnknownOperationException", 404, "The identity plane has no such path.")
            allowed = self._rates[name]
            if allowed is not None:
                allowed.take()
            given = rest_json.parse(model, match, scope["query_string"], scope["headers"], body)
            validate(model, match.operation.input, given)
            asked.input = given
            # What has begun is finished and remembered even when the client goes away.
            output = await asyncio.shield(asyncio.ensure_future(self._operations[name](asked)))
            return name, rest_json.reply(model, match.operation, output)
        except ServiceError as problem:
            asked.detail["error"] = problem.name
            return name, rest_json.error_reply(problem)
        except StateError as problem:
            asked.detail["error"] = "InternalServerException"
            shaped = ServiceError("InternalServerException", 500, str(problem))
            return name, rest_json.error_reply(shaped)
