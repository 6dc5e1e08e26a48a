"""The client that the official suite drives: `skerry.client` with the sign-in of `skerry.auth`.

    python tests/conformance/client.py URL

The suite says in MCP_CONFORMANCE_SCENARIO what is to be done, in MCP_CONFORMANCE_PROTOCOL_VERSION of which
revision, and in MCP_CONFORMANCE_CONTEXT with what credentials. A person at a browser is played with HTTP.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx2
from mcp import types
from mcp.client import Client
from pydantic import ValidationError

from skerry.auth.client_authentication import ClientIdentity
from skerry.auth.clock import SystemClock
from skerry.auth.discovery import provider
from skerry.auth.http.one_request import fetch_document, post_form
from skerry.auth.login.grant import Asking, Grant
from skerry.auth.login.id_jag import redeemed, vouched
from skerry.auth.login.protected_resource import described
from skerry.auth.ports import Surroundings
from skerry.client.connection import all_tools, over_http
from skerry.client.problems import Refusals
from skerry.client.target import Target
from skerry.settings import SignInSettings

DOCUMENT = "https://conformance-test.local/client-metadata.json"
"""The client's metadata document, which only the suite knows of."""


def browser(url: str) -> None:
    """A person who agrees to everything: follows the provider's redirect back to the program."""
    with httpx2.Client(trust_env=False, timeout=30) as http:
        answer = http.get(url)
        http.get(answer.headers["location"])


