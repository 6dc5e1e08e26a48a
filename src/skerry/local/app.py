"""Which planes the endpoint has, and what each of them is given.

The only module that knows several planes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from skerry.auth.http.guarded import Guard
from skerry.local.endpoint import Endpoint as Endpoint  # noqa: PLC0414  (kept as a name of this module)
from skerry.local.functions.plane import FunctionsPlane
from skerry.local.functions.settings import FunctionSettings, FunctionsSettings
from skerry.local.gateway.consent.connect import DONE as CONNECTED
from skerry.local.gateway.plane import GatewayPlane
from skerry.local.gateway.schemas import check as schemas
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.identity.plane import IdentityPlane
from skerry.local.identity.settings import IdentitySettings
from skerry.local.models.guardrails.rules import Guardrail, Guardrails
from skerry.local.models.plane import ModelsPlane
from skerry.local.ports.running import Clock
from skerry.local.runtime.inspection import inspection
from skerry.local.runtime.plane import RuntimePlane
from skerry.local.runtime.settings import RuntimeSettings, Unknowns, basics, resource_limits
from skerry.settings import LocalSettings
from skerry.settings.values import TOKEN_CLOCK


def create_app(
    settings: LocalSettings,
    *,
    url: str,
    functions: Mapping[str, FunctionSettings] | None = None,
    guardrails: Sequence[Guardrail] = (),
    clock: Clock | None = None,
) -> Endpoint:
    """The endpoint with every plane; `functions` are the declared Lambda functions by name.

    `guardrails` are the declared ones. Raises StateError and ConfigurationError.
    """
    endpoint = Endpoint(settings, url=url, clock=clock)
    lambdas = _functions(endpoint, functions or {})
    identities = _identity(endpoint)
    runtimes = _runtime(endpoint, identities)
    endpoint.add("identity", identities)
    endpoint.federate(identities.web_identities)
    endpoint.run_functions(lambdas)
    endpoint.add("functions", lambdas, declared=lambdas.serves, late=lambdas.start_late)
    endpoint.add(
        "runtime",
        runtimes,
        late=runtimes.look_again,
        warm=runtimes.warm,
        inspect=inspection(runtimes.sessions),
    )
    gateways = _gateway(endpoint, identities)
    endpoint.add("gateway", gateways)
    endpoint.control.check_policy = gateways.check_policy
    endpoint.control.check_target = schemas.problem
    endpoint.add("models", _models(endpoint, guardrails))
    return endpoint


def _runtime(endpoint: Endpoint, identities: IdentityPlane) -> RuntimePlane:
    settings = endpoint.settings
    sessions = settings.sessions
    home = settings.inherited.get("HOME", "")
    return RuntimePlane(
        resources=endpoint.resources,
        access=endpoint.access,
        recorder=endpoint.recorder,
        clock=endpoint.clock,
        settings=RuntimeSettings(
            state=settings.state / "runtime",
            endpoint=endpoint.url,
            region=settings.region,
            account=settings.account,
            environment=basics(settings.inherited) | _token_clock(settings),
            sessions=sessions.active,
            new_sessions=sessions.new_per_second,
            requests=sessions.requests_per_second,
            limits=resource_limits(memory=sessions.memory_mib << 20),
            storage=sessions.storage_mib << 20,
            sandbox="namespaces" if sessions.sandbox == "namespaces" else "none",
            hidden=(settings.state.resolve(), *([Path(home)] if home else [])),
            processes=sessions.processes,
            memory=sessions.memory_mib,
            node=sessions.node,
            engine=sessions.engine,
            engine_environment=settings.engine_environment,
            token_clock=settings.token_clock,
            unknowns=Unknowns(
                wait_for_start=sessions.wait_for_start,
                supply_mcp_session_id=sessions.supply_mcp_session_id,
                pass_mcp_not_found=sessions.pass_mcp_not_found,
                busy_needs_time=sessions.busy_needs_time,
                busy_needs_recent_time=sessions.busy_needs_recent_time,
            ),
        ),
        fetch_key=endpoint.identity.fetch,
        fetch_object=endpoint.aws.fetch_object,
        authorities=endpoint.authorities,
        report=endpoint.control.reporter("runtime"),
        permissions=endpoint.permissions,
        workload_tokens=identities.workload_tokens,
        output=endpoint.cloudwatch.logs,
    )


def _token_clock(settings: LocalSettings) -> dict[str, str]:
    """For programs of sessions, which check tokens of this stack by the same time as its planes."""
    return {TOKEN_CLOCK: str(settings.token_clock)} if settings.token_clock else {}


def _gateway(endpoint: Endpoint, identities: IdentityPlane) -> GatewayPlane:
    settings = endpoint.settings
    return GatewayPlane(
        resources=endpoint.resources,
        access=endpoint.access,
        recorder=endpoint.recorder,
        clock=endpoint.clock,
        transport=endpoint.identity,
        providers=endpoint.providers,
        fetch_object=endpoint.aws.fetch_object,
        fetch_secret=endpoint.aws.fetch_secret,
        authorities=endpoint.authorities,
        settings=GatewaySettings(
            endpoint=endpoint.url,
            region=settings.region,
            account=settings.account,
            calls=settings.quotas.gateway_calls,
            connections=settings.quotas.gateway_connections,
            connect=settings.connect,
            token_clock=settings.token_clock,
        ),
        report=endpoint.control.reporter("target"),
        permissions=endpoint.permissions,
        resource_tokens=identities.vault,
    )


def _identity(endpoint: Endpoint) -> IdentityPlane:
    settings = endpoint.settings
    return IdentityPlane(
        resources=endpoint.resources,
        access=endpoint.access,
        recorder=endpoint.recorder,
        clock=endpoint.clock,
        fetch=endpoint.identity.fetch,
        providers=endpoint.providers,
        private=endpoint.identity,
        fetch_secret=endpoint.aws.fetch_secret,
        strangers=Guard().fetch,
        named=endpoint.resources.issuer_certificates,
        authorities=endpoint.authorities,
        sign=endpoint.aws.sign,
        sealer=endpoint.sealer,
        settings=IdentitySettings(
            file=settings.state / "vault.sqlite",
            endpoint=endpoint.url,
            region=settings.region,
            account=settings.account,
            calls=settings.quotas.identity_calls,
            own_return_urls=(endpoint.url + CONNECTED,) if settings.connect else (),
            token_clock=settings.token_clock,
        ),
        permissions=endpoint.permissions,
    )


def _functions(endpoint: Endpoint, declared: Mapping[str, FunctionSettings]) -> FunctionsPlane:
    settings = endpoint.settings
    return FunctionsPlane(
        access=endpoint.access,
        recorder=endpoint.recorder,
        clock=endpoint.clock,
        settings=FunctionsSettings(
            state=settings.state,
            endpoint=endpoint.url,
            region=settings.region,
            account=settings.account,
            functions=declared,
            token_clock=settings.token_clock,
            node=shutil.which(settings.sessions.node, path=settings.inherited.get("PATH")) or "",
        ),
        permissions=endpoint.permissions,
        kept=endpoint.resources,
        source=endpoint.aws,
        monitor=endpoint.cloudwatch.functions,
    )


def _models(endpoint: Endpoint, guardrails: Sequence[Guardrail]) -> ModelsPlane:
    settings = endpoint.settings
    return ModelsPlane(
        access=endpoint.access,
        recorder=endpoint.recorder,
        clock=endpoint.clock,
        settings=settings.models,
        guardrails=Guardrails(guardrails, region=settings.region, account=settings.account),
        permissions=endpoint.permissions,
    )
