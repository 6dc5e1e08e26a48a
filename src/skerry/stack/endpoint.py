"""The endpoint of a stack: `skerry.local` with what `skerry.toml` declares."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from skerry.errors import ConfigurationError
from skerry.local.app import Endpoint, create_app
from skerry.local.functions.settings import FunctionSettings
from skerry.local.server import log_to, serving
from skerry.settings import LocalSettings, ModelsSettings, StackSettings
from skerry.stack.declaration import Declaration, Models
from skerry.stack.references import resolve_all
from skerry.stack.state import State

MODELS = {
    "router": "the offline router (no language model)",
    "openai": "an OpenAI-compatible server",
    "aws": "Amazon Bedrock",
}


def make(chosen: StackSettings, declared: Declaration, values: dict[str, Any], state: State) -> Endpoint:
    """The endpoint, not yet started. Raises ConfigurationError and StateError."""
    settings = LocalSettings.from_env({**chosen.environment, "SKERRY_PORT": str(chosen.port)})
    log_to(state.folder / "logs" / "endpoint.log")
    functions = {
        name: FunctionSettings(
            path=function.path,
            handler=function.handler,
            environment=resolve_all(function.environment, values, where=f"[functions.{name}] environment"),
            timeout=function.timeout,
            python=function.python,
        )
        for name, function in declared.functions.items()
    }
    return create_app(
        LocalSettings(
            state=state.folder,
            region=values["region"],
            account=values["account"],
            seeds=declared.seeds,
            models=_models(declared.models, settings.models, chosen.environment),
            inherited=settings.inherited,
        ),
        url=values["endpoint"],
        functions=functions,
        guardrails=tuple(declared.guardrails.values()),
    )


@asynccontextmanager
async def serving_on(endpoint: Endpoint, listening: socket.socket) -> AsyncIterator[Endpoint]:
    """The endpoint on a socket, for as long as the block runs."""
    with listening:
        async with serving(endpoint, listening):
            yield endpoint


def _models(declared: Models, from_env: ModelsSettings, env: Mapping[str, str]) -> ModelsSettings:
    """The file's choice; SKERRY_MODELS and its kin decide where the file says nothing."""
    if declared == Models():
        return from_env
    key = env.get(declared.api_key_env, "") if declared.api_key_env else from_env.api_key
    if declared.api_key_env and not key:
        raise ConfigurationError(
            f"[models] api_key_env names {declared.api_key_env}, which is not set.",
            hint=f"export {declared.api_key_env}=… before `skerry up`.",
        )
    return ModelsSettings(
        backend=declared.backend,
        url=declared.url.rstrip("/"),
        model=declared.model,
        api_key=key,
        region=from_env.region,
        timeout=from_env.timeout,
    )
