"""The headers of an older design, and passing callers' tokens on: off, and what happens when they are on."""

import json
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from fastmcp.exceptions import ToolError
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.challenge import parse
from skerry.auth.jwt.tokens import unverified_claims
from skerry.servers.accounts.desk import Desk
from skerry.servers.accounts.server import create_server
from skerry.settings import AccountsApiSettings
from skerry.settings.values import table
from tests.kit.accounts_api import environment, running_api
from tests.kit.asgi_thread import serve
from tests.kit.idp import SECRETS
from tests.kit.recording_api import RecordingApi
from tests.servers.accounts.test_server import client

NAMES = {"x-jwt-token", "x-tenant-id"}
ON = {"ACCOUNTS_COMPATIBILITY_HEADERS": "1"}


@pytest.fixture(scope="module")
def old(idp, tmp_path_factory):
    """The API with the headers on."""
    database = tmp_path_factory.mktemp("old") / "accounts.sqlite"
    with running_api(database, idp.issuers["desk"], variables=ON) as running:
        yield running


@pytest.fixture(scope="module")
def exchanged(token):
    """A token as the exchange gives it: it says who acts."""

    def make(tenant="acme", **changes):
        claims = {"act": {"sub": "accounts"}, **({"tenant_id": tenant} if tenant else {})}
        return token(claims=claims, **changes)

    return make


def ask(http, api, headers, path="/activity"):
    return http.get(api.url + path, headers=headers)


@pytest.mark.behaviour("GRD-COMPAT-API")
def test_an_exchanged_token_in_the_old_header_is_a_token_like_any_other(http, old, exchanged):
    token = exchanged()
    for headers in (
        {"X-JWT-TOKEN": token},
        {"X-JWT-TOKEN": token, "X-TENANT-ID": "acme"},
        {"X-JWT-TOKEN": token, "Authorization": f"Bearer {token}", "X-TENANT-ID": "acme"},
        {"Authorization": f"Bearer {token}", "X-TENANT-ID": "acme"},
    ):
        answer = ask(http, old, headers)
        assert (answer.status_code, answer.json().get("tenant")) == (200, "acme"), headers.keys()
    assert any("compatibility headers are on" in line for line in old.lines)


@pytest.mark.behaviour("GRD-COMPAT-API")
def test_a_token_that_nobody_exchanged_does_not_do_there(http, old, token):
    own = token()
    answer = ask(http, old, {"X-JWT-TOKEN": own, "X-TENANT-ID": "acme"})
    assert (answer.status_code, parse(answer.headers["www-authenticate"]).error) == (401, "invalid_token")
    assert "exchanged tokens only" in answer.json()["message"]
    assert ask(http, old, {"Authorization": f"Bearer {own}"}).status_code == 200


@pytest.mark.behaviour("GRD-COMPAT-API")
@pytest.mark.parametrize(
    "changes", [{"audiences": ("accounts",)}, {"lifetime": -3600}, {"scopes": ("other",)}]
)
def test_it_is_verified_like_any_token(http, old, exchanged, changes):
    answer = ask(http, old, {"X-JWT-TOKEN": exchanged(**changes)})
    assert answer.status_code == (403 if "scopes" in changes else 401)


@pytest.mark.behaviour("GRD-COMPAT-API")
@pytest.mark.parametrize("tenant", ["globex", "ACME", "acme,globex", "", "=?base64?Z2xvYmV4?="])
def test_the_tenant_is_the_claim_and_a_header_that_says_otherwise_is_refused(http, old, exchanged, tenant):
    answer = ask(http, old, {"X-JWT-TOKEN": exchanged(), "X-TENANT-ID": tenant})
    assert (answer.status_code, answer.json()["error"]) == (403, "tenant_mismatch")


@pytest.mark.behaviour("GRD-COMPAT-API")
def test_a_token_without_tenant_gets_none_from_the_header(http, old, exchanged):
    answer = ask(http, old, {"X-JWT-TOKEN": exchanged(tenant=None), "X-TENANT-ID": "acme"})
    assert (answer.status_code, answer.json()["error"]) == (403, "no_tenant")


@pytest.mark.behaviour("GRD-COMPAT-API")
def test_two_different_tokens_or_tenants_are_a_malformed_request(http, old, exchanged):
    one, two = exchanged(), exchanged("globex")
    for headers in (
        [("X-JWT-TOKEN", one), ("X-JWT-TOKEN", two)],
        [("X-JWT-TOKEN", one), ("X-JWT-TOKEN", one)],
        [("X-JWT-TOKEN", one), ("Authorization", f"Bearer {two}")],
        [("X-JWT-TOKEN", one), ("Authorization", f"Bearer {one}"), ("Authorization", f"Bearer {one}")],
        [("X-JWT-TOKEN", one), ("X-TENANT-ID", "acme"), ("X-TENANT-ID", "globex")],
    ):
        assert ask(http, old, headers).status_code == 400


@pytest.mark.behaviour("GRD-COMPAT-SERVER")
async def test_off_the_api_is_told_a_token_in_one_place_only(serving, settings, user_token):
    fake = RecordingApi()
    with serve(fake, lifespan="off") as api, serving(settings, api_url=api) as url:
        async with client(url, user_token()) as desk:
            await desk.call_tool("get_email", {"account_id": "12345"})
    assert NAMES & set(fake.requests[0].headers) == set()


