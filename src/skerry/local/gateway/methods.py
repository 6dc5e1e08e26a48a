"""The MCP methods of a gateway. One table says which there are, and in which era."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from skerry.errors import ProtocolError
from skerry.local.gateway import tools
from skerry.local.gateway.catalogue import Catalogue, Entry
from skerry.local.gateway.clients import Clients
from skerry.local.gateway.consent.gate import Gate, lacks_token
from skerry.local.gateway.consent.options import Options, taken
from skerry.local.gateway.messages import (
    McpError,
    Relayed,
    Request,
    Result,
    failure,
    mcp_configuration,
    server_info,
    supported_versions,
    target_failure,
    tool_error,
    unknown_tool,
)
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.policy.decisions import Decisions
from skerry.local.gateway.search.tool import NAME as SEARCH
from skerry.local.gateway.search.tool import Search, searches
from skerry.local.gateway.sessions import configuration, streaming
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets.base import Listing, Target
from skerry.local.gateway.tools import Item
from skerry.local.gateway.uri_templates import matches
from skerry.local.ports.resources import Record
from skerry.wire import eras
from skerry.wire.headers import MCP_SESSION_ID
from skerry.wire.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND

T = TypeVar("T")

Answer = Result | Relayed


class Methods:
    """Answers the requests of every gateway from the catalogue of its targets, as far as policies allow."""

    def __init__(
        self,
        catalogue: Catalogue,
        search: Search,
        decisions: Decisions,
        clients: Clients,
        settings: GatewaySettings,
        *,
        gate: Gate,
    ) -> None:
        self._catalogue = catalogue
        self._search = search
        self._decisions = decisions
        self._clients = clients
        self._gate = gate
        self._settings = settings
        self._assumed = settings.assumptions
        both: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "tools/list": self._tools_list,
            "tools/call": self._tools_call,
            "prompts/list": self._prompts_list,
            "prompts/get": self._prompts_get,
            "resources/list": self._resources_list,
            "resources/templates/list": self._templates_list,
            "resources/read": self._resources_read,
        }
        self._table = {
            "legacy": {**both, "initialize": self._initialize, "ping": self._ping},
            "modern": {**both, "server/discover": self._discover, "subscriptions/listen": self._listen},
        }

    async def answer(self, request: Request) -> Answer:
        """The answer to a request. Raises McpError for everything that is a JSON-RPC error."""
        handler = self._table[request.era].get(request.message.method)
        if handler is None:
            raise McpError(METHOD_NOT_FOUND, f"Method not found: {request.message.method}")
        try:
            return await handler(request)
        except ProtocolError as problem:  # a number such as 1e999, which can be read but not written
            raise McpError(INVALID_PARAMS, problem.message) from problem

    async def _ping(self, request: Request) -> Answer:
        del request
        return Result({})

    async def _initialize(self, request: Request) -> Answer:
        versions = supported_versions(request.gateway)
        capabilities = await self._capabilities(request, list_changed=self._assumed.list_changed)
        members: dict[str, object] = {
            "protocolVersion": eras.negotiate(request.params.get("protocolVersion"), versions),
            "capabilities": capabilities,
            "serverInfo": server_info(self._assumed),
        }
        headers: tuple[tuple[str, str], ...] = ()
        if configuration(request.gateway) is not None:
            declared = request.params.get("capabilities")
            session = self._clients.sessions.open(request.gateway, request.caller, declared)
            headers = ((MCP_SESSION_ID, session.id),)
        return Result({**members, **_instructions(request)}, headers)

    async def _listen(self, request: Request) -> Answer:
        if not streaming(request.gateway):
            raise McpError(METHOD_NOT_FOUND, f"Method not found: {request.message.method}")
        return self._clients.subscriptions.open(request)

    async def _discover(self, request: Request) -> Answer:
        members: dict[str, object] = {
            "supportedVersions": supported_versions(request.gateway),
            "capabilities": await self._capabilities(request, list_changed=streaming(request.gateway)),
        }
        return Result({**members, **_instructions(request)})

    async def _capabilities(self, request: Request, *, list_changed: bool) -> dict[str, object]:
        listings = await self._listings(request)
        found: dict[str, object] = {"tools": {"listChanged": True} if list_changed else {}}
        if any(listing.prompts for _, listing in listings):
            found["prompts"] = {}
        if any(listing.resources or listing.templates for _, listing in listings):
            found["resources"] = {}
        return found

    async def _tools_list(self, request: Request) -> Answer:
        listings = await self._listings(request)
        own = [self._search.item] if searches(request.gateway) else []
        if _on_one_page(request.gateway) and not self._decisions.concern(request.gateway):
            groups = [item.encoded for item in own] + [listing.encoded for _, listing in listings]
            return Result({"tools": tools.array(filter(None, groups))})
        listed = (item for _, listing in listings for item in listing.usable)
        return self._page(request, "tools", [*own, *await self._decisions.visible(request, listed)])

    async def _prompts_list(self, request: Request) -> Answer:
        listings = await self._listings(request)
        prompts = (item for _, listing in listings for item in listing.prompts.values())
        return self._page(request, "prompts", [item for item in prompts if item.flaw is None])

    async def _resources_list(self, request: Request) -> Answer:
        listings = by_priority(await self._listings(request))
        return self._page(request, "resources", _once(listing.resources for _, listing in listings))

    async def _templates_list(self, request: Request) -> Answer:
        listings = by_priority(await self._listings(request))
        return self._page(request, "resourceTemplates", _once(listing.templates for _, listing in listings))

    def _page(self, request: Request, member: str, items: Sequence[Item]) -> Result:
        if member == "tools" and _on_one_page(request.gateway):
            return Result({member: tools.array(item.encoded for item in items)})
        shown, cursor = tools.page(items, request.params.get("cursor"), self._assumed.page_size)
        following = {} if cursor is None else {"nextCursor": cursor}
        return Result({member: tools.array(item.encoded for item in shown), **following})

    async def _tools_call(self, request: Request) -> Answer:
        request, options = taken(request)
        name = _required(request, "name")
        arguments = request.params.get("arguments")
        if arguments is not None and not isinstance(arguments, dict):
            raise McpError(INVALID_PARAMS, "params.arguments must be an object.")
        if name == SEARCH and searches(request.gateway):
            return await self._tools_search(request, arguments)
        entry, own = await self._entry(request, name)
        if entry is None:
            raise self._unknown(name)
        target, listing = entry.target, entry.listing
        item = Item(own, name, {}, b"")
        if target is not None and not target.dynamic and listing is not None:
            listed = listing.tools.get(own)
            if listed is None or listed.flaw is not None:
                raise self._unknown(name)
            item = listed
        denial = await self._decisions.denial(request, item)
        if denial is not None:
            return denial
        if target is None or (listing is None and not target.dynamic):
            return tool_error(_not_available(entry), debug=request.debug)
        if (wrong := target.refusal(request, item)) is not None:
            return wrong
        try:
            return await self._admitted(request, options, target, lambda ready: target.call(ready, item))
        except TargetError as problem:
            if problem.asked:
                raise target_failure(request, problem, self._assumed) from problem
            return failure(request, problem, self._assumed)

    async def _tools_search(self, request: Request, arguments: object) -> Answer:
        listings = [listing for _, listing in await self._listings(request)]
        admits = await self._decisions.admits(
            request, (item for each in listings for item in each.tools.values())
        )
        return await self._search.answer(request.gateway, arguments, listings, admits)

    async def _prompts_get(self, request: Request) -> Answer:
        request, options = taken(request)
        name = _required(request, "name")
        entry, own = await self._entry(request, name)
        listing = await self._catalogue.listing(request.gateway, entry, request.caller) if entry else None
        item = listing.prompts.get(own) if listing else None
        if entry is None or entry.target is None or item is None:
            raise McpError(INVALID_PARAMS, f"Unknown prompt: {name[:300]}")
        return await self._relayed(request, options, entry.target, item)

    async def _resources_read(self, request: Request) -> Answer:
        request, options = taken(request)
        uri = _required(request, "uri")
        listings = by_priority(await self._listings(request))
        for entry, listing in listings:
            if (item := listing.resources.get(uri)) is not None and entry.target is not None:
                return await self._relayed(request, options, entry.target, item)
        for entry, listing in listings:
            for template in listing.templates:
                if matches(template, uri) and entry.target is not None:
                    return await self._relayed(request, options, entry.target, Item(uri, uri, {}, b""))
        code = INVALID_PARAMS if request.modern else eras.RESOURCE_NOT_FOUND
        raise McpError(code, "Resource not found.", data={"uri": uri[:1000]})

    async def _relayed(self, request: Request, options: Options, target: Target, item: Item) -> Answer:
        try:
            return await self._admitted(request, options, target, lambda ready: target.relay(ready, item))
        except TargetError as problem:
            raise target_failure(request, problem, self._assumed) from problem

    async def _admitted(
        self,
        request: Request,
        options: Options,
        target: Target,
        work: Callable[[Request], Awaitable[Answer]],
    ) -> Answer:
        """The target's answer, once it has the token that it needs; one not taken is got anew, once.

        Raises TargetError, and McpError where the client has to be told of a consent.
        """
        admitted = await self._gate.admit(request, target.record, options)
        if not isinstance(admitted, Request):
            return admitted
        try:
            return await self._bounded(work(admitted))
        except TargetError as problem:
            if not lacks_token(target.record, problem):
                raise
        admitted = await self._gate.admit(admitted, target.record, replace(options, force=False))
        return await self._bounded(work(admitted)) if isinstance(admitted, Request) else admitted

    async def _bounded(self, work: Awaitable[T]) -> T:
        """Work at a target, within the time limit of a call. Raises TargetError when it runs out."""
        limit = self._settings.call
        try:
            async with asyncio.timeout(limit):
                return await work
        except TimeoutError as problem:
            raise TargetError(f"The target did not answer within {limit:g} s.") from problem

    async def _entry(self, request: Request, public: str) -> tuple[Entry | None, str]:
        parts = tools.split(public)
        if parts is None or len(public) > tools.MAX_NAME:  # such names are listed nowhere
            return None, ""
        return await self._catalogue.entry(request.gateway, parts[0]), parts[1]

    async def _listings(self, request: Request) -> list[tuple[Entry, Listing]]:
        """What each target has for this caller, oldest target first; broken targets are left out."""
        gateway, caller = request.gateway, request.caller
        entries = await self._catalogue.entries(gateway)
        if any(entry.target is not None and entry.target.dynamic for entry in entries):
            found = await asyncio.gather(
                *(self._catalogue.listing(gateway, entry, caller) for entry in entries)
            )
        else:
            found = [entry.listing for entry in entries]
        return [
            (entry, listing) for entry, listing in zip(entries, found, strict=True) if listing is not None
        ]

    def _unknown(self, name: str) -> McpError:
        return unknown_tool(name, self._assumed)


def by_priority(listings: Sequence[tuple[Entry, Listing]]) -> list[tuple[Entry, Listing]]:
    """Listings in the order in which they answer for a shared URI: `resourcePriority`, then age."""

    def priority(pair: tuple[Entry, Listing]) -> int:
        mcp = (pair[0].record.get("targetConfiguration") or {}).get("mcp") or {}
        value = (mcp.get("mcpServer") or {}).get("resourcePriority", 1000)
        return value if isinstance(value, int) else 1000

    return sorted(listings, key=priority)


def _once(groups: Iterable[Mapping[str, Item]]) -> list[Item]:
    """The items of all groups; of one URI the first."""
    found: dict[str, Item] = {}
    for group in groups:
        for uri, item in group.items():
            found.setdefault(uri, item)
    return list(found.values())


def _on_one_page(gateway: Record) -> bool:
    mcp = mcp_configuration(gateway)
    return mcp.get("disableMcpListToolsPagination") is True


def _instructions(request: Request) -> dict[str, object]:
    mcp = mcp_configuration(request.gateway)
    return {"instructions": mcp["instructions"]} if mcp.get("instructions") else {}


def _required(request: Request, member: str) -> str:
    value = request.params.get(member)
    if not isinstance(value, str) or not value:
        raise McpError(INVALID_PARAMS, f"params.{member} must be a string.")
    return value


def _not_available(entry: Entry) -> str:
    return f"The target '{entry.name}' is not available: {entry.problem or 'it was not listed yet.'}"
