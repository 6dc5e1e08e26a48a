"""The endpoint of a stack: `skerry.local` with what `skerry.toml` declares."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from skerry.errors import ConfigurationError
from skerry.local.app import Endpoint, create_app
from skerry.local.functions.settings import Cors, FunctionSettings, UrlSettings
from skerry.local.functions.urls import url_id, url_of
from skerry.local.server import log_to, serving
from skerry.settings import LocalSettings, ModelsSettings, StackSettings
from skerry.settings.traces import TracesSettings
from skerry.stack.declared.declaration import Declaration, Models
from skerry.stack.declared.functions import Function
from skerry.stack.declared.references import Later, is_late, resolve_all
from skerry.stack.state import State
from skerry.wire.arn import lambda_arn

MODELS = {
    "router": "the offline router (no language model)",
    "openai": "an OpenAI-compatible server",
    "aws": "Amazon Bedrock",
}


def make(chosen: StackSettings, declared: Declaration, values: dict[str, Any], state: State) -> Endpoint:
    """The endpoint, not yet started. Raises ConfigurationError and StateError."""
    settings = LocalSettings.from_env({**chosen.environment, "SKERRY_PORT": str(chosen.port)})
    log_to(state.folder / "logs" / "endpoint.log")
    lambdas = declared.functions
    values["functions"] = {name: _published(name, function, values) for name, function in lambdas.items()}
    functions = {name: _function(function, values) for name, function in lambdas.items()}
    return create_app(
        LocalSettings(
            state=state.folder,
            region=values["region"],
            account=values["account"],
            seeds=declared.seeds,
            models=_models(declared.models, settings.models, chosen.environment),
            sessions=replace(settings.sessions, **declared.sessions),
            transition=settings.transition,
            connect=settings.connect,
            token_clock=state.token_clock,
            quotas=settings.quotas,
            permissions=declared.permissions or settings.permissions,
            inherited=settings.inherited,
            engine_environment=settings.engine_environment,
            traces=TracesSettings.from_env(chosen.environment, endpoint=declared.traces),
        ),
        url=values["endpoint"],
        functions=functions,
        guardrails=tuple(declared.guardrails.values()),
    )


def late_environments(declared: Declaration, values: Mapping[str, Any]) -> None:
    """Raises ConfigurationError for a function's environment that refers to what there is not."""
    for function in declared.functions.values():
        resolve_all(function.environment, values, where=f"[functions.{function.name}] environment")


def _published(name: str, function: Function, values: Mapping[str, Any]) -> dict[str, str]:
    """What others may know of a function."""
    region, account = values["region"], values["account"]
    known = {"arn": lambda_arn(region, account, name)}
    if function.url is not None:
        known["url"] = url_of(values["endpoint"], url_id(region, account, name))
        known["auth"] = function.url.auth
    return known


def _function(function: Function, values: dict[str, Any]) -> FunctionSettings:
    where = f"[functions.{function.name}] environment"
    late = is_late(function.environment)
    url = function.url
    return FunctionSettings(
        path=function.path,
        handler=function.handler,
        web=function.web,
        ready=function.ready,
        url=None
        if url is None
        else UrlSettings(auth=url.auth, stream=url.stream, cors=Cors(**url.cors) if url.cors else None),
        late=late,
        environment=Later(function.environment, values, where=where)
        if late
        else resolve_all(function.environment, values, where=where),
        timeout=function.timeout,
        python=function.python,
        warm=function.warm,
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
