"""A person signs in with a browser at a provider that somebody else wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.client_authentication import ClientIdentity
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import Provider, provider
from skerry.auth.http.one_request import fetch_document, post_form
from skerry.auth.login.authorization_code import CodeRequest, authorize
from skerry.auth.login.grant import Asking, Grant
from skerry.auth.login.loopback import listening
from skerry.auth.oauth import OAuthError
from skerry.errors import ConfigurationError, PortInUseError, RemoteError
from tests.kit.openid import Person, openid_provider

REQUEST = CodeRequest(scopes=("openid", "email"), assume_pkce=True)
"""This provider does PKCE and does not say so."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with openid_provider() as running:
        yield running


@pytest.fixture
def client() -> ClientIdentity:
    """Registered with a secret, because this provider knows no public clients."""
    return ClientIdentity(client_id="skerry", method="client_secret_basic", secret="a secret")


@pytest.fixture
async def known(issuer: str) -> Provider:
    return await provider(issuer, fetch=fetch_document)


async def sign_in(known: Provider, client: ClientIdentity, person: Person, **more: Any) -> Grant:
    async def identify(_redirect_uri: str) -> ClientIdentity:
        return client

    return await authorize(
        known,
        more.pop("request", REQUEST),
        identify,
        post=more.pop("post", post_form),
        open_browser=person.open,
        clock=SystemClock(),
        timeout=more.pop("timeout", 30),
    )


@pytest.mark.behaviour("AUTH-BROWSER")
async def test_a_person_signs_in_with_pkce_and_state(known: Provider, client: ClientIdentity):
    person, forms = Person("ann@example.com"), []

    async def post(url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        forms.append(dict(form))
        return await post_form(url, form, headers)

    grant = await sign_in(known, client, person, post=post)
    assert grant.identity == "ann@example.com"
    assert grant.access_token
    assert grant.refresh_token
    (asked,) = person.asked
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["state"]) >= 43
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", asked["redirect_uri"])
    (form,) = forms
    assert re.fullmatch(r"[A-Za-z0-9_-]{43,128}", form["code_verifier"])
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert form["redirect_uri"] == asked["redirect_uri"]
    assert "client_id" not in form
    ((status, page),) = person.pages
    assert status == 200
    assert "You can close this" in page
    assert not any(secret in page for secret in (asked["state"], grant.access_token))