@pytest.mark.behaviour("GRD-COMPAT-SERVER")
async def test_on_the_headers_hold_the_exchanged_token_and_the_verified_tenant(
    serving, settings, user_token, caplog
):
    fake, mine = RecordingApi(), user_token()
    claimed = {"X-JWT-TOKEN": user_token("globex"), "X-TENANT-ID": "globex"}
    with (
        serve(fake, lifespan="off") as api,
        serving(settings, api_url=api, compatibility_headers=True) as url,
    ):
        assert "compatibility headers are on" in caplog.text
        async with client(url, mine, headers=claimed) as desk:
            await desk.call_tool("get_email", {"account_id": "12345"})
        async with client(url, user_token(tenant=None)) as desk:
            await desk.call_tool("get_email", {"account_id": "12345"})
    first, second = fake.requests
    sent = first.headers["x-jwt-token"]
    assert first.headers["authorization"] == f"Bearer {sent}"
    assert unverified_claims(sent)["act"]["sub"] == "accounts"
    assert first.headers["x-tenant-id"] == "acme"
    assert mine not in first.everything
    assert claimed["X-JWT-TOKEN"] not in first.everything
    assert "x-tenant-id" not in second.headers


@pytest.mark.behaviour("GRD-COMPAT-SERVER")
async def test_both_together_serve_an_account(serving, settings, user_token, old):
    with serving(settings, api_url=old.url, compatibility_headers=True) as url:
        async with client(url, user_token()) as desk:
            assert (await desk.call_tool("get_email", {"account_id": "12345"})).data == "user@example.com"


def started(env, *options):
    """The accounts MCP server over HTTP: the process, its URL, and its words on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "skerry.servers.accounts", "http", *options],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    words = []
    threading.Thread(target=lambda: words.extend(process.stderr), daemon=True).start()
    return process, json.loads(process.stdout.readline())["url"], words


@pytest.mark.behaviour("GRD-FORWARD-TOKEN")
@pytest.mark.parametrize("unsafe", [False, True])
async def test_only_an_unsafe_option_passes_the_callers_token_on(idp, user_token, unsafe):
    fake, mine = RecordingApi(), user_token()
    with serve(fake, lifespan="off") as api:
        env = environment(
            ACCOUNTS_ISSUER=idp.issuers["desk"],
            ACCOUNTS_CLIENT_SECRET=SECRETS["accounts"],
            ACCOUNTS_API_URL=api,
        )
        process, url, words = started(env, *(["--unsafe-forward-caller-token"] if unsafe else []))
        try:
            async with client(url, mine) as desk:
                await desk.call_tool("get_email", {"account_id": "12345"})
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()
            process.stderr.close()
    (request,) = fake.requests
    if unsafe:
        assert request.headers["authorization"] == f"Bearer {mine}"
        assert (request.headers["x-jwt-token"], request.headers["x-tenant-id"]) == (mine, "acme")
        assert [line for line in words if line.startswith("UNSAFE: callers' own tokens")]
    else:
        assert mine not in request.everything
        assert NAMES & set(request.headers) == set()
        assert not [line for line in words if "UNSAFE" in line]


@pytest.mark.behaviour("GRD-FORWARD-TOKEN")
async def test_the_api_does_not_take_such_a_token_either(settings, user_token, api, old):
    for place in (api, old):
        changed = replace(settings, api_url=place.url)
        desk = Desk.of(changed, url="http://127.0.0.1/mcp", forward_caller_token=True)
        with serve(create_server(desk).http_app(path="/mcp", stateless_http=True)) as base:
            async with client(f"{base}/mcp", user_token()) as caller:
                with pytest.raises(ToolError, match="'aud'"):
                    await caller.call_tool("get_email", {"account_id": "12345"})


@pytest.mark.behaviour("GRD-FORWARD-TOKEN")
@pytest.mark.parametrize("words", [["stdio", "--unsafe-forward-caller-token"], ["http", "--unsafe"]])
def test_the_option_is_for_http_and_written_out(idp, words):
    env = environment(
        ACCOUNTS_ISSUER=idp.issuers["desk"], ACCOUNTS_CLIENT_SECRET="s", ACCOUNTS_API_URL="http://127.0.0.1:9"
    )
    command = [sys.executable, "-m", "skerry.servers.accounts", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("a=b", {"a": ("b",)}),
        ("a=b,c  d/e=a", {"a": ("b", "c"), "d/e": ("a",)}),
        ("a", None),
        ("=b", None),
        ("a=", None),
        ("a=,", None),
    ],
)
def test_the_table_of_scopes_in_a_variable(text, found):
    if found is None:
        with pytest.raises(ValueError, match="is not name=word,word"):
            AccountsApiSettings.from_env({"ACCOUNTS_SCOPES_INCLUDE": text})
    else:
        assert AccountsApiSettings.from_env({"ACCOUNTS_SCOPES_INCLUDE": text}).includes == found


@given(st.text())
def test_any_text_is_a_table_or_a_value_error(text):
    try:
        found = table(text)
    except ValueError:
        return
    assert all(name and words for name, words in found.items())