async def defaults(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    """Accepts a form with the defaults of its fields, and a URL as it is."""
    if not isinstance(params, types.ElicitRequestFormParams):
        return types.ElicitResult(action="accept")
    fields = params.requested_schema.get("properties", {})
    filled = {name: field["default"] for name, field in fields.items() if "default" in field}
    return types.ElicitResult(action="accept", content=filled)


class Run:
    """One scenario of the suite against one server."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
        version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2025-11-25")
        self.era = "auto" if version >= "2026" else "legacy"
        self.context: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
        self.settings = SignInSettings(client_document=DOCUMENT, tokens=folder, keyring=False)

    async def connected(self) -> AbstractAsyncContextManager[Client]:
        """A client of the server, signed in as the scenario wants it."""
        settings = await self._configured()
        target = Target(
            url=self.url, mode="browser", region="", headers={}, stack=None, entry=None, sign_in=settings
        )
        return over_http(
            target,
            era=self.era,  # type: ignore[arg-type]
            answers=defaults,  # type: ignore[arg-type]
            refusals=Refusals(),
            surroundings=Surroundings(browser, print, agree=lambda _question: True),
        )

    async def _configured(self) -> SignInSettings:
        given = self.context
        if "cimd" in self.scenario:  # a document is used where a person named the issuer, or iss comes back
            return replace(self.settings, issuer=await self.issuer())
        if "client_id" not in given:
            return self.settings
        # The suite says of some clients only to which server they belong, so that one's word is taken.
        issuer = given.get("issuer") or await self.issuer()
        return replace(
            self.settings,
            issuer=issuer,
            client_id=given["client_id"],
            client_secret=given.get("client_secret", ""),
            client_key=given.get("private_key_pem", ""),
            machine="client-credentials" in self.scenario,
        )

    async def issuer(self) -> str:
        """The authorization server that the resource names."""
        found = await described(self.url, None, fetch=fetch_document)
        assert found is not None
        return found.authorization_servers[0]


async def list_and_call(client: Client, run: Run) -> None:
    """Lists the tools and calls each, with what the suite says or with plain arguments of its schema."""
    tools = await all_tools(client)
    calls = run.context.get("toolCalls")
    if calls is None:
        calls = [{"name": tool.name, "arguments": arguments(tool.input_schema)} for tool in tools]
    for call in calls:
        await client.call_tool(call["name"], call["arguments"])


def arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """A value for every required field of a schema."""
    plain = {"number": 5, "integer": 5, "string": "text", "boolean": True, "array": [], "object": {}}
    fields = schema.get("properties", {})
    return {name: plain.get(fields.get(name, {}).get("type"), "text") for name in schema.get("required", ())}


async def everything(client: Client, run: Run) -> None:
    """Every kind of request that a standard header tells of."""
    await list_and_call(client, run)
    for resource in (await client.list_resources()).resources:
        await client.read_resource(resource.uri)
    for prompt in (await client.list_prompts()).prompts:
        await client.get_prompt(prompt.name, {item.name: "text" for item in prompt.arguments or ()})


async def add(client: Client, _run: Run) -> None:
    await client.list_tools()
    await client.call_tool("add_numbers", {"a": 5, "b": 3})


async def states(client: Client, run: Run) -> None:
    """Tools that ask in rounds: all at the same time, then one after another.

    The SDK refuses a result of this revision that does not say its type, which one of the tools sends.
    """
    names = [tool.name for tool in await all_tools(client)]
    calls = (client.call_tool(name, {}) for name in names)
    for name, outcome in zip(names, await asyncio.gather(*calls, return_exceptions=True), strict=True):
        if isinstance(outcome, BaseException) and not (
            name == "test_mrtr_no_result_type" and isinstance(outcome, ValidationError)
        ):
            raise outcome


async def echoed_schema(client: Client, _run: Run) -> None:
    """The schema of the first tool, as this client understood it, sent back with the second."""
    focal, echo = await all_tools(client)
    await client.call_tool(echo.name, {"schema": focal.input_schema})


async def only_listed(client: Client, _run: Run) -> None:
    await client.list_tools()


async def sign_in(client: Client, run: Run) -> None:
    """What makes a server of the suite ask for every scope that it wants."""
    await client.list_tools()
    await client.call_tool("test-tool", {})
    if run.scenario.endswith("migration"):
        await client.list_tools()


async def vouched_for(run: Run) -> None:
    """Both legs of enterprise-managed authorization, then a call with what they gave."""
    given = run.context
    issuer = await run.issuer()
    company = await asking(run, given["idp_issuer"], ClientIdentity(client_id=given["idp_client_id"]))
    own = ClientIdentity(
        client_id=given["client_id"], method="client_secret_basic", secret=given["client_secret"]
    )
    jag = await vouched(company, given["idp_id_token"], audience=issuer)
    await use(run, await redeemed(await asking(run, issuer, own), jag))


async def of_a_workload(run: Run) -> None:
    """The second leg alone: a platform vouches for its workload."""
    own = ClientIdentity(client_id=run.context["client_id"])
    await use(run, await redeemed(await asking(run, await run.issuer(), own), run.context["valid_jwt"]))


async def asking(run: Run, issuer: str, identity: ClientIdentity) -> Asking:
    at = await provider(issuer, fetch=fetch_document)
    return Asking(provider=at, identity=identity, post=post_form, clock=SystemClock(), resource=run.url)


async def use(run: Run, grant: Grant) -> None:
    """A call with a token."""
    target = Target(
        url=run.url, mode="bearer", region="", headers={}, stack=None, entry=None, token=grant.access_token
    )
    async with over_http(target, era=run.era, answers=defaults, refusals=Refusals()) as client:  # type: ignore[arg-type]
        await sign_in(client, run)


ALONE: dict[str, Callable[[Run], Awaitable[None]]] = {
    "auth/enterprise-managed-authorization": vouched_for,
    "auth/wif-jwt-bearer": of_a_workload,
}
WORK: dict[str, Callable[[Client, Run], Awaitable[None]]] = {
    "tools_call": add,
    "http-standard-headers": everything,
    "sep-2322-client-request-state": states,
    "json-schema-2020-12-preservation": echoed_schema,
    "json-schema-ref-no-deref": only_listed,
    "initialize": only_listed,
}


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Run(sys.argv[-1], Path(folder))
        if run.scenario in ALONE:
            await ALONE[run.scenario](run)
            return
        work = sign_in if run.scenario.startswith("auth/") else WORK.get(run.scenario, list_and_call)
        async with await run.connected() as client:
            await work(client, run)


if __name__ == "__main__":
    asyncio.run(main())
