"""The endpoint's own page before a consent: who opens the link is who asked, or nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.kit.gateway_stack import Stack, StandingClock, gateway_stack
from tests.kit.mcp_backends import Backend
from tests.kit.sign_in import CLIENT, SignIn
from tests.kit.token_vault import Browser, FakeVault
from tests.local.gateway.consent.desk import CONFIGURATION, Desk, completed, text

Browsers = Callable[..., Browser]


@pytest.fixture(scope="module")
def plane(vault: FakeVault, clock: StandingClock) -> Iterator[Stack]:
    """A plane with a client to sign people in with. Its `endpoint` is itself."""
    with gateway_stack(
        clock=clock, resource_tokens=vault, consent=0.0, consent_poll=0.02, connect=CLIENT, own_endpoint=True
    ) as running:
        yield running


@pytest.fixture
def desk(plane: Stack, vault: FakeVault, idp: SignIn, backend: Backend) -> Iterator[Desk]:
    vault.allowed, vault.down = None, False
    yield Desk(plane, vault, idp, backend)
    idp.changes, idp.id_token, idp.opaque = {}, {}, False


def opened(desk: Desk, browser: Browser, url: str) -> str:
    """Follows the link until the vault would be next; the vault's URL."""
    at = url
    browser.client.follow_redirects = False
    while not at.startswith(desk.vault.url):
        answer = browser.open(at)
        assert answer.status_code == 302, answer.text
        at = answer.headers["location"]
    browser.client.follow_redirects = True
    return at


@pytest.mark.behaviour("CNS-CONNECT")
@pytest.mark.parametrize("modern", [False, True])
def test_who_asked_signs_in_agrees_and_is_connected(desk: Desk, browser: Browsers, modern: bool) -> None:
    result = desk.required() if modern else {}
    url = result["inputRequests"]["consent"]["params"]["url"] if modern else desk.asked()["url"]
    page = browser("ann").open(url)
    assert (page.status_code, urlsplit(str(page.url)).path) == (200, "/connect/done")
    assert "Connected" in page.text
    assert text(desk.again(result) if modern else desk.call()) == "hi"
    asked = desk.idp.asked[-1]
    assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT, "S256")


@pytest.mark.behaviour("CNS-CONNECT-LINK")
def test_the_link_is_a_random_name_and_opens_nothing_by_itself(desk: Desk) -> None:
    first, other = desk.asked("ann")["url"], desk.asked("bob")["url"]
    assert first != other
    parts = urlsplit(first)
    assert f"{parts.scheme}://{parts.netloc}" == desk.plane.base
    assert (parts.query, parts.fragment) == ("", "")
    assert len(parts.path.removeprefix("/connect/")) >= 32
    for known in ("ann", "echo", desk.gateway, "urn:"):
        assert known not in parts.path
    answer = httpx2.get(first, trust_env=False)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(desk.idp.url)
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.behaviour("CNS-CONNECT-OTHER")
def test_a_second_person_who_opens_the_link_is_refused(desk: Desk, browser: Browsers) -> None:
    url = desk.asked("ann")["url"]
    page = browser("bob").open(url)
    assert page.status_code == 403
    assert "somebody else" in page.text
    assert desk.asked("ann")["url"] == url
    assert [item.state for item in desk.vault.sessions.values()][-1] == "asked"
    assert browser("ann").open(url).status_code == 200  # the right one still can
    assert text(desk.call("ann")) == "hi"


@pytest.mark.behaviour("CNS-CONNECT-OTHER")
def test_a_link_passed_on_after_the_check_is_nobodys(desk: Desk, browser: Browsers) -> None:
    ann = browser("ann")
    beyond = opened(desk, ann, desk.asked("ann")["url"])
    page = browser("bob").open(beyond)  # ann sends bob where only ann was let through
    assert (page.status_code, urlsplit(str(page.url)).path) == (403, "/connect/done")
    uri = desk.vault.uri_of(beyond)
    assert desk.vault.sessions[uri].state == "agreed"  # and without CompleteResourceTokenAuth nobody has it
    # ann knows the session from the link: that alone does not make what bob agreed to hers
    assert ann.open(f"{desk.plane.base}/connect/done?session_id={uri}").status_code == 403
    assert desk.vault.sessions[uri].state == "agreed"
    assert desk.asked("ann")


@pytest.mark.behaviour("CNS-CONNECT-TAMPERED")
def test_a_changed_link_is_none(desk: Desk, browser: Browsers) -> None:
    url = desk.asked()["url"]
    ann = browser("ann")
    for changed in (f"{url}x", url[:-1], url.replace("/connect/", "/connect/../connect/x"), f"{url}/done"):
        answer = ann.open(changed)
        assert answer.status_code == 404, changed
    assert ann.open(f"{url}?session_id=other").status_code == 200  # what it does not read changes nothing


