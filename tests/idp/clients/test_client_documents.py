"""Client ids that are URLs: the document decides, fetched through the guard and kept for its time."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.http.guarded import Guard
from skerry.errors import ConfigurationError
from skerry.idp import Client, Realm, parse
from skerry.idp.client_assertions import TYPE
from skerry.idp.clients.client_documents import OFTEN, ClientDocuments, freshness
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.provider import make_provider
from tests.kit.assertions import client_claims, signed
from tests.kit.certificates import Authority
from tests.kit.clock import FakeClock
from tests.kit.http_peer import Exchange, HttpPeer
from tests.kit.idp import desk
from tests.kit.internet import Internet
from tests.kit.issuer import rsa_key

PUBLIC = "93.184.215.14"
URL = "https://app.example/client.json"
REALM = Realm(name="desk", clients={}, client_documents=True, scopes=("use",), resources=("desk",))
DOCUMENT = {"client_id": URL, "client_name": "An app", "redirect_uris": ["http://127.0.0.1/cb"]}


class Site:
    """The application's own site: `body` and `headers` are what it answers at any path."""

    def __init__(self) -> None:
        self.status = 200
        self.body: bytes = json.dumps(DOCUMENT).encode()
        self.headers: dict[str, str] = {}
        self.hold: asyncio.Event | None = None
        self.asked = asyncio.Event()

    def describe(self, **members: Any) -> None:
        described = {name: value for name, value in {**DOCUMENT, **members}.items() if value is not None}
        self.body = json.dumps(described).encode()

    async def __call__(self, exchange: Exchange) -> None:
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        if exchange.request.headers.get("if-none-match", "-") == self.headers.get("etag"):
            await exchange.answer(304, b"", self.headers)
        else:
            await exchange.answer(self.status, self.body, self.headers)


class World:
    def __init__(self, folder: Path, realm: Realm = REALM) -> None:
        authority = Authority(folder)
        self.site = Site()
        self.clock = FakeClock()
        self.internet = Internet(tls=authority.client())
        self.internet.names["app.example"] = [PUBLIC]
        self.peer = HttpPeer(self.site, tls=authority.server("app.example"))
        self.documents = ClientDocuments(realm, Guard(network=self.internet.network()), self.clock)

    async def __aenter__(self) -> Self:
        await self.peer.start()
        self.internet.servers[PUBLIC] = self.peer.port
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.peer.stop()

    async def refusal(self, client_id: str = URL) -> OAuthError:
        with pytest.raises(OAuthError) as caught:
            await self.documents(client_id)
        assert (caught.value.error, caught.value.status) == ("invalid_client", 400)
        return caught.value


@pytest.mark.behaviour("IDP-CIMD")
async def test_a_document_describes_a_public_client(tmp_path):
    async with World(tmp_path) as world:
        client = await world.documents(URL)
        assert client == Client(
            id=URL,
            name="An app",
            grants=("authorization_code",),
            scopes=("use",),
            audiences=("desk",),
            token_endpoint_auth_method="none",
            redirect_uris=("http://127.0.0.1/cb",),
            application_type="native",
            source="document",
        )
        assert world.internet.connected == [(PUBLIC, 443)]


@pytest.mark.behaviour("IDP-CIMD-OFF")
async def test_where_it_is_off_a_url_is_an_unknown_client_and_nothing_is_fetched(tmp_path):
    async with World(tmp_path, Realm(name="desk", clients={})) as world:
        assert await world.documents(URL) is None
        assert world.internet.looked_up == []


async def test_an_id_that_is_no_url_is_none_of_ours(tmp_path):
    async with World(tmp_path) as world:
        assert await world.documents("chat") is None


@pytest.mark.behaviour("IDP-CIMD-ID")
@pytest.mark.parametrize(
    "client_id",
    [
        "http://app.example/client.json",
        "https://app.example",
        "https://app.example/",
        "https://app.example/?x=1",
        "https://app.example/a/../client.json",
        "https://app.example/client.json#x",
        "https://user@app.example/client.json",
        "https://app.example:8443/client.json",
        "https://127.0.0.1/client.json",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8080/client.json",
        "file:///etc/passwd",
        "://",
    ],
)
async def test_a_client_id_that_is_no_good_url_is_refused_before_a_connection(tmp_path, client_id):
    async with World(tmp_path) as world:
        await world.refusal(client_id)
        assert world.internet.connected == []


WRONG: dict[str, dict[str, Any]] = {
    "no client_id": {"client_id": None},
    "another client_id": {"client_id": "https://app.example/other.json"},
    "a client_id that is equal but for case": {"client_id": "https://APP.example/client.json"},
    "a client_id that is equal but for a port": {"client_id": "https://app.example:443/client.json"},
    "a client_id that is a list": {"client_id": [URL]},
    "no name": {"client_name": None},
    "no redirect uris": {"redirect_uris": None},
    "a wildcard": {"redirect_uris": ["https://*.example/cb"]},
    "a shared secret": {"client_secret": "x", "token_endpoint_auth_method": "client_secret_post"},
    "a method with a shared secret": {"token_endpoint_auth_method": "client_secret_basic"},
    "keys at a place that is never asked": {
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "http://127.0.0.1/jwks",
    },
}


