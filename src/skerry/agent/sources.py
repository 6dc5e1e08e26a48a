"""Where the desk of an agent comes from: its settings, the credentials of its role, the identity provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx2
from strands.models import Model

from skerry.agent.catalog import Catalog
from skerry.agent.desk import Desk, Times
from skerry.agent.errors import AgentError
from skerry.agent.gate import Policy
from skerry.agent.gateway import Connection, GatewayAuth
from skerry.agent.identity import Caller
from skerry.agent.models import model_factory
from skerry.agent.proof import Keys, SignatureProof, TokenProof, Tokens, chosen
from skerry.auth.aws.credentials import AwsCredentials
from skerry.auth.aws.sigv4 import Credentials
from skerry.auth.http.transport import Transport
from skerry.auth.moved_clock import clock_of
from skerry.auth.oauth import Client, TokenSource
from skerry.errors import ConfigurationError
from skerry.settings import AgentSettings
from skerry.store.open import open_store
from skerry.store.records import KeptStore


def desk(
    settings: AgentSettings,
    *,
    model: Model | None = None,
    keys: Keys | None = None,
    tokens: Tokens | None = None,
    store: KeptStore | None = None,
    clock: Callable[[], float] = time.time,
    lease: float = 0.0,
    alone: bool = False,
    idle: float = 300.0,
) -> Desk:
    """The desk that the settings describe; see `app.build` for what can be replaced, `Times` for the rest."""
    found = keys or role_keys()
    asked = tokens or gateway_tokens(settings)
    catalog = Catalog(clock=time.monotonic, lifetime=settings.tools_time)

    def identity(caller: Caller) -> str:
        """Whom the gateway sees: the caller behind a token, the agent's own role otherwise."""
        return caller.name if caller.token and settings.gateway_auth in ("auto", "bearer") else "role"

    def connect(caller: Caller, elicited: Any) -> Connection:
        if not settings.gateway_url:
            raise AgentError(
                "CONFIGURATION_ERROR",
                "the agent knows no gateway, so it has no tools.",
                hint="Set SKERRY_GATEWAY_URL in the runtime's environment.",
            )
        proof = chosen(
            settings.gateway_auth,
            caller,
            signature=lambda: SignatureProof(found, region=settings.region, clock=clock),
            token=lambda: TokenProof(asked),
        )
        return Connection(
            settings.gateway_url,
            GatewayAuth(proof),
            elicited=elicited,
            changed=lambda: catalog.forget(identity(caller)),
            tool_time=settings.tool_time,
            patience=settings.question_time,
        )

    return Desk(
        model=(lambda: model) if model is not None else model_factory(settings.model),
        model_settings=settings.model,
        connect=connect,
        identity=identity,
        store=store or open_store(settings.store.url, clock=clock, lifetime=settings.store.lifetime),
        catalog=catalog,
        policy=Policy(settings.read_only),
        clock=clock,
        times=Times(
            approval=settings.approval_time,
            question=settings.question_time,
            answer=settings.answer_time,
            lease=lease,
            alone=alone,
            idle=idle,
        ),
    )


def role_keys() -> Keys:
    """The credentials of botocore's default chain, which the runtime fills with those of the role."""
    chain = AwsCredentials()

    async def keys() -> Credentials:
        try:
            return await asyncio.to_thread(chain.current)
        except ConfigurationError as error:
            raise AgentError("CONFIGURATION_ERROR", error.message, hint=error.hint) from error

    return keys


def gateway_tokens(settings: AgentSettings) -> Tokens:
    """Tokens for the gateway's audience from the identity provider, by the agent's own client."""
    source: TokenSource | None = None

    async def tokens(subject: str) -> str:
        nonlocal source
        source = source or _source(settings)
        if subject:
            return await source.exchange(subject, audience=settings.gateway_audience)
        return await source.client_credentials(audience=settings.gateway_audience)

    return tokens


def _source(settings: AgentSettings) -> TokenSource:
    if not (settings.client_id and settings.client_secret and settings.discovery_url):
        raise AgentError(
            "CONFIGURATION_ERROR",
            "the agent has no client to exchange the caller's token with; it does not pass tokens on.",
            hint="Set SKERRY_DISCOVERY_URL, SKERRY_CLIENT_ID and SKERRY_CLIENT_SECRET.",
        )
    client = Client(
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        discovery_url=settings.discovery_url,
    )
    transport = Transport(httpx2.AsyncClient())
    return TokenSource(
        client, post=transport.post, fetch=transport.fetch, clock=clock_of(settings.token_clock)
    )
