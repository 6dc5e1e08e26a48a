"""The pages as somebody hostile meets them: other people, other browsers, other sites, old and guessed links."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from skerry.errors import ConfigurationError
from skerry.servers.resource_auth import ResourceAuth
from skerry.servers.url_elicitation import Pages
from tests.kit.sign_in import SignIn
from tests.kit.token_vault import Browser
from tests.servers.url_elicitation.conftest import CSRF, ERAS, Desk, connected, running, send, text
from tests.servers.url_elicitation.test_pages import needed

Browsers = Callable[[str], Browser]


async def link_of(desk: Desk, tool: str = "read", arguments: Any = None, person: str = "ann") -> str:
    """The link that a person's call is answered with."""
    async with connected(desk, "legacy", person=person, opens=lambda _: "accept") as (client, _):
        return str((await needed(client, tool, arguments)).url)


@pytest.mark.behaviour("PAGE-OTHER-PERSON")
@pytest.mark.parametrize("mode", ERAS)
async def test_somebody_else_who_opens_the_link_gets_no_form_and_nothing_is_done(
    desk: Desk, browser: Browsers, mode: str, caplog: pytest.LogCaptureFixture
):
    """The attack of the specification: mallory calls the tool and has ann open the link."""
    caplog.set_level(logging.DEBUG, logger="skerry")
    pages: list[httpx2.Response] = []

    def passed_on(url: str) -> str:
        pages.append(browser("ann").open(url))
        return "accept" if len(pages) == 1 else "cancel"

    async with connected(desk, mode, person="mallory", opens=passed_on) as (client, _):
        if mode == "legacy":
            link = (await needed(client, "read")).url
            await asyncio.to_thread(passed_on, link)
            assert (await needed(client, "read")).url == link  # it is as open as before
        else:
            said = text(await client.call_tool("read", {}))
            assert said == "Nothing was read: the person refused to use the page."
    assert {page.status_code for page in pages} == {403}
    assert "somebody else than the person who asked" in pages[0].text
    assert CSRF.search(pages[0].text) is None
    assert desk.keys == {}
    assert "somebody else" in caplog.text
    assert "ann" not in caplog.text


@pytest.mark.behaviour("PAGE-OTHER-PERSON")
async def test_a_subject_of_another_issuer_is_somebody_else(desk: Desk, browser: Browsers):
    desk.idp.opaque = True
    desk.idp.id_token["iss"] = "https://elsewhere.example"
    page = await asyncio.to_thread(browser("ann").open, await link_of(desk))
    assert page.status_code == 502
    assert "The sign-in failed" in page.text


@pytest.mark.behaviour("PAGE-BROWSER")
async def test_the_form_is_only_for_the_browser_whose_person_signed_in(desk: Desk, browser: Browsers):
    link = await link_of(desk)
    ann, mallory = browser("ann"), browser("mallory")
    form = await asyncio.to_thread(ann.open, link)
    assert form.status_code == 200

    def attacks() -> list[int]:
        found = CSRF.search(form.text)
        assert found is not None
        stolen = {"csrf": found[1], "decision": "send", "key": "note-evil"}
        return [
            mallory.client.get(f"{link}/form").status_code,  # no cookie
            mallory.client.post(f"{link}/form", data=stolen).status_code,  # the token alone is not enough
            mallory.open(link).status_code,  # signs in, is somebody else
            mallory.client.post(f"{link}/form", data=stolen).status_code,
        ]

    assert await asyncio.to_thread(attacks) == [403, 403, 403, 403]
    assert desk.keys == {}