@pytest.mark.behaviour("IDP-CIMD-RULES")
@pytest.mark.parametrize("name", WRONG)
async def test_a_document_that_does_not_hold_is_refused(tmp_path, name):
    async with World(tmp_path) as world:
        world.site.describe(**WRONG[name])
        await world.refusal()


@pytest.mark.behaviour("IDP-CIMD-RULES")
@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"client_id":"x","client_id":"y"}', b" " * 5121])
async def test_a_document_that_is_no_small_json_object_is_refused(tmp_path, body):
    async with World(tmp_path) as world:
        world.site.body = body
        await world.refusal()


async def test_what_the_document_says_wrongly_is_not_repeated(tmp_path):
    async with World(tmp_path) as world:
        world.site.describe(token_endpoint_auth_method="a-word-of-the-document")
        assert "a-word-of" not in (await world.refusal()).message


@pytest.mark.behaviour("IDP-CIMD-CACHE")
async def test_a_document_is_kept_as_long_as_it_says(tmp_path):
    async with World(tmp_path) as world:
        world.site.headers = {"cache-control": "public, max-age=100"}
        await world.documents(URL)
        world.site.describe(client_name="Another name")
        world.clock.advance(99)
        assert (await world.documents(URL)).name == "An app"
        world.clock.advance(1)
        assert (await world.documents(URL)).name == "Another name"
        assert len(world.peer.requests) == 2


@pytest.mark.behaviour("IDP-CIMD-CACHE")
async def test_a_document_with_an_etag_is_asked_for_again_and_may_still_hold(tmp_path):
    async with World(tmp_path) as world:
        world.site.headers = {"cache-control": "no-cache", "etag": '"1"'}
        first = await world.documents(URL)
        assert await world.documents(URL) == first
        assert [item.headers.get("if-none-match") for item in world.peer.requests] == [None, '"1"']
        world.site.headers["etag"] = '"2"'
        world.site.describe(client_name="Another name")
        assert (await world.documents(URL)).name == "Another name"


@pytest.mark.behaviour("IDP-CIMD-CACHE")
async def test_a_refusal_is_kept_for_ten_seconds_only(tmp_path):
    async with World(tmp_path) as world:
        world.site.status = 500
        world.site.headers = {"cache-control": "max-age=86400"}
        await world.refusal()
        world.site.status = 200
        await world.refusal()
        assert len(world.peer.requests) == 1
        world.clock.advance(10)
        assert await world.documents(URL)


async def test_those_who_want_it_at_once_share_one_request(tmp_path):
    async with World(tmp_path) as world:
        world.site.hold = asyncio.Event()
        asking = [asyncio.ensure_future(world.documents(URL)) for _ in range(5)]
        await world.site.asked.wait()
        world.site.hold.set()
        assert len({client.id for client in await asyncio.gather(*asking)}) == 1
        assert len(world.peer.requests) == 1


@pytest.mark.behaviour("IDP-CIMD-PACE")
async def test_a_host_is_not_asked_for_new_documents_without_end(tmp_path):
    async with World(tmp_path) as world:
        known = await world.documents(URL)
        for number in range(OFTEN - 1):
            await world.refusal(f"https://app.example/{number}.json")
        with pytest.raises(OAuthError, match="Too many documents") as caught:
            await world.documents("https://app.example/more.json")
        assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "20")
        assert len(world.peer.requests) == OFTEN
        await world.refusal("https://other.example/c.json")
        world.clock.advance(19)
        assert await world.documents(URL) == known
        world.clock.advance(1)
        await world.refusal("https://app.example/more.json")


@pytest.mark.behaviour("IDP-CIMD-PACE")
async def test_a_client_that_is_known_is_looked_up_anew_whatever_others_ask(tmp_path):
    async with World(tmp_path) as world:
        world.site.headers = {"cache-control": "no-cache"}
        for _ in range(OFTEN + 1):
            assert (await world.documents(URL)) is not None
        assert len(world.peer.requests) == OFTEN + 1


async def test_no_more_than_256_documents_are_kept(tmp_path):
    async with World(tmp_path) as world:
        for number in range(300):
            await world.refusal(f"https://unknown-{number}.example/c")
        asked = len(world.internet.looked_up)
        await world.refusal("https://unknown-299.example/c")
        assert len(world.internet.looked_up) == asked
        await world.refusal("https://unknown-0.example/c")
        assert len(world.internet.looked_up) == asked + 1


