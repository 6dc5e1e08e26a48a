"""A whole local system that asks who is there: an endpoint, an identity provider and a server, all over sockets.

    with guarded_system(folder) as system:
        system.gateways["tools"]    # the URL, all that a client is told
        system.environment          # what a client's process gets: ann is its browser

Endpoint and provider are processes. Gateways ask for tokens of a realm with their own URL as audience, which is
known when they were made, so the provider is started after them:

    tools     realm `home`, which has scopes; the gateway asks for none
    scoped    realm `home`; the gateway asks for a scope
    plain     realm `plain`, which has no scopes at all
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.client_document import ClientDocument, client_document
from tests.kit.idp_visit import browser
from tests.kit.local_endpoint import ROLE, endpoint_process, settled
from tests.kit.mcp_backends import Backend, fastmcp_backend

PERSON, PASSWORD = "ann", "the password of ann, +%&"
SCOPE = "tools/use"
TARGET, TOOL = "shop", "shop___echo"
REALMS = {"tools": "home", "scoped": "home", "plain": "plain"}
"""The realm of each gateway."""


@dataclass(frozen=True)
class System:
    """The running system: URLs of gateways, issuers of realms, the site of a client's document.

    `environment` is that of a client's process.
    """

    gateways: Mapping[str, str]
    issuers: Mapping[str, str]
    document: ClientDocument
    environment: Mapping[str, str]


@contextlib.contextmanager
def guarded_system(folder: Path) -> Iterator[System]:
    """The system, ready to be called."""
    with (
        fastmcp_backend() as backend,
        client_document(folder) as document,
        endpoint_process(folder / "state") as endpoint,
    ):
        control = endpoint.client("bedrock-agentcore-control")
        gateways = {name: _gateway(control, name, backend) for name in REALMS}
        with _provider(folder, _realms(gateways, document), document) as issuers:
            for name, url in gateways.items():
                scopes = [SCOPE] if name == "scoped" else []
                _update(control, name, issuers[REALMS[name]], allowedAudience=[url], allowedScopes=scopes)
            environment = clean_environment() | browser(PERSON, PASSWORD) | {"HOME": str(folder)}
            yield System(gateways, issuers, document, environment)


def clean_environment() -> dict[str, str]:
    """The tests' environment without anything that steers AWS, skerry or a browser."""
    steering = ("AWS_", "SKERRY_", "BROWSER", "DISPLAY", "WAYLAND_")
    return {name: value for name, value in os.environ.items() if not name.startswith(steering)}


def _realms(gateways: Mapping[str, str], document: ClientDocument) -> dict[str, Any]:
    person = {PERSON: {"password": PASSWORD, "claims": {"name": "Ann", "email": "ann@example.com"}}}
    open_realm = {
        "registration": "open",
        "client_documents": True,
        "loopback_origins": [document.origin],
        "users": person,
    }
    scopes = ["openid", "profile", "email", "offline_access", SCOPE]
    resources = {
        realm: [url for name, url in gateways.items() if REALMS[name] == realm] for realm in ("home", "plain")
    }
    return {
        "home": open_realm | {"scopes": scopes, "resources": resources["home"]},
        "plain": open_realm | {"resources": resources["plain"]},
    }


@contextlib.contextmanager
def _provider(folder: Path, realms: Mapping[str, Any], document: ClientDocument) -> Iterator[dict[str, str]]:
    """`python -m skerry.idp` with these realms; their issuers. It trusts the certificate of the document's site."""
    file = folder / "realms.json"
    file.touch(0o600)
    file.write_text(json.dumps({"realms": realms}))
    command: Sequence[str] = (sys.executable, "-m", "skerry.idp", "--state", str(folder / "idp"))
    with (
        (folder / "idp.log").open("w") as log,
        subprocess.Popen(
            [*command, "--config", str(file), "--watch-stdin"],
            env=clean_environment() | {"SSL_CERT_FILE": str(document.certificates)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "idp.log").read_text()
        yield json.loads(line)["issuers"]
        process.terminate()


def _gateway(control: Any, name: str, backend: Backend) -> str:
    """A gateway with one MCP server behind it, for nobody yet; its URL."""
    nobody = {
        "discoveryUrl": "http://127.0.0.1:1/.well-known/openid-configuration",
        "allowedClients": ["nobody"],
    }
    made = control.create_gateway(
        name=name,
        roleArn=ROLE,
        protocolType="MCP",
        authorizerType="CUSTOM_JWT",
        authorizerConfiguration={"customJWTAuthorizer": nobody},
    )
    where = {"gatewayIdentifier": made["gatewayId"]}
    settled(control.get_gateway, **where)
    target = control.create_gateway_target(
        **where,
        name=TARGET,
        targetConfiguration={"mcp": {"mcpServer": {"endpoint": backend.url}}},
    )
    assert settled(control.get_gateway_target, **where, targetId=target["targetId"])["status"] == "READY"
    return str(made["gatewayUrl"])


def _update(control: Any, name: str, issuer: str, **jwt: Any) -> None:
    (found,) = [item for item in control.list_gateways()["items"] if item["name"] == name]
    where = {"gatewayIdentifier": found["gatewayId"]}
    checks = {member: value for member, value in jwt.items() if value}
    discovery = f"{issuer}/.well-known/openid-configuration"
    control.update_gateway(
        **where,
        name=name,
        roleArn=ROLE,
        protocolType="MCP",
        authorizerType="CUSTOM_JWT",
        authorizerConfiguration={"customJWTAuthorizer": {"discoveryUrl": discovery, **checks}},
    )
    assert settled(control.get_gateway, **where)["status"] == "READY"
