"""The endpoints: each one finds out who calls, then does what the Runtime's entry point does.

A refusal before a stream begins is a status; what goes wrong after that is the stream's last event.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse

from skerry.agent.desk import Desk, client_headers, given
from skerry.agent.desk import Request as Asked
from skerry.agent.errors import AgentError
from skerry.agent.identity import Caller
from skerry.agent.operations import Operations
from skerry.agent.runs import LiveRun
from skerry.agent.service import bodies, refusals, streams
from skerry.agent.service.callers import REQUEST_CONTEXT, Callers
from skerry.agent.service.hops import SESSION, Hops
from skerry.agent.service.limits import BodyLimit
from skerry.agent.service.page import page
from skerry.auth.ports import Fetch
from skerry.errors import ConfigurationError
from skerry.settings import ServiceSettings
from skerry.store.records import MAX_PAGE
from skerry.wire import session

THREADS = 64
"""For what blocks: the store, and connections being opened."""
TITLE = "skerry operations agent"

_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": bodies.Refusal} for status in sorted(set(refusals.STATUS.values()))
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "AG-UI events, one a data line"}
}


def build(settings: ServiceSettings, desk: Desk, *, fetch: Fetch) -> FastAPI:
    """The service as an ASGI application; `app.state.operations` is what it does.

    Raises ConfigurationError for settings that cannot work.
    """
    if "*" in settings.origins:
        raise ConfigurationError(
            "SKERRY_SERVICE_ORIGINS is '*', which would let every web page call.",
            hint="Name the pages: https://desk.example.com",
        )
    operations = Operations(desk)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ThreadPoolExecutor(THREADS, "agent") as threads:
            asyncio.get_running_loop().set_default_executor(threads)
            yield
            await operations.close()
            await asyncio.to_thread(desk.store.close)

    app = FastAPI(
        title=TITLE,
        description=_about(settings.auth),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=_REFUSED,
    )
    app.state.operations = operations
    app.add_middleware(BodyLimit, most=settings.max_body)
    app.add_middleware(Hops, auth=settings.auth)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "accept"],
            max_age=600,
        )
    refusals.register(app)
    _Endpoints(app, operations, Callers(settings, fetch=fetch), settings.auth).register()
    return app


def _about(auth: str) -> str:
    if auth == "none":
        return "WITHOUT AUTHENTICATION: everybody on this machine is the same caller."
    return (
        "Callers are known by their bearer token." if auth == "token" else "Callers are known by signature."
    )


class _Endpoints:
    """The endpoints of one service."""

    def __init__(self, app: FastAPI, operations: Operations, callers: Callers, auth: str) -> None:
        self._app = app
        self._operations = operations
        self._auth = auth
        self._caller = Depends(callers)

    def register(self) -> None:
        """Adds them to the application."""
        self._answers()
        self._conversations()
        self._about()

    def _answers(self) -> None:
        app, caller = self._app, self._caller

        @app.post("/stream", response_class=Response, responses=_STREAM)
        async def stream(body: bodies.Ask, request: Request, who: Caller = caller) -> Response:
            """Asks, answers open questions, or listens again; the events of the run as they come."""
            live, _, after = await self._live(body, request, who)
            return streams.stream(live, after)

        @app.post("/chat")
        async def chat(body: bodies.Ask, request: Request, who: Caller = caller) -> bodies.Answer:
            """The same as /stream, answered at the end of the run."""
            live, conversation_id, _ = await self._live(body, request, who)
            return await self._whole(live, conversation_id, who)

        @app.post("/api/approvals/{interrupt_id}", response_model=bodies.Answer, responses=_STREAM)
        async def approve(
            interrupt_id: str, body: bodies.Approval, request: Request, who: Caller = caller
        ) -> Any:
            """Answers one open question: as a stream when Accept names text/event-stream, else as /chat."""
            decision = {"approved": body.approved, "content": body.content}
            answer = {"interruptId": interrupt_id, "status": "resolved", "payload": decision}
            ask = bodies.Ask.model_validate(
                {**body.model_dump(include={"conversation_id", "client_context"}), "resume": [answer]}
            )
            live, conversation_id, _ = await self._live(ask, request, who)
            if "text/event-stream" in request.headers.get("accept", ""):
                return streams.stream(live)
            return await self._whole(live, conversation_id, who)

        @app.post("/api/runs/{run_id}/cancel")
        async def cancel(run_id: str, body: bodies.Cancel, who: Caller = caller) -> bodies.Cancelled:
            """Stops a run on the server."""
            found = await self._operations.cancel(who, body.conversation_id, run_id)
            return bodies.Cancelled.model_validate(found)

    def _conversations(self) -> None:
        app, caller, operations = self._app, self._caller, self._operations

        @app.get("/api/conversations")
        async def conversations(
            limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20, cursor: str = "", who: Caller = caller
        ) -> bodies.Conversations:
            """The caller's own conversations, newest first."""
            found = await operations.conversations(who, limit=limit, cursor=cursor)
            return bodies.Conversations.model_validate(found)

        @app.get("/api/conversations/{conversation_id}", response_model=bodies.Conversation)
        async def conversation(  # noqa: PLR0917  (each is a parameter of the URL)
            conversation_id: str,
            after: Annotated[int, Query(ge=0)] = 0,
            limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
            format: Literal["", "json", "markdown"] = "",  # noqa: A002
            download: bool = False,
            who: Caller = caller,
        ) -> Any:
            """A page of one conversation, or with `format` all of it."""
            if not format:
                return await operations.conversation(who, conversation_id, after=after, limit=limit)
            markdown = format == "markdown"
            document = await operations.export(who, conversation_id, markdown=markdown)
            return _document(document, conversation_id, markdown=markdown, download=download)

        @app.delete("/api/conversations/{conversation_id}", status_code=204)
        async def delete(conversation_id: str, who: Caller = caller) -> Response:
            """Deletes one conversation for good."""
            await operations.delete(who, conversation_id)
            return Response(status_code=204)

        @app.delete("/api/conversations")
        async def delete_all(who: Caller = caller) -> bodies.Deleted:
            """Deletes the caller's own conversations for good."""
            return bodies.Deleted.model_validate(await operations.delete_all(who))

    def _about(self) -> None:
        app, caller = self._app, self._caller

        @app.get("/api/tools/fetch")
        async def tools(request: Request, who: Caller = caller) -> bodies.Tools:
            """The tools that the agent can call for this caller."""
            headers = client_headers({}, request.headers, now=self._now(), session_id=session.new())
            return bodies.Tools.model_validate(await self._operations.tools(who, headers))

        @app.get("/health")
        async def health() -> bodies.Health:
            """Whether the service runs; needs no authentication."""
            return bodies.Health(status="ok", auth=self._auth)

        @app.get("/openapi.json", include_in_schema=False)
        async def openapi(_: Caller = caller) -> JSONResponse:
            return JSONResponse(app.openapi())

        @app.get("/docs", include_in_schema=False)
        async def docs(_: Caller = caller) -> HTMLResponse:
            return HTMLResponse(page(app.openapi()))

    async def _live(self, body: bodies.Ask, request: Request, who: Caller) -> tuple[LiveRun, str, int]:
        """The run that a body asks for, its conversation, and the events that the client has already."""
        payload = body.model_dump(exclude_none=True)
        if len({"prompt", "resume", "attach"} & payload.keys()) != 1:
            raise AgentError("VALIDATION_ERROR", "send exactly one of prompt, resume and attach.")
        conversation_id = payload.pop("conversation_id", None)
        if conversation_id is None:
            if body.prompt is None:
                raise AgentError("VALIDATION_ERROR", "conversation_id is missing.")
            conversation_id = session.new()
        if problem := session.problem(conversation_id):
            raise AgentError("VALIDATION_ERROR", f"conversation_id: {problem}.")
        request.scope[SESSION] = conversation_id
        if body.attach is not None:
            live = await self._operations.attach(who, conversation_id, body.attach.runId)
            return live, conversation_id, body.attach.after
        received = {name: value for name, value in request.headers.items() if name != REQUEST_CONTEXT}
        headers = client_headers(payload, received, now=self._now(), session_id=conversation_id)
        try:
            live = await self._operations.begin(conversation_id, Asked(given(payload), who, headers))
        except AgentError as error:
            if error.kind == "ACCESS_DENIED":  # somebody else's is like one that does not exist
                raise AgentError("NOT_FOUND", "there is no such conversation, or it has expired.") from error
            raise
        return live, conversation_id, 0

    async def _whole(self, live: LiveRun, conversation_id: str, who: Caller) -> bodies.Answer:
        """A run at its end; calls that an earlier run had announced are told with name and arguments too."""
        answer = await streams.whole(live, conversation_id)
        if not all(call.name for call in answer.tool_calls):
            known = await self._operations.calls(who, conversation_id)
            for call in answer.tool_calls:
                if not call.name and call.id in known:
                    call.name, call.arguments = known[call.id]["name"], known[call.id]["input"]
        return answer

    def _now(self) -> float:
        return self._operations.desk.clock()


def _document(text: str, identifier: str, *, markdown: bool, download: bool) -> Response:
    media, ending = ("text/markdown", "md") if markdown else ("application/json", "json")
    name = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in identifier)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'} if download else {}
    return Response(text, media_type=media, headers=headers)
