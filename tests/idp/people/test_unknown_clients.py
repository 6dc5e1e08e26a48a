"""Clients that nobody declared, and the people who meet them: registration and documents through to tokens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from skerry.idp import TOKEN_EXCHANGE, Client
from skerry.idp.id_jag import ID_JAG, ID_TOKEN
from tests.idp.test_with_mcp_client import SERVER, ProtectedServer
from tests.kit.http_peer import Exchange, HttpPeer
from tests.kit.idp import desk as running_desk
from tests.kit.idp_people import HOME, PASSWORDS, VERIFIER, Home

CALLBACK = "http://127.0.0.1:9/callback"
OPEN = replace(HOME, registration="open", resources=("desk-gateway", "accounts", SERVER, "https://api.example.com/mcp"),
    scopes=("openid", "profile", "email", "desk/use", "desk/change", "tools/call"))  # fmt: skip


class Storage:
    """The SDK's TokenStorage, in memory."""

    def __init__(self) -> None:
        self.tokens = None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, info):
        self.client = info


@pytest.mark.behaviour("IDP-DCR")
async def test_the_mcp_sdk_registers_and_signs_a_person_in():
    with running_desk(OPEN) as desk:
        home = Home(desk)
        back: dict[str, str] = {}

        async def redirect(url: str) -> None:
            browser = home.browser()

            def agree() -> dict[str, str]:
                page = browser.sign_in(browser.open(url))
                return browser.press(page, decision="approve").back

            back.update(await asyncio.to_thread(agree))

        async def callback() -> AuthorizationCodeResult:
            return AuthorizationCodeResult(code=back["code"], state=back["state"], iss=back["iss"])

        storage, server = Storage(), ProtectedServer(home.issuer())
        metadata = OAuthClientMetadata(
            client_name="An app", redirect_uris=[AnyUrl(CALLBACK)], token_endpoint_auth_method="none"
        )
        provider = OAuthClientProvider(SERVER, metadata, storage, redirect, callback)
        async with httpx2.AsyncClient(auth=provider, transport=server) as client:
            assert (await client.get(SERVER)).status_code == 200
        claims = desk.claims(server.token, "home")
        assert (claims["sub"], claims["aud"], claims["scope"]) == ("subject-of-ann", SERVER, "tools/call")
        assert claims["client_id"] == storage.client.client_id
        for browser in home.browsers:
            browser.http.close()