@pytest.mark.behaviour("CNS-CONNECT-TAMPERED")
@pytest.mark.parametrize("path", ["callback", "callback?state=x&code=y", "done", "done?session_id=urn:x"])
def test_nobody_comes_in_by_the_back_door(desk: Desk, browser: Browsers, path: str) -> None:
    answer = browser("ann").open(f"{desk.plane.base}/connect/{path}")
    assert answer.status_code == 403


@pytest.mark.behaviour("CNS-CONNECT-TAMPERED")
def test_an_answer_in_another_browser_counts_for_nothing(desk: Desk, browser: Browsers) -> None:
    ann = browser("ann")
    ann.client.follow_redirects = False
    to_provider = ann.open(desk.asked()["url"]).headers["location"]
    back = ann.open(to_provider).headers["location"]
    assert browser("ann").open(back).status_code == 403
    assert ann.open(back).status_code == 302
    assert ann.open(back).status_code == 403  # once


@pytest.mark.behaviour("CNS-CONNECT-TAMPERED")
@pytest.mark.parametrize(
    "changes", [{"iss": "https://elsewhere.example"}, {"iss": None}, {"code": "elsewhere"}, {"code": None}]
)
def test_an_answer_of_another_provider_or_without_its_code_is_refused(
    desk: Desk, browser: Browsers, changes: dict[str, Any]
) -> None:
    desk.idp.changes = changes
    page = browser("ann").open(desk.asked()["url"])
    assert page.status_code == 502
    assert "elsewhere" not in page.text


@pytest.mark.behaviour("CNS-CONNECT")
def test_a_provider_whose_access_tokens_are_opaque_proves_it_by_the_id_token(
    desk: Desk, browser: Browsers
) -> None:
    desk.idp.opaque = True
    assert browser("ann").open(desk.asked()["url"]).status_code == 200
    assert browser("bob").open(desk.asked("carol")["url"]).status_code == 403
    for wrong in ({"nonce": "other"}, {"aud": "other"}, {"iss": "https://other.example"}):
        desk.idp.id_token = wrong
        assert browser("carol").open(desk.asked("carol")["url"]).status_code == 502


@pytest.mark.behaviour("CNS-CONNECT-EXPIRED")
def test_a_link_ends_after_ten_minutes(desk: Desk, browser: Browsers, clock: StandingClock) -> None:
    ann = browser("ann")
    url = desk.asked()["url"]
    ann.client.follow_redirects = False
    back = ann.open(ann.open(url).headers["location"]).headers["location"]
    clock.advance(601)
    assert ann.open(url).status_code == 404
    assert ann.open(back).status_code == 404


@pytest.mark.behaviour("CNS-CONNECT-RETURN")
def test_an_application_with_a_return_url_of_its_own_completes_by_itself(
    desk: Desk, browser: Browsers
) -> None:
    chosen = {"_meta": {CONFIGURATION: {"oauthCredentialProvider": {"returnUrl": f"{desk.idp.url}/app"}}}}
    url = desk.asked(params=chosen)["url"]
    assert browser("bob").open(url).status_code == 403
    page = browser("ann").open(url)
    assert str(page.url).startswith(f"{desk.idp.url}/app?session_id=")
    session = str(page.url).partition("session_id=")[2]
    completed(desk.vault, f"{desk.vault.url}/authorize?request_uri={session}")
    assert text(desk.call()) == "hi"


@pytest.mark.behaviour("CNS-CONNECT-OFF")
def test_without_a_client_there_is_no_such_page(vault: FakeVault, idp: SignIn, backend: Backend) -> None:
    with gateway_stack(resource_tokens=vault, own_endpoint=True) as plane:
        desk = Desk(plane, vault, idp, backend)
        assert desk.asked()["url"].startswith(vault.url)
        answer = httpx2.get(f"{plane.base}/connect/anything", trust_env=False)
        assert answer.status_code == 404
        assert "SKERRY_CONNECT_CLIENT" in answer.json()["message"]


def test_only_get(desk: Desk) -> None:
    answer = httpx2.post(desk.asked()["url"], trust_env=False)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "query", ["&".join("abcdefghijklmnopqrstuvwxyz"), "state=%ff&iss=%00", "state=" + "x" * 5000]
)
def test_a_query_that_is_none_is_a_page_and_no_failure(desk: Desk, query: str) -> None:
    for path in ("callback", "done"):
        assert httpx2.get(f"{desk.plane.base}/connect/{path}?{query}", trust_env=False).status_code == 403
