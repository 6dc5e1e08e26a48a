import contextlib
import json
from dataclasses import replace

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from skerry.servers.terraform.desk import Desk
from skerry.servers.terraform.server import create_server
from skerry.settings import TerraformSettings
from tests.kit.asgi_thread import serve
from tests.kit.idp import desk_idp
from tests.kit.terraform_standin import TOKEN, running_standin

SESSION = "session-of-ada-that-is-at-least-33-long"


@pytest.fixture(scope="module")
def idp():
    with desk_idp() as running:
        yield running


@pytest.fixture(scope="module")
def user_token(idp):
    """Makes a token for the terraform server, as the gateway sends it: Ada's, with the gateway as actor."""

    def make(**changes):
        claims = {"act": {"sub": "gateway"}}
        usual = {"audiences": ("terraform",), "scopes": ("desk/use",), "subject": "ada", "claims": claims}
        return idp.access_token("desk", "gateway", **{**usual, **changes})

    return make


@pytest.fixture(scope="module")
def http():
    with httpx2.Client(trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def running():
    with running_standin() as found:
        yield found


@pytest.fixture(autouse=True)
def standin(running):
    """The stand-in, with what the seed says."""
    running.refill()
    return running


@pytest.fixture(scope="module")
def settings(idp, running):
    return TerraformSettings(
        issuer=idp.issuers["desk"],
        address=running.url,
        registry=running.url,
        token=TOKEN,
        writes=True,
        confirm_timeout=20,
    )


@pytest.fixture(scope="module")
def serving(settings):
    """Serves a terraform MCP server on a port of its own; gives its base URL."""

    @contextlib.contextmanager
    def run(**changes):
        changed = replace(settings, **changes)
        app = create_server(Desk.of(changed, url="http://127.0.0.1/mcp")).http_app(
            path="/mcp", stateless_http=not changed.stateful
        )
        with serve(app) as base:
            yield base

    return run


@pytest.fixture(scope="module")
def url(serving):
    """A server that keeps MCP sessions, which the older era needs in order to be asked."""
    with serving(stateful=True) as base:
        yield base


@pytest.fixture
def client(user_token):
    """Makes a client of a server: Ada's in SESSION, unless told otherwise."""

    def make(url, token=None, *, session=SESSION, mode="2026-07-28", headers=None, **more):
        sent = {"Authorization": f"Bearer {token or user_token()}", **(headers or {})}
        if session:
            sent["X-Session-ID"] = session
        return Client(StreamableHttpTransport(f"{url}/mcp", headers=sent), mode=mode, **more)

    return make


@pytest.fixture
def ask(url, client):
    """Calls one tool as Ada, who says yes to every question; gives its data. `asked` collects questions."""

    async def call(tool, arguments=None, *, asked=None, yes=True, **more):
        async def answer(message, *_):
            if asked is not None:
                asked.append(message)
            return {"confirm": yes}

        async with client(more.pop("url", url), elicitation_handler=answer, **more) as desk:
            result = await desk.call_tool(tool, arguments or {})
        if result.structured_content is not None and "result" not in result.structured_content:
            return result.structured_content
        text = result.content[0].text
        return json.loads(text) if text.startswith(("{", "[")) else text

    return call


@pytest.fixture
def door(http, url, user_token):
    """Calls the endpoint of the session's Terraform token."""

    def call(method, body=None, *, token=None, session=SESSION, headers=None, base=url):
        sent = dict(headers or {})
        if token != "":
            sent["Authorization"] = f"Bearer {token or user_token()}"
        if session:
            sent["X-Session-ID"] = session
        return http.request(method, f"{base}/session/terraform-token", json=body, headers=sent)

    return call