def registered(home: Home, **members: Any) -> dict[str, Any]:
    body = {
        "client_name": "An app",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        **members,
    }
    answer = home.http.post(f"{home.issuer()}/oauth2/register", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def redeemed(home: Home, client_id: str, code: str, **proof: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **proof,
    }
    return home.http.post(home.idp.token_endpoint("home"), data=form)


def refreshed(home: Home, client_id: str, token: str) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
    return home.http.post(home.idp.token_endpoint("home"), data=form)


def code_of(home: Home, client_id: str, **asked: Any) -> str:
    browser = home.browser()
    code = browser.code(client=client_id, redirect_uri=CALLBACK, scope="openid desk/use", **asked)
    browser.http.close()
    return code


@pytest.mark.behaviour("IDP-DCR-DELETE")
def test_what_a_person_granted_to_a_registered_client_ends_with_it():
    with running_desk(OPEN) as desk:
        home = Home(desk)
        client = registered(home)
        tokens = redeemed(home, client["client_id"], code_of(home, client["client_id"])).json()
        again = refreshed(home, client["client_id"], tokens["refresh_token"]).json()
        stale = refreshed(home, client["client_id"], tokens["refresh_token"])
        assert stale.json()["error"] == "invalid_grant", "a public client's refresh token is used once"
        other = registered(home)
        kept = redeemed(home, other["client_id"], code_of(home, other["client_id"])).json()
        headers = {"authorization": f"Bearer {client['registration_access_token']}"}
        assert home.http.delete(client["registration_client_uri"], headers=headers).status_code == 204
        gone = refreshed(home, client["client_id"], again["refresh_token"])
        assert (gone.status_code, gone.json()["error"]) == (401, "invalid_client")
        assert refreshed(home, other["client_id"], kept["refresh_token"]).status_code == 200


@pytest.mark.behaviour("IDP-CIMD")
async def test_a_person_signs_in_to_a_client_that_describes_itself():
    described: dict[str, Any] = {}

    async def site(exchange: Exchange) -> None:
        await exchange.answer(200, json.dumps(described).encode(), {"cache-control": "no-store"})

    async with HttpPeer(site) as peer:
        url = f"{peer.url}/client.json"
        described |= {"client_id": url, "client_name": "Self Made App", "redirect_uris": [CALLBACK]}
        realm = replace(OPEN, client_documents=True, loopback_origins=(peer.url,))
        with running_desk(realm) as desk:
            home = Home(desk)
            browser = home.browser()
            link = home.url(url, redirect_uri=CALLBACK, scope="openid")
            page = await asyncio.to_thread(browser.open, link)
            consent = await asyncio.to_thread(browser.sign_in, page)
            assert "Self Made App" in consent.text
            assert "127.0.0.1:9" in consent.text, "the host of the redirect URI is shown"
            back = await asyncio.to_thread(lambda: browser.press(consent, decision="approve"))
            answer = await asyncio.to_thread(redeemed, home, url, back.code)
            assert answer.status_code == 200, answer.text
            assert desk.claims(answer.json()["access_token"], "home")["client_id"] == url
            elsewhere = home.url(url, redirect_uri="http://127.0.0.1:9/other")
            refused = await asyncio.to_thread(browser.open, elsewhere)
            assert (refused.status, refused.location) == (400, ""), "not in the document: no redirect"
            described["client_id"] = "https://other.example/client.json"
            gone = await asyncio.to_thread(browser.open, link)
            assert (gone.status, gone.location) == (400, "")
            browser.http.close()


@pytest.mark.behaviour("IDP-ID-JAG-ISSUED")
def test_the_id_token_of_a_sign_in_becomes_an_identity_assertion():
    agent = Client(
        id="agent",
        secret="secret of agent",
        grants=("authorization_code", TOKEN_EXCHANGE),
        scopes=("openid", "desk/use"),
        audiences=("desk-gateway",),
        redirect_uris=(CALLBACK,),
        id_jag_audiences={"https://tools.example/as": "agent-there"},
    )
    with running_desk(replace(HOME, clients={**HOME.clients, agent.id: agent})) as desk:
        tokens = desk.idp.sign_in("home", "agent", "ann", PASSWORDS["ann"], scope="openid", nonce="n")
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "requested_token_type": ID_JAG,
            "subject_token_type": ID_TOKEN,
            "audience": "https://tools.example/as",
        }
        answer = desk.post(
            "agent", realm="home", secret=agent.secret, subject_token=tokens["id_token"], **form
        )
        assert answer.status_code == 200, answer.text
        claims = desk.claims(answer.json()["access_token"], "home")
        assert (claims["sub"], claims["client_id"]) == ("subject-of-ann", "agent-there")
        wrong = desk.post(
            "agent", realm="home", secret=agent.secret, subject_token=tokens["access_token"], **form
        )
        assert wrong.json()["error"] == "invalid_request"


def test_a_redirect_after_registration_is_compared_exactly_but_for_a_loopback_port():
    with running_desk(OPEN) as desk:
        home = Home(desk)
        client = registered(home)
        browser = home.browser()
        other_port = browser.open(
            home.url(client["client_id"], redirect_uri="http://127.0.0.1:1234/callback")
        )
        assert other_port.status == 200
        elsewhere = browser.open(home.url(client["client_id"], redirect_uri="http://127.0.0.1:9/callback/x"))
        assert (elsewhere.status, elsewhere.location) == (400, "")
        assert dict(parse_qsl(urlsplit(elsewhere.location).query)) == {}
        browser.http.close()