@pytest.mark.behaviour("PAGE-BROWSER")
async def test_an_answer_of_the_issuer_is_good_in_the_browser_that_began_and_once(
    desk: Desk, browser: Browsers
):
    link = await link_of(desk)
    ann, mallory = browser("ann"), browser("mallory")

    def attacks() -> list[int]:
        stops = ann.client
        stops.follow_redirects = False
        asked = stops.get(link)
        before = dict(stops.cookies)
        back = stops.get(asked.headers["location"]).headers["location"]
        first = mallory.client.get(back)  # ann's answer in another browser: login CSRF
        goes_on = stops.get(back)
        again = stops.get(back)
        old = httpx2.Client(cookies=before, trust_env=False)
        with old:  # the cookie from before the sign-in is worth nothing after it
            fixed = old.get(goes_on.headers["location"])
        return [first.status_code, goes_on.status_code, again.status_code, fixed.status_code]

    assert await asyncio.to_thread(attacks) == [403, 303, 403, 403]


@pytest.mark.behaviour("PAGE-BROWSER")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"iss": "https://evil.example"}, 502),
        ({"iss": None}, 502),
        ({"state": "guessed"}, 403),
        ({"code": None}, 502),
        ({"code": None, "error": "access_denied"}, 502),
    ],
)
async def test_a_changed_answer_of_the_issuer_opens_nothing(
    desk: Desk, browser: Browsers, changes: dict[str, str | None], status: int
):
    link = await link_of(desk)
    desk.idp.changes.update(changes)
    page = await asyncio.to_thread(browser("ann").open, link)
    assert page.status_code == status
    assert CSRF.search(page.text) is None


@pytest.mark.behaviour("PAGE-FORGED")
@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ({}, {"csrf": "guessed"}),
        ({}, {"csrf": ""}),
        ({"origin": "https://evil.example"}, {}),
        (
            {"origin": "http://127.0.0.1:1"},
            {},
        ),  # another program of this machine is the same site to a browser
        ({"origin": "null"}, {}),
        ({"sec-fetch-site": "same-site"}, {}),
        ({"sec-fetch-site": "cross-site"}, {}),
    ],
)
async def test_a_form_that_another_site_sends_is_not_looked_at(
    desk: Desk, browser: Browsers, headers: dict[str, str], changes: dict[str, str]
):
    ann = browser("ann")
    form = await asyncio.to_thread(ann.open, await link_of(desk))
    found = CSRF.search(form.text)
    assert found is not None
    body = {"csrf": found[1], "decision": "send", "key": "note-evil", **changes}

    def posted(more: dict[str, str], sent: dict[str, str]) -> int:
        return ann.client.post(str(form.url), data=sent, headers=more).status_code

    assert await asyncio.to_thread(posted, headers, body) == 403
    assert desk.keys == {}
    good = {"origin": desk.url, "sec-fetch-site": "same-origin"}
    assert await asyncio.to_thread(posted, good, {**body, "csrf": found[1]}) == 200


@pytest.mark.behaviour("PAGE-FORGED")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"csrf": "x"}'),
        ("text/plain", b"csrf=x"),
        ("application/x-www-form-urlencoded", b"csrf=x&csrf=y"),
        ("application/x-www-form-urlencoded", b"key=" + b"x" * 70_000),
        ("application/x-www-form-urlencoded", b"\xff=x"),
    ],
)
async def test_what_is_no_form_is_400(desk: Desk, browser: Browsers, kind: str, body: bytes):
    ann = browser("ann")
    form = await asyncio.to_thread(ann.open, await link_of(desk))

    def posted() -> int:
        return ann.client.post(str(form.url), content=body, headers={"content-type": kind}).status_code

    assert await asyncio.to_thread(posted) == 400


@pytest.mark.behaviour("PAGE-ONCE")
async def test_a_link_that_was_used_is_over_in_every_browser(desk: Desk, browser: Browsers):
    link = await link_of(desk)
    ann, elsewhere = browser("ann"), browser("ann")
    first, second = [await asyncio.to_thread(each.open, link) for each in (ann, elsewhere)]
    assert [first.status_code, second.status_code] == [200, 200]  # her phone and her desk, both signed in
    assert (await asyncio.to_thread(send, ann, first, key="note-1")).status_code == 200
    late = await asyncio.to_thread(send, elsewhere, second, key="note-2")
    again = await asyncio.to_thread(send, ann, first, key="note-3")
    opened = await asyncio.to_thread(browser("ann").open, link)
    assert [late.status_code, again.status_code, opened.status_code] == [410, 410, 410]
    assert "Done already" in opened.text
    assert set(desk.keys.values()) == {"note-1"}