@pytest.mark.behaviour("IDP-CIMD-CACHE")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300),
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": "public,max-age=60, immutable"}, 60),
        ({"cache-control": 'MAX-AGE="60"'}, 60),
        ({"cache-control": "max-age=0"}, 0),
        ({"cache-control": "max-age=999999999"}, 86_400),
        ({"cache-control": "max-age=60, no-store"}, 0),
        ({"cache-control": "no-cache"}, 0),
        ({"cache-control": "s-maxage=60"}, 300),
        ({"cache-control": "max-age=-1"}, 300),
        ({"expires": "Thu, 01 Jan 1970 00:16:40 GMT"}, 0),
        ({"expires": "Thu, 01 Jan 1970 00:18:20 GMT"}, 100),
        ({"expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, 86_400),
        ({"expires": "0"}, 0),
        ({"expires": "soon"}, 0),
        ({"cache-control": "max-age=5", "expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, 5),
    ],
)
def test_how_long_an_answer_may_be_kept(headers, seconds):
    assert freshness(headers, 1000.0) == seconds


@given(st.text(max_size=40) | st.text('maxge-=no,storech0123456789 "', max_size=40), st.text(max_size=40))
def test_any_cache_headers_give_at_most_a_day(control, expires):
    assert 0 <= freshness({"cache-control": control, "expires": expires}, 1.0) <= 86_400


@pytest.mark.behaviour("IDP-CIMD-LOOPBACK")
async def test_a_loopback_document_needs_the_origin_by_name_and_is_warned_of(caplog):
    site = Site()
    async with HttpPeer(site) as peer:
        url = f"{peer.url}/client.json"
        site.describe(client_id=url)
        open_realm = Realm(name="desk", clients={}, client_documents=True, loopback_origins=(peer.url,))
        with caplog.at_level(logging.WARNING, "skerry.idp"):
            provider = make_provider([open_realm], base_url="http://127.0.0.1:1")
        assert peer.url in caplog.text
        assert "development only" in caplog.text
        found = await provider.issuers["desk"].directory.client(url)
        assert found is not None
        assert found.source == "document"
        provider.close()
        shut = make_provider(
            [Realm(name="desk", clients={}, client_documents=True)], base_url="http://127.0.0.1:1"
        )
        with pytest.raises(OAuthError):
            await shut.issuers["desk"].directory.client(url)
        shut.close()


@pytest.mark.behaviour("IDP-CIMD-LOOPBACK")
def test_loopback_documents_are_refused_for_a_provider_that_others_reach():
    realm = Realm(name="desk", clients={}, client_documents=True, loopback_origins=("http://127.0.0.1:8080",))
    with pytest.raises(ConfigurationError, match="loopback_origins"):
        make_provider([realm], base_url="http://192.0.2.1:8080")


@pytest.mark.parametrize(("members", "warned"), [({"registration": "open"}, True), ({}, False)])
def test_origins_of_this_machine_are_warned_of_where_strangers_can_name_them(caplog, members, warned):
    realm = Realm(name="desk", clients={}, loopback_origins=("http://127.0.0.1:8080",), **members)
    with caplog.at_level(logging.WARNING, "skerry.idp"):
        make_provider([realm], base_url="http://127.0.0.1:1").close()
    assert ("development only" in caplog.text) is warned


@pytest.mark.parametrize(
    "origin", ["http://10.0.0.1", "https://app.example", "127.0.0.1:80", "http://127.0.0.1/x"]
)
def test_only_origins_of_this_machine_can_be_configured(origin):
    with pytest.raises(ConfigurationError, match="loopback_origins"):
        parse({"realms": {"desk": {"client_documents": True, "loopback_origins": [origin]}}})


@pytest.mark.behaviour("IDP-CIMD")
async def test_a_client_that_describes_itself_is_known_at_the_token_endpoint():
    site = Site()
    async with HttpPeer(site) as peer:
        public, signing, wrong = (f"{peer.url}/{name}" for name in ("public", "signing", "wrong"))
        realm = Realm(name="desk", clients={}, client_documents=True, loopback_origins=(peer.url,))
        with desk(realm) as running:
            url, issuer = running.idp.token_endpoint("desk"), running.idp.issuers["desk"]

            async def ask(**form: str) -> tuple[int, str]:
                data = {"grant_type": "client_credentials", **form}
                answer = await asyncio.to_thread(running.http.post, url, data=data)
                return answer.status_code, answer.json()["error"]

            site.describe(client_id=public)
            assert await ask(client_id=public) == (400, "unauthorized_client"), (
                "known, and may not use the grant"
            )
            assert await ask(client_id=public, client_secret="x") == (401, "invalid_client")
            assert await ask(client_id=wrong) == (400, "invalid_client")
            keys = {"keys": [rsa_key("cimd").as_dict(private=False)]}
            site.describe(client_id=signing, token_endpoint_auth_method="private_key_jwt", jwks=keys)
            assert await ask(client_id=signing) == (401, "invalid_client"), "it has to sign"
            for key, expected in (
                (rsa_key("cimd"), "unauthorized_client"),
                (rsa_key("attacker"), "invalid_client"),
            ):
                assertion = signed(client_claims(signing, issuer, time.time()), key, header={"kid": "cimd"})
                form = {"client_assertion_type": TYPE, "client_assertion": assertion}
                assert (await ask(**form))[1] == expected
