"""Where the agent's proofs come from: the credentials of its role and the identity provider."""

from __future__ import annotations

import asyncio

import httpx2

from skerry.agent.errors import AgentError
from skerry.agent.proof import Keys, Tokens
from skerry.auth.clock import SystemClock
from skerry.auth.credentials import AwsCredentials
from skerry.auth.oauth import Client, TokenSource
from skerry.auth.sigv4 import Credentials
from skerry.auth.transport import Transport
from skerry.errors import ConfigurationError
from skerry.settings import AgentSettings


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
    return TokenSource(client, post=transport.post, fetch=transport.fetch, clock=SystemClock())
