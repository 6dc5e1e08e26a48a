"""A FastMCP server with pages on real sockets, an issuer that signs people in, browsers, and clients of both eras."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import mcp_types as types
import pytest
from fastmcp import Context, FastMCP
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from skerry.servers.resource_auth import ResourceAuth
from skerry.servers.url_elicitation import Field, Form, Outcome, Pages, Person
from tests.kit.asgi_thread import serve
from tests.kit.clock import WallClock
from tests.kit.sign_in import CLIENT, SignIn, sign_in
from tests.kit.token_vault import Browser

ERAS = ["legacy", "2026-07-28"]
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Desk:
    """The server, running: what people typed, by person, and what they paid."""

    url: str
    idp: SignIn
    clock: WallClock
    pages: Pages
    keys: dict[Person, str] = field(default_factory=dict)
    paid: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def link(self, name: str) -> str:
        return f"{self.url}/pages/{name}"

    def form(self) -> Form:
        async def keep(person: Person, values: Mapping[str, str]) -> str:
            if not values["key"].startswith("note-"):
                return "That is no key of the notes: they begin with note-."
            self.keys[person] = values["key"]
            return ""

        fields = [Field(name="key", label="API key", hint="It begins with note-.", secret=True)]
        return Form(
            title="Connect your notes",
            text="The key stays here.",
            fields=fields,
            submit=keep,
            holds=self.keys.__contains__,
        )

    def payment(self, amount: str) -> Form:
        async def pay(person: Person, _: Mapping[str, str]) -> str:
            self.paid.append(f"{person.subject} {amount}")
            return ""

        return Form(title="Pay", text=f"{amount} EUR to the notes.", submit=pay, button="Pay")


def tools(desk: Desk) -> FastMCP:
    """read: needs a key; pay and print: need a page for each call; broken: says what it was given."""
    server: FastMCP = FastMCP("notes")

    @server.tool
    async def read(ctx: Context) -> str | types.InputRequiredResult:
        person = desk.pages.person()
        outcome = await desk.pages.visit(ctx, desk.form(), tool="read")
        if not isinstance(outcome, Outcome):
            return outcome
        if not outcome.done:
            return f"Nothing was read: {outcome.reason}."
        desk.runs.append(person.subject)
        return f"the notes of {person.subject}"

    async def paid(ctx: Context, tool: str, amount: str) -> str | types.InputRequiredResult:
        arguments = {"amount": amount}
        outcome = await desk.pages.visit(ctx, desk.payment(amount), tool=tool, arguments=arguments)
        if not isinstance(outcome, Outcome):
            return outcome
        return f"paid {amount}" if outcome.done else f"Nothing was paid: {outcome.reason}."

    @server.tool
    async def pay(amount: str, ctx: Context) -> str | types.InputRequiredResult:
        return await paid(ctx, "pay", amount)

    @server.tool(name="print")
    async def printing(amount: str, ctx: Context) -> str | types.InputRequiredResult:
        return await paid(ctx, "print", amount)

    return server


@contextmanager
def running(idp: SignIn, *, stateless: bool = False, guarded: bool = True, **options: Any) -> Iterator[Desk]:
    """The server with its pages, until the block ends."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        clock = WallClock()
        auth = ResourceAuth.of_issuer(f"{url}/mcp", issuer=idp.issuer.issuer, audience="accounts")
        pages = Pages.of(auth, client_id=CLIENT, clock=clock, **{"patience": 0.05, **options})
        desk = Desk(url, idp, clock, pages)
        server = tools(desk)
        server.auth = auth if guarded else None
        pages.attach(server)
        with serve(server.http_app(path="/mcp", stateless_http=stateless), bound=bound):
            yield desk


@pytest.fixture(scope="session")
def idp() -> Iterator[SignIn]:
    with sign_in() as provider:
        yield provider


@pytest.fixture
def fresh_idp(idp: SignIn) -> Iterator[SignIn]:
    """The same provider, as it was: nothing of an attack stays."""
    yield idp
    idp.changes.clear()
    idp.id_token.clear()
    idp.opaque = False


@pytest.fixture
def desk(fresh_idp: SignIn) -> Iterator[Desk]:
    with running(fresh_idp) as made:
        yield made


@pytest.fixture
def browser() -> Iterator[Callable[[str], Browser]]:
    """Makes browsers: `browser("ann")` is ann's."""
    with ExitStack() as stack:

        def made(name: str) -> Browser:
            new = Browser(name)
            stack.callback(new.close)
            return new

        yield made


def send(browser: Browser, page: httpx2.Response, **values: str) -> httpx2.Response:
    """Sends the form on a page, as the person would."""
    found = CSRF.search(page.text)
    assert found is not None, page.text
    body = {"csrf": found[1], "decision": "send", **values}
    return browser.client.post(str(page.url), data=body)


@dataclass
class Told:
    """What reached a client beside its answers: links that it was asked to show, and pages that are done."""

    links: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    listening: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def connected(
    desk: Desk,
    mode: Any,
    *,
    person: str = "ann",
    opens: Callable[[str], str] | None = None,
    token: str | None = None,
    **claims: Any,
) -> AsyncIterator[tuple[Client, Told]]:
    """An SDK client of `person`. `opens` is what the person does with a link: it gives the client's action."""
    told = Told()

    async def asked(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestURLParams)
        told.links.append(params.url)
        told.messages.append(params.message)
        assert opens is not None
        return types.ElicitResult(action=await asyncio.to_thread(opens, params.url))  # type: ignore[arg-type]

    async def heard(message: Any) -> None:
        if isinstance(message, types.ElicitCompleteNotification):
            told.done.append(message.params.elicitation_id)
            told.heard.set()

    async def listens(response: httpx2.Response) -> None:
        if response.request.method == "GET":
            told.listening.set()

    bearer = token if token is not None else desk.idp.token(person, **claims)
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    async with (
        httpx2.AsyncClient(
            headers=headers, timeout=30, trust_env=False, event_hooks={"response": [listens]}
        ) as http,
        Client(
            streamable_http_client(f"{desk.url}/mcp", http_client=http),
            mode=mode,
            elicitation_callback=asked if opens is not None else None,
            message_handler=heard,
        ) as client,
    ):
        yield client, told


def text(result: Any) -> str:
    return str(result.content[0].text)
