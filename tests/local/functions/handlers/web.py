"""A web program as a stranger writes it: Starlette under uvicorn, on PORT. It knows nothing of Lambda."""

import asyncio
import os
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route


async def health(request: Request) -> Response:
    return PlainTextResponse("ok")


async def echo(request: Request) -> Response:
    body = await request.body()
    answer = JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in request.headers.raw],
            "cookies": request.cookies,
            "body": body.decode("latin-1"),
            "pid": os.getpid(),
            "colour": os.environ.get("COLOUR", ""),
        },
        status_code=int(request.query_params.get("status", "200")),
    )
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    answer.headers["x-several"] = "one"
    answer.headers.append("x-several", "two")
    return answer


async def stream(request: Request) -> Response:
    """Says something, and goes on only when somebody writes to the named pipe."""
    pipe = request.query_params["pipe"]

    async def said():
        yield b"first\n"
        told = await asyncio.to_thread(Path(pipe).read_text)
        yield f"then {told}\n".encode()

    return StreamingResponse(said(), media_type="text/event-stream")


async def large(request: Request) -> Response:
    async def said():
        for _ in range(int(request.query_params["pieces"])):
            yield b"x" * 65536

    return StreamingResponse(said(), media_type="application/octet-stream")


async def breaks(request: Request) -> Response:
    async def said():
        yield b"half of "
        raise RuntimeError("the program fails in the middle of its answer")

    return StreamingResponse(said(), media_type="text/plain")


async def binary(request: Request) -> Response:
    return Response(bytes(range(256)), media_type="image/png")


async def moved(request: Request) -> Response:
    return RedirectResponse("/echo?from=moved", status_code=307)


async def nothing(request: Request) -> Response:
    return Response(status_code=204)


async def hangs(request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def dies(request: Request) -> Response:
    os._exit(3)


async def events(request: Request) -> Response:
    return JSONResponse({"event": await request.json()})


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/stream", stream),
        Route("/large", large),
        Route("/breaks", breaks),
        Route("/binary", binary),
        Route("/moved", moved),
        Route("/nothing", nothing),
        Route("/hangs", hangs),
        Route("/dies", dies),
        Route("/events", events, methods=["POST"]),
        Route("/{rest:path}", echo, methods=["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
