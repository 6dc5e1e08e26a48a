"""The order in which a gateway processes an MCP request whose sender may call it.

1. quotas of the account where they are set, rate limits
2. REQUEST interceptor
3. policy, then the arguments against the tool's schema, then the target with its credential (`methods`)
4. RESPONSE interceptor

Source: AWS developer guide, rate limit enforcement and interceptors. That the REQUEST interceptor stands
after the limits and before policy, which so judges what will be sent, is an assumption; the first half of it
can be switched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.interceptors import Interceptors
from skerry.local.gateway.limits import Limits, ThrottledError, mcp_subject
from skerry.local.gateway.messages import CODE, McpError, Relayed, Request, failed, framed, refused
from skerry.local.gateway.methods import Methods
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.quotas import Quotas

Respond = Callable[[Relayed], Awaitable[None]]


class Pipeline:
    """What is done with each request, step by step."""

    def __init__(
        self,
        *,
        limits: Limits,
        interceptors: Interceptors,
        methods: Methods,
        table: Assumptions,
        quotas: Quotas | None = None,
    ) -> None:
        self._quotas = quotas
        self._limits = limits
        self._interceptors = interceptors
        self._methods = methods
        self._table = table

    async def serve(self, request: Request, respond: Respond) -> None:
        """Answers a request; a connection counts against its limits until `respond` is through.

        Raises McpError when a rate limit or quota refuses the request.
        """
        if self._quotas is not None:
            try:
                self._quotas.call(request)
            except ThrottledError as problem:
                raise throttled(problem, self._table) from problem
        limited = bool(self._limits.of(request.gateway))
        if not limited and not request.gateway.get("interceptorConfigurations"):
            await respond(await self._called(request))
            return
        first = self._table.limits_before_interceptor
        with ExitStack() as connections:
            if limited and first:
                connections.enter_context(self._admitted(request))
            try:
                changed, reply = await self._interceptors.before(request)
                if limited and not first and reply is None:
                    connections.enter_context(self._admitted(changed))
                if reply is None:
                    reply = await self._called(changed)
                reply = await self._interceptors.after(request, reply)
            except TargetError as problem:  # an interceptor failed
                reply = failed(request, problem, self._table)
            await respond(reply)

    @contextmanager
    def _admitted(self, request: Request) -> Iterator[None]:
        try:
            with self._limits.admitted(request.gateway, mcp_subject(request)):
                yield
        except ThrottledError as problem:
            raise throttled(problem, self._table) from problem

    async def _called(self, request: Request) -> Relayed:
        """The method's answer: policy, then the arguments, then the target with its credential."""
        try:
            found = await self._methods.answer(request)
        except McpError as problem:
            request.notes[CODE] = str(problem.rpc_code)
            status, body = refused(request.message, request.era, problem)
            return Relayed(body, status, problem=f"{problem.rpc_code}: {problem.message}")
        if isinstance(found, Relayed):
            return found
        return Relayed(framed(request, found, self._table), headers=found.headers)


def throttled(problem: ThrottledError, table: Assumptions) -> McpError:
    """What a client is told of a limit or quota that is used up."""
    status = table.connections_status if problem.metric == "connections" else table.throttled_status
    return McpError(
        table.throttled_code,
        problem.message,
        status=status,
        data=problem.data,
        detail={"limit": problem.limit_key or "quota", "metric": problem.metric},
    )
