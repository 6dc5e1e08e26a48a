"""A tool that needs a page: from the first call through the browser to the tool's answer, in both eras."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from skerry.servers.url_elicitation import Person
from tests.kit.token_vault import Browser
from tests.servers.url_elicitation.conftest import ERAS, Desk, connected, running, send, text

Browsers = Callable[[str], Browser]


@pytest.fixture
def types_key(browser: Browsers) -> Callable[[str], str]:
    """A person who opens the link, signs in and types a key."""

    def opens(url: str) -> str:
        ann = browser("ann")
        page = ann.open(url)
        assert page.status_code == 200, page.text
        assert send(ann, page, key="note-1").status_code == 200
        return "accept"

    return opens


async def needed(client: Any, tool: str, arguments: Any = None) -> Any:
    """The one page that a call up to 2025-11-25 needs."""
    with pytest.raises(MCPError) as caught:
        await client.call_tool(tool, arguments or {})
    (page,) = UrlElicitationRequiredError.from_error(caught.value.error).elicitations
    return page


@pytest.mark.behaviour("PAGE-LEGACY")
async def test_a_legacy_call_names_the_page_and_goes_through_when_it_is_done(
    desk: Desk, types_key: Callable[[str], str]
):
    async with connected(desk, "legacy", opens=types_key) as (client, told):
        page = await needed(client, "read")
        assert page.url == desk.link(page.elicitation_id)
        assert page.message == "Connect your notes"
        assert (await needed(client, "read")).url == page.url  # who asks again meanwhile is shown the same
        assert desk.runs == []
        await asyncio.to_thread(types_key, page.url)
        assert text(await client.call_tool("read", {})) == "the notes of ann"
    assert told.links == []
    assert desk.keys == {Person(desk.idp.issuer.issuer, "ann"): "note-1"}


@pytest.mark.behaviour("PAGE-COMPLETE")
async def test_the_session_that_asked_is_told_when_the_page_is_done_and_no_other(
    desk: Desk, types_key: Callable[[str], str]
):
    async with (
        connected(desk, "legacy", opens=types_key) as (client, told),
        connected(desk, "legacy", opens=types_key) as (other, nothing),
    ):
        page = await needed(client, "read")
        await needed(other, "pay", {"amount": "5"})  # waits for another page
        async with asyncio.timeout(20):
            await told.listening.wait()
            await nothing.listening.wait()
            await asyncio.to_thread(types_key, page.url)
            await told.heard.wait()
        assert told.done == [page.elicitation_id]
        assert nothing.done == []


@pytest.mark.behaviour("PAGE-MODERN")
async def test_a_modern_call_asks_and_its_retry_goes_through(desk: Desk, types_key: Callable[[str], str]):
    async with connected(desk, "2026-07-28", opens=types_key) as (client, told):
        assert text(await client.call_tool("read", {})) == "the notes of ann"
        assert len(told.links) == 1
        assert text(await client.call_tool("read", {})) == "the notes of ann"
    assert len(told.links) == 1
    assert desk.runs == ["ann", "ann"]


@pytest.mark.behaviour("PAGE-MODERN")
async def test_a_modern_result_has_no_elicitation_id_and_a_state_that_says_nothing(desk: Desk):
    async with connected(desk, "2026-07-28", opens=lambda _: "accept") as (client, _):
        asked = await client.session.call_tool("read", {}, allow_input_required=True)
    page = asked.input_requests["page"].params
    assert page.elicitation_id is None
    name = page.url.rpartition("/")[2]
    assert name not in asked.request_state
    assert "ann" not in asked.request_state + page.url


@pytest.mark.behaviour("PAGE-PATIENCE")
async def test_a_retry_waits_for_the_page_and_then_asks_again(fresh_idp: Any, browser: Browsers):
    with running(fresh_idp, patience=20) as desk:
        ann = browser("ann")
        loop = asyncio.get_running_loop()
        sent: list[asyncio.Future[Any]] = []

        def opens(url: str) -> str:
            page = ann.open(url)
            sent.append(asyncio.run_coroutine_threadsafe(later(page), loop))
            return "accept"  # at once: the page is not done yet

        async def later(page: Any) -> Any:
            return await asyncio.to_thread(send, ann, page, key="note-1")

        async with connected(desk, "2026-07-28", opens=opens) as (client, told):
            assert text(await client.call_tool("read", {})) == "the notes of ann"
        assert len(told.links) == 1
    with running(fresh_idp) as desk:
        page_by_page: list[str] = []

        def slowly(url: str) -> str:
            page_by_page.append(url)
            if len(page_by_page) == 3:
                send(ann, ann.open(url), key="note-1")
            return "accept"

        async with connected(desk, "2026-07-28", opens=slowly) as (client, _):
            assert text(await client.call_tool("read", {})) == "the notes of ann"
        assert len(set(page_by_page)) == 1


@pytest.mark.behaviour("PAGE-HOLD")
async def test_a_call_up_to_2025_can_stay_open_for_the_page(fresh_idp: Any, types_key: Callable[[str], str]):
    with running(fresh_idp, hold=20) as desk:
        async with connected(desk, "legacy", opens=types_key) as (client, told):
            assert text(await client.call_tool("read", {})) == "the notes of ann"
            assert len(told.links) == 1
        async with connected(desk, "legacy", opens=lambda _: "decline") as (client, told):
            said = text(await client.call_tool("pay", {"amount": "5"}))
        assert said == "Nothing was paid: the person refused to use the page."
    with running(fresh_idp, hold=0.05) as desk:
        async with connected(desk, "legacy", opens=lambda _: "accept") as (client, told):
            page = await needed(client, "read")
        assert told.links == [page.url]


@pytest.mark.behaviour("PAGE-REFUSED")
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_declines_is_taken_at_their_word_and_the_link_is_dead(
    desk: Desk, browser: Browsers, action: str
):
    async with connected(desk, "2026-07-28", opens=lambda _: action) as (client, told):
        said = text(await client.call_tool("read", {}))
    assert said == "Nothing was read: the person refused to use the page."
    page = await asyncio.to_thread(browser("ann").open, told.links[0])
    assert (page.status_code, "refused" in page.text) == (410, True)
    assert desk.keys == {}


@pytest.mark.behaviour("PAGE-REFUSED")
@pytest.mark.parametrize("mode", ERAS)
async def test_a_page_can_be_refused_on_the_page(desk: Desk, browser: Browsers, mode: str):
    ann = browser("ann")

    def refuses(url: str) -> str:
        assert send(ann, ann.open(url), decision="refuse").status_code == 200
        return "accept"

    async with connected(desk, mode, opens=refuses) as (client, _):
        if mode == "legacy":
            first = await needed(client, "pay", {"amount": "5"})
            await asyncio.to_thread(refuses, first.url)
            assert (await needed(client, "pay", {"amount": "5"})).url != first.url
        else:
            said = text(await client.call_tool("pay", {"amount": "5"}))
            assert said == "Nothing was paid: the person refused to use the page."
    assert desk.paid == []


@pytest.mark.behaviour("PAGE-ONCE")
@pytest.mark.parametrize("mode", ERAS)
async def test_a_page_is_good_for_one_call_with_exactly_its_arguments(
    desk: Desk, browser: Browsers, mode: str
):
    ann = browser("ann")
    links: list[str] = []

    def pays(url: str) -> str:
        links.append(url)
        assert send(ann, ann.open(url)).status_code == 200
        return "accept"

    async def pay(client: Any, amount: str) -> str:
        if mode == "legacy":
            await asyncio.to_thread(pays, (await needed(client, "pay", {"amount": amount})).url)
        return text(await client.call_tool("pay", {"amount": amount}))

    async with connected(desk, mode, opens=pays) as (client, _):
        assert [await pay(client, amount) for amount in ("5", "5", "7")] == ["paid 5", "paid 5", "paid 7"]
    assert len(set(links)) == 3
    assert desk.paid == ["ann 5", "ann 5", "ann 7"]


@pytest.mark.behaviour("PAGE-UNDECLARED")
async def test_a_client_that_shows_no_pages_is_told_so(desk: Desk, fresh_idp: Any):
    async with connected(desk, "2026-07-28") as (client, _):
        with pytest.raises(MCPError) as caught:
            await client.call_tool("read", {})
    assert caught.value.error.code == -32021
    assert caught.value.error.data == {"requiredCapabilities": {"elicitation": {"url": {}}}}
    async with connected(desk, "legacy") as (client, _):
        result = await client.call_tool("read", {})
    assert result.is_error
    assert "this client cannot show one" in text(result)
    with running(fresh_idp, stateless=True) as alone:
        async with connected(alone, "legacy", opens=lambda _: "accept") as (client, told):
            result = await client.call_tool("read", {})
        assert result.is_error
        assert "no session to declare it in" in text(result)
        assert told.links == []


@pytest.mark.behaviour("PAGE-NOBODY")
@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("options", "token", "claims", "said"),
    [
        ({"guarded": False}, "", {}, "carries no token"),
        ({}, None, {"client_id": "ann"}, "a program's own"),
        ({"tenant_claim": "tenant_id"}, None, {}, "no claim tenant_id"),
    ],
)
async def test_without_a_person_there_is_no_page(
    fresh_idp: Any, mode: str, options: Any, token: str | None, claims: Any, said: str
):
    with running(fresh_idp, **options) as desk:
        async with connected(desk, mode, opens=lambda _: "accept", token=token, **claims) as (client, told):
            result = await client.call_tool("pay", {"amount": "5"})
        assert result.is_error
        assert said in text(result)
        assert told.links == []


@pytest.mark.behaviour("PAGE-WRONG")
async def test_what_the_form_does_not_take_is_said_on_the_page_and_not_repeated_there(
    desk: Desk, browser: Browsers
):
    async with connected(desk, "legacy", opens=lambda _: "accept") as (client, _):
        page = await needed(client, "read")
    ann = browser("ann")
    shown = await asyncio.to_thread(ann.open, page.url)
    assert 'type="password"' in shown.text
    assert 'autocomplete="off"' in shown.text
    for value, sentence in (
        ("", "API key is missing."),
        ("<b>x", "they begin with note-"),
        ("n" * 600, "512"),
    ):
        again = await asyncio.to_thread(send, ann, shown, key=value)
        assert again.status_code == 422
        assert sentence in again.text
        assert not value or value not in again.text
        shown = again
    assert (await asyncio.to_thread(send, ann, shown, key="note-1")).status_code == 200


@pytest.mark.behaviour("PAGE-TENANT")
async def test_the_tenant_must_be_the_same_in_the_browser(fresh_idp: Any, browser: Browsers):
    with running(fresh_idp, tenant_claim="tenant_id") as desk:
        async with connected(desk, "legacy", opens=lambda _: "accept", tenant_id="acme") as (client, _):
            page = await needed(client, "read")
        opened = await asyncio.to_thread(browser("ann").open, page.url)  # her sign-in has no tenant
        assert opened.status_code == 403


@pytest.mark.behaviour("PAGE-HOLDS")
@pytest.mark.parametrize("mode", ERAS)
async def test_what_was_given_once_is_not_asked_for_again_until_it_is_gone(
    desk: Desk, types_key: Callable[[str], str], mode: str
):
    async def read(client: Any) -> str:
        if mode == "legacy":
            await asyncio.to_thread(types_key, (await needed(client, "read")).url)
        return text(await client.call_tool("read", {}))

    async with connected(desk, mode, opens=types_key) as (client, told):
        assert await read(client) == "the notes of ann"
        assert text(await client.call_tool("read", {})) == "the notes of ann"
        desk.keys.clear()  # as when she disconnects
        assert await read(client) == "the notes of ann"
    assert len(told.links) == (0 if mode == "legacy" else 2)