@pytest.mark.behaviour("PAGE-ONCE")
async def test_of_two_forms_that_are_sent_at_once_one_counts(desk: Desk, browser: Browsers):
    link = await link_of(desk, "pay", {"amount": "5"})
    both = [browser("ann"), browser("ann")]
    forms = [await asyncio.to_thread(each.open, link) for each in both]
    sent = [asyncio.to_thread(send, each, form) for each, form in zip(both, forms, strict=True)]
    assert sorted(page.status_code for page in await asyncio.gather(*sent)) == [200, 410]
    assert desk.paid == ["ann 5"]


@pytest.mark.behaviour("PAGE-EXPIRED")
async def test_a_link_ends_with_its_time_wherever_its_person_is(desk: Desk, browser: Browsers):
    link = await link_of(desk)
    ann = browser("ann")
    form = await asyncio.to_thread(ann.open, link)
    desk.clock.advance(601)
    assert (await asyncio.to_thread(send, ann, form, key="note-1")).status_code == 404
    assert (await asyncio.to_thread(browser("ann").open, link)).status_code == 404
    assert desk.keys == {}
    assert await link_of(desk) != link


@pytest.mark.behaviour("PAGE-EXPIRED")
async def test_a_retry_after_the_time_says_so(desk: Desk):
    async with connected(desk, "2026-07-28", opens=lambda _: "accept") as (client, _):
        asked = await client.session.call_tool("read", {}, allow_input_required=True)
        desk.clock.advance(601)
        late = await client.session.call_tool(
            "read", {}, input_responses={"page": ACCEPT}, request_state=asked.request_state
        )
    assert text(late) == "Nothing was read: the page belongs to another call, or its time is over."


@pytest.mark.behaviour("PAGE-GUESSED")
async def test_a_guessed_or_changed_link_leads_nowhere(desk: Desk, browser: Browsers):
    link = await link_of(desk)
    name = link.rpartition("/")[2]
    assert len(name) == 32  # 192 random bits
    ann = browser("ann")
    changed = [
        "a",
        "callback",
        name[:-1],
        name + "A",
        name.swapcase(),
        f"{name}/form/x",
        "%00",
        "..%2f..%2fmcp",
    ]

    def opened() -> list[int]:
        return [ann.open(desk.link(each)).status_code for each in changed]

    assert set(await asyncio.to_thread(opened)) <= {403, 404}


ACCEPT = {"action": "accept"}


@pytest.mark.behaviour("PAGE-STATE")
async def test_a_state_is_for_one_tool_its_arguments_and_its_person(desk: Desk, browser: Browsers):
    """The page is done; its state is brought to another tool, other arguments, and by another person."""
    mallory_calls = connected(desk, "2026-07-28", person="mallory", opens=lambda _: "accept")
    async with (
        connected(desk, "2026-07-28", opens=lambda _: "accept") as (client, _),
        mallory_calls as (other, _),
    ):
        asked = await client.session.call_tool("pay", {"amount": "5"}, allow_input_required=True)
        ann = browser("ann")
        form = await asyncio.to_thread(ann.open, asked.input_requests["page"].params.url)
        await asyncio.to_thread(send, ann, form)
        used: dict[str, Any] = {"input_responses": {"page": ACCEPT}, "request_state": asked.request_state}
        for session, tool, amount in (
            (client.session, "print", "5"),
            (client.session, "pay", "500"),
            (other.session, "pay", "5"),
        ):
            with pytest.raises(MCPError) as caught:
                await session.call_tool(tool, {"amount": amount}, **used)
            assert caught.value.error.code == -32602
        forged: dict[str, Any] = {**used, "request_state": asked.request_state[:-2] + "xx"}
        with pytest.raises(MCPError):
            await client.session.call_tool("pay", {"amount": "5"}, **forged)
        assert text(await client.session.call_tool("pay", {"amount": "5"}, **used)) == "paid 5"
        again = await client.session.call_tool("pay", {"amount": "5"}, **used)
        assert text(again) == "Nothing was paid: the page was used for another call."


