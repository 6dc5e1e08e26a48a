"""The control plane and the gateway plane over the same records, as `local/app.py` joins them.

    with policy_stack(folder) as stack:
        gateway = stack.gateway("refunds", TOOLS)
        engine = stack.engine()
        stack.policy(engine, f'permit(...)')
        stack.enforce(gateway, engine)
        post(stack.url(gateway), "tools/list")

boto3 talks to the control plane, real MCP clients to the gateway; only the Lambda endpoint and the identity
provider are stand-ins.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.local.clock import SystemClock
from skerry.local.control.plane import ControlPlane
from skerry.local.gateway import GatewayPlane, GatewaySettings
from skerry.local.iam.access import Access
from skerry.local.ports.permissions import Permissions, Unrestricted
from skerry.local.ports.resources import Change
from skerry.local.state.records import RecordStore, Write
from skerry.local.state.resources import Place, Resources
from tests.kit.asgi_thread import serve
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import ACCOUNT, DEVELOPER, REGION, FakeLambda, HopList, NoOtherKeys, Objects
from tests.kit.issuer import FakeIssuer
from tests.kit.local_endpoint import ROLE, client

IAM = [{"credentialProviderType": "GATEWAY_IAM_ROLE"}]


class OneIssuer(FakeIssuer):
    """Implements `auth.outside.Http` with one identity provider and no token endpoint."""

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        raise AssertionError(f"nobody exchanges a token here: {url}")


class _App:
    """Both planes; paths below `/gateway/` are the gateway's."""

    def __init__(self, control: ControlPlane, gateways: GatewayPlane, resources: Resources) -> None:
        self._control, self._gateways, self._resources = control, gateways, resources
        self.loops: list[asyncio.AbstractEventLoop] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            plane = self._gateways if scope["path"].startswith("/gateway/") else self._control
            await plane(scope, receive, send)
            return
        await receive()
        self.loops.append(asyncio.get_running_loop())
        await self._resources.start()
        await self._gateways.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._gateways.close()
        await self._resources.close()
        await send({"type": "lifespan.shutdown.complete"})


