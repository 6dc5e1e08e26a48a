import contextlib
from dataclasses import replace

import httpx2
import pytest

from skerry.servers.accounts.desk import Desk
from skerry.servers.accounts.server import create_server
from skerry.settings import AccountsSettings
from tests.kit.accounts_api import running_api
from tests.kit.asgi_thread import serve
from tests.kit.idp import SECRETS, desk_idp


@pytest.fixture(scope="module")
def idp():
    with desk_idp() as running:
        yield running


@pytest.fixture(scope="module")
def token(idp):
    """Makes a token of the realm `desk` for the API; keyword arguments as RunningProvider's."""

    def make(tenant="acme", **changes):
        claims = {"tenant_id": tenant} if tenant else {}
        usual = {"audiences": ("accounts-api",), "scopes": ("desk/use",), "subject": "ada", "claims": claims}
        return idp.access_token("desk", "chat", **{**usual, **changes})

    return make


@pytest.fixture(scope="module")
def api(idp, tmp_path_factory):
    database = tmp_path_factory.mktemp("accounts") / "accounts.sqlite"
    with running_api(database, idp.issuers["desk"]) as running:
        yield running


@pytest.fixture(scope="module")
def http():
    with httpx2.Client(trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def ask(api, http, token):
    """Calls the API with a good token, unless `headers` bring another one."""

    def call(method, path, *, tenant="acme", headers=None, **more):
        usual = {"Authorization": f"Bearer {token(tenant)}"}
        return http.request(method, api.url + path, headers=usual if headers is None else headers, **more)

    return call


@pytest.fixture(scope="module")
def settings(idp, api):
    return AccountsSettings(
        issuer=idp.issuers["desk"], client_secret=SECRETS["accounts"], api_url=api.url, confirm_timeout=20
    )


@pytest.fixture(scope="module")
def serving():
    """Serves an accounts MCP server on a port of its own; gives its URL."""

    @contextlib.contextmanager
    def run(settings, **changes):
        settings = replace(settings, **changes)
        app = create_server(Desk.of(settings, url="http://127.0.0.1/mcp")).http_app(
            path="/mcp", stateless_http=not settings.stateful
        )
        with serve(app) as url:
            yield f"{url}/mcp"

    return run


@pytest.fixture(scope="module")
def stateless(serving, settings):
    with serving(settings) as url:
        yield url


@pytest.fixture(scope="module")
def stateful(serving, settings):
    with serving(settings, stateful=True) as url:
        yield url


@pytest.fixture(scope="module")
def user_token(idp):
    """Makes a token for the accounts server, as the gateway sends it: Ada's, with the gateway as actor."""

    def make(tenant="acme", **changes):
        claims = {"tenant_id": tenant, "act": {"sub": "gateway"}} if tenant else {}
        usual = {"audiences": ("accounts",), "scopes": ("desk/use",), "subject": "ada", "claims": claims}
        return idp.access_token("desk", "gateway", **{**usual, **changes})

    return make