@pytest.mark.behaviour("PAGE-HOST")
async def test_the_pages_are_served_under_their_own_name_and_framed_by_nobody(desk: Desk, browser: Browsers):
    link = await link_of(desk)
    ann = browser("ann")

    def seen() -> tuple[int, httpx2.Response, httpx2.Response]:
        rebound = ann.client.get(link, headers={"host": "evil.example"}, follow_redirects=False)
        away = ann.client.get(link, follow_redirects=False)
        return rebound.status_code, away, ann.open(link)

    status, away, form = await asyncio.to_thread(seen)
    assert status == 421
    cookie = away.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/pages/"))
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{desk.url}/pages/callback"]
    policy = form.headers["content-security-policy"]
    assert all(
        part in policy for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'")
    )
    assert form.headers["cache-control"] == "no-store"
    assert form.headers["referrer-policy"] == "no-referrer"


@pytest.mark.behaviour("PAGE-SECRET")
async def test_what_was_typed_is_in_no_log_url_or_result(
    desk: Desk, browser: Browsers, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    ann = browser("ann")

    def types_key(url: str) -> str:
        done = send(ann, ann.open(url), key="note-SECRET")
        assert "SECRET" not in str(done.url) + done.text
        return "accept"

    async with connected(desk, "2026-07-28", opens=types_key) as (client, told):
        result = await client.call_tool("read", {})
    assert desk.keys
    assert "SECRET" not in json.dumps(told.links + told.messages) + result.model_dump_json() + caplog.text
    assert "SECRET" not in repr(desk.pages.errands.__dict__)


@pytest.mark.behaviour("PAGE-NO-SCRIPT")
async def test_what_a_person_is_called_cannot_become_markup(desk: Desk, browser: Browsers):
    name = "<script>alert(1)</script>"
    link = await link_of(desk, person=name)
    form = await asyncio.to_thread(browser(name.replace(";", "")).open, link)
    assert form.status_code == 200
    assert "<script>" not in form.text
    assert "&lt;script&gt;" in form.text


@pytest.mark.behaviour("PAGE-ISSUER-DOWN")
async def test_an_issuer_that_does_not_answer_is_a_page_for_people(idp: SignIn, browser: Browsers):
    auth = ResourceAuth.of_issuer("http://127.0.0.1:1/mcp", issuer="http://127.0.0.1:1/desk")
    assert Pages.of(auth, client_id="x").site.routes()
    with running(idp) as desk:
        link = await link_of(desk)
        documents = dict(desk.idp.issuer.documents)
        desk.idp.issuer.documents.clear()
        try:
            page = await asyncio.to_thread(browser("ann").open, link)
        finally:
            desk.idp.issuer.documents.update(documents)
    assert page.status_code == 502
    assert "The sign-in failed" in page.text


@pytest.mark.parametrize(
    "url", ["http://notes.example", "ftp://127.0.0.1", "http://ann@127.0.0.1", "http://127.0.0.1:8000/base"]
)
def test_pages_are_at_an_origin_that_a_browser_may_open(url: str):
    auth = ResourceAuth.of_issuer("http://127.0.0.1:1/mcp", issuer="http://127.0.0.1:1/desk")
    with pytest.raises(ConfigurationError) as caught:
        Pages.of(auth, client_id="x", url=url)
    assert "the pages cannot be at" in str(caught.value)