@dataclass
class PolicyStack:
    """The running planes. `control` is an unmodified boto3 client."""

    base: str
    control: Any
    recorder: HopList
    functions: FakeLambda
    access: Access
    issuer: OneIssuer
    resources: Resources
    loops: list[asyncio.AbstractEventLoop]
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh(self, prefix: str) -> str:
        """A name that was not used before."""
        return f"{prefix}{next(self._ids)}"

    def gateway(
        self,
        target: str,
        tools: Sequence[Mapping[str, Any]],
        *,
        authorizer: str = "CUSTOM_JWT",
        **members: Any,
    ) -> dict[str, Any]:
        """A new gateway with one Lambda target, whose function echoes its arguments."""
        jwt = {"discoveryUrl": self.issuer.discovery_url, "allowedAudience": ["accounts"]}
        if authorizer == "CUSTOM_JWT":
            members = {"authorizerConfiguration": {"customJWTAuthorizer": jwt}, **members}
        made = self.control.create_gateway(
            name=self.fresh("g"), roleArn=ROLE, authorizerType=authorizer, protocolType="MCP", **members
        )
        self.target(made, target, tools)
        return dict(made)

    def target(self, gateway: Mapping[str, Any], name: str, tools: Sequence[Mapping[str, Any]]) -> None:
        """One more Lambda target."""
        self.functions.functions[name] = lambda event, custom: event
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        self.control.create_gateway_target(
            gatewayIdentifier=gateway["gatewayId"],
            name=name,
            targetConfiguration={
                "mcp": {"lambda": {"lambdaArn": arn, "toolSchema": {"inlinePayload": list(tools)}}}
            },
            credentialProviderConfigurations=IAM,
        )

    def engine(self) -> dict[str, Any]:
        """A new policy engine."""
        return dict(self.control.create_policy_engine(name=self.fresh("engine")))

    def policy(
        self, engine: Mapping[str, Any], statement: str, *, name: str = "", **members: Any
    ) -> dict[str, Any]:
        """A new policy as GetPolicy shows it. Findings about the whole engine are not asked for."""
        made = self.control.create_policy(
            policyEngineId=engine["policyEngineId"],
            name=name or self.fresh("policy"),
            definition={"cedar": {"statement": statement}},
            **{"validationMode": "IGNORE_ALL_FINDINGS", **members},
        )
        return self.get_policy(made)

    def active(self, engine: Mapping[str, Any], statement: str, **members: Any) -> dict[str, Any]:
        """A new policy that holds."""
        made = self.policy(engine, statement, **members)
        assert made["status"] == "ACTIVE", made["statusReasons"]
        return made

    def get_policy(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        """GetPolicy."""
        return dict(
            self.control.get_policy(policyEngineId=policy["policyEngineId"], policyId=policy["policyId"])
        )

    def enforce(
        self, gateway: Mapping[str, Any], engine: Mapping[str, Any] | None, *, mode: str = "ENFORCE"
    ) -> None:
        """UpdateGateway with the engine, or with none."""
        kept = (
            "name",
            "roleArn",
            "authorizerType",
            "authorizerConfiguration",
            "protocolType",
            "protocolConfiguration",
            "interceptorConfigurations",
        )
        found = self.control.get_gateway(gatewayIdentifier=gateway["gatewayId"])
        members = {key: found[key] for key in kept if key in found}
        if engine is not None:
            members["policyEngineConfiguration"] = {"arn": engine["policyEngineArn"], "mode": mode}
        self.control.update_gateway(gatewayIdentifier=gateway["gatewayId"], **members)

    def write(self, writes: Sequence[Write], changes: Sequence[Change]) -> None:
        """A commit that no operation would make."""
        asyncio.run_coroutine_threadsafe(self.resources.commit(writes, changes, None), self.loops[0]).result(
            20
        )

    def url(self, gateway: Mapping[str, Any]) -> str:
        """The MCP URL."""
        return f"{self.base}/gateway/{gateway['gatewayId']}/mcp"

    def bearer(self, **claims: Any) -> dict[str, str]:
        """The header of a user with these claims."""
        return {"authorization": f"Bearer {self.issuer.mint(self.issuer.claims(**claims))}"}

    def signed(
        self, url: str, body: bytes, headers: Mapping[str, str], credentials: Credentials = DEVELOPER
    ) -> dict[str, str]:
        """`headers` with a signature; fits `post(sign=)`."""
        added = sigv4.sign(
            "POST",
            url,
            headers,
            body,
            credentials=credentials,
            region=REGION,
            service="bedrock-agentcore",
            now=time.time(),
        )
        return {**headers, **added}


@dataclass(frozen=True)
class Signer:
    """Signs as somebody; fits `post(sign=)`."""

    stack: PolicyStack
    credentials: Credentials

    def signed(self, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        return self.stack.signed(url, body, headers, self.credentials)


@contextmanager
def policy_stack(
    folder: Path,
    *,
    permissions: Callable[[Resources], Permissions] = lambda _: Unrestricted(),
    **settings: Any,
) -> Iterator[PolicyStack]:
    """The running planes over a state file in `folder`; `settings` are members of GatewaySettings."""
    clock = SystemClock()
    access = Access(DEVELOPER, account=ACCOUNT, clock=clock, source=NoOtherKeys())
    functions, recorder = FakeLambda(access), HopList()
    issuer = OneIssuer(FakeClock(time.time()), issuer="http://127.0.0.1:1/desk")
    with ExitStack() as running:
        endpoint = running.enter_context(serve(functions, lifespan="off"))
        store = RecordStore(folder / "control.sqlite")
        resources = Resources(store, place=Place(REGION, ACCOUNT, endpoint), clock=clock)
        shared: dict[str, Any] = {
            "resources": resources,
            "access": access,
            "recorder": recorder,
            "clock": clock,
            "permissions": permissions(resources),
        }
        options = {"endpoint": endpoint, "region": REGION, "account": ACCOUNT, "listing": 5.0, **settings}
        gateways = GatewayPlane(
            **shared, transport=issuer, fetch_object=Objects(), settings=GatewaySettings(**options)
        )
        control = ControlPlane(**shared, check_policy=gateways.check_policy)
        app = _App(control, gateways, resources)
        base = running.enter_context(serve(app))
        boto = running.enter_context(contextlib.closing(client("bedrock-agentcore-control", base, DEVELOPER)))
        yield PolicyStack(base, boto, recorder, functions, access, issuer, resources, app.loops)