async def test_a_public_client_names_itself_and_sends_no_secret(known: Provider):
    sent = []

    async def post(url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        sent.append((url, dict(form), dict(headers)))
        return 200, b'{"access_token": "t", "token_type": "Bearer"}'

    public = ClientIdentity(client_id="skerry")
    request = replace(REQUEST, resource="https://api.example.com")
    person = Person()
    grant = await sign_in(known, public, person, post=post, request=request)
    assert person.asked[0]["resource"] == "https://api.example.com"
    assert (grant.access_token, grant.refresh_token, grant.expires) == ("t", "", None)
    (token_endpoint, form, headers), *_ = sent
    assert token_endpoint == known.token_endpoint
    assert (form["client_id"], form["resource"]) == ("skerry", "https://api.example.com")
    assert "Authorization" not in headers
    assert [url for url, *_ in sent[1:]] == [known.userinfo_endpoint]  # who it was, with the token


@pytest.mark.behaviour("AUTH-BROWSER")
async def test_who_says_no_is_heard(known: Provider, client: ClientIdentity):
    with pytest.raises(OAuthError, match="access_denied"):
        await sign_in(known, client, Refusing())


class Refusing(Person):
    """Somebody whose provider refuses, as RFC 6749 §4.1.2.1 says it: with the state of the request."""

    def open(self, url: str) -> None:
        self.asked.append(dict(httpx2.URL(url).params))
        query = {"error": "access_denied", "state": self.asked[0]["state"]}
        with httpx2.Client(trust_env=False) as browser:
            page = browser.get(self.asked[0]["redirect_uri"], params=query)
            self.pages.append((page.status_code, page.text))


@pytest.mark.behaviour("AUTH-BROWSER")
@pytest.mark.parametrize("state", ["another", None, ""])
async def test_a_redirect_with_another_state_changes_nothing(
    known: Provider, client: ClientIdentity, state: str | None
):
    person = Person(changes={"state": state})
    with pytest.raises(RemoteError, match="did not come back"):
        await sign_in(known, client, person, timeout=1)
    assert [status for status, _ in person.pages] == [400]


@pytest.mark.behaviour("AUTH-BROWSER")
@pytest.mark.parametrize(
    ("iss", "sends", "good"),
    [
        (None, False, True),
        ("same", True, True),
        (None, True, False),
        ("https://evil.example.com", False, False),
    ],
)
async def test_the_issuer_of_an_answer_is_checked(
    known: Provider, client: ClientIdentity, iss: str | None, sends: bool, good: bool
):
    known = replace(known, sends_iss=sends)
    person = Person(changes={"iss": known.issuer if iss == "same" else iss})
    if good:
        assert (await sign_in(known, client, person)).access_token
        return
    with pytest.raises(RemoteError, match="another identity provider"):
        await sign_in(known, client, person)


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({}, True),
        ({"nonce": "another"}, False),
        ({"aud": "another"}, False),
        ({"iss": "https://evil.example.com"}, False),
        ({"aud": ["skerry", "others"]}, True),
    ],
)
async def test_an_id_token_must_be_for_this_sign_in(
    known: Provider, client: ClientIdentity, claims: dict[str, Any], good: bool
):
    person = Person()

    async def post(url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        own = {"iss": known.issuer, "aud": "skerry", "sub": "ann", "nonce": person.asked[0]["nonce"]}
        token = unsigned(own | claims)
        answer = {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "id_token": token}
        return 200, json.dumps(answer).encode()

    if good:
        assert (await sign_in(known, client, person, post=post)).identity == "sub ann"
    else:
        with pytest.raises(RemoteError, match="not for this sign-in"):
            await sign_in(known, client, person, post=post)


def unsigned(claims: dict[str, Any]) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{part}.e30"


@pytest.mark.behaviour("AUTH-REFRESH")
async def test_a_grant_is_refreshed_and_what_was_not_sent_anew_stays(known: Provider, client: ClientIdentity):
    before = await sign_in(known, client, Person("ben@example.com"))
    after = await asking(known, client).refreshed(before)
    assert after.access_token != before.access_token
    assert after.refresh_token
    assert after.identity == "ben@example.com"


@pytest.mark.behaviour("AUTH-REFRESH")
async def test_an_unknown_refresh_token_means_signing_in_again(known: Provider, client: ClientIdentity):
    with pytest.raises(OAuthError) as caught:
        await asking(known, client).refreshed(Grant("t", "unknown"))
    assert caught.value.error == "invalid_grant"


def asking(known: Provider, client: ClientIdentity) -> Asking:
    return Asking(provider=known, identity=client, post=post_form, clock=SystemClock())


# The way back ----------------------------------------------------------------------------------------


@pytest.mark.behaviour("AUTH-LOOPBACK")
async def test_only_the_exact_redirect_counts_and_only_once():
    async with listening("the-state") as listener, httpx2.AsyncClient(trust_env=False) as http:
        origin = f"http://127.0.0.1:{listener.port}"
        for path, headers, status in (
            ("/favicon.ico", {}, 404),
            ("/callback?state=wrong&code=c", {}, 400),
            ("/callback?state=the-state&state=the-state&code=c", {}, 400),
            ("/callback?state=the-state&code=c", {"Host": "evil.example.com"}, 404),
            ("/callback/?state=the-state&code=c", {}, 404),
        ):
            answer = await http.get(f"{origin}{path}", headers=headers)
            assert answer.status_code == status, path
        assert (await http.post(f"{origin}/callback?state=the-state&code=c")).status_code == 404
        good = await http.get(f"{origin}/callback?state=the-state&code=c")
        assert good.status_code == 200
        assert good.headers["cache-control"] == "no-store"
        assert (await http.get(f"{origin}/callback?state=the-state&code=d")).status_code == 410
        assert (await listener.answer(1))["code"] == "c"
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{origin}/callback", trust_env=False)


async def test_a_port_that_is_taken_says_so():
    async with listening("a") as listener:
        with pytest.raises(PortInUseError, match=str(listener.port)):
            async with listening("b", port=listener.port):
                pass


# What a provider says of itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"issuer": "https://other.example.com"}, RemoteError, "another issuer"),
        ({"token_endpoint": "http://idp.example.com/token"}, RemoteError, "neither https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, RemoteError, "neither https"),
        ({"authorization_endpoint": "https://idp.example.com/a b"}, RemoteError, "neither https"),
        ({"registration_endpoint": "http://127.0.0.1:9/"}, RemoteError, "neither https"),
        ({"registration_endpoint": "https://localhost:9/"}, RemoteError, "neither https"),
    ],
)
@pytest.mark.behaviour("LOGIN-URLS")
async def test_metadata_that_cannot_be_believed(changes: dict[str, Any], error: type, text: str):
    whole = {
        "issuer": "https://idp.example.com",
        "authorization_endpoint": "https://idp.example.com/authorize",
        "token_endpoint": "https://idp.example.com/token",
    }

    async def fetch(_url: str) -> bytes:
        return json.dumps(whole | changes).encode()

    with pytest.raises(error, match=text):
        await provider("https://idp.example.com", fetch=fetch)


async def test_an_issuer_without_tls_is_refused():
    with pytest.raises(ConfigurationError, match="https"):
        await provider("http://idp.example.com", fetch=fetch_document)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"authorization_endpoint": ""}, "no sign-in with a browser"),
        ({"pkce": ()}, "does not say that it does PKCE"),
        ({"pkce": ("plain",)}, "does not say that it does PKCE"),
    ],
)
@pytest.mark.behaviour("LOGIN-PKCE")
async def test_nobody_is_sent_to_a_provider_without_a_page_or_pkce(
    known: Provider, client: ClientIdentity, changes: dict[str, Any], text: str
):
    person = Person()
    request = replace(REQUEST, assume_pkce=changes.get("pkce") == ("plain",))
    with pytest.raises(ConfigurationError, match=text):
        await sign_in(replace(known, **changes), client, person, request=request)
    assert person.asked == []


def test_a_grant_in_text_shows_no_token():
    assert "secret" not in repr(Grant("secret-a", "secret-b", 1.0, "ann"))


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_kept_grants(text: str):
    assert Grant.from_text(text) is None or isinstance(Grant.from_text(text), Grant)


@given(
    st.text(min_size=1),
    st.text(),
    st.none() | st.floats(allow_nan=False),
    st.text(),
    st.lists(st.text(), max_size=3),
)
def test_a_kept_grant_comes_back(
    access: str, fresh: str, expires: float | None, identity: str, scopes: list[str]
):
    grant = Grant(access, fresh, expires, identity, "https://i", "c", "r", "a", tuple(scopes))
    assert Grant.from_text(grant.to_text()) == grant


@pytest.mark.parametrize(
    "change", [{"access_token": ""}, {"expires": "soon"}, {"scopes": "a b"}, {"issuer": 1}]
)
def test_a_kept_grant_that_was_changed_is_none(change: dict[str, Any]):
    data = json.loads(Grant("t").to_text())
    assert Grant.from_text(json.dumps(data | change)) is None
