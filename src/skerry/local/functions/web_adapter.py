"""Runs a web server as a Lambda function: `python bootstrap.py --program web_adapter.py COMMAND…`.

It starts the command with PORT, waits until the server is ready, and then makes an HTTP request of each event
that the Runtime API hands out. What AWS's Lambda Web Adapter does for a program in a container, this does for
one on this machine, under the same variables:

    AWS_LWA_READINESS_CHECK_PATH   a path that answers with less than 500 when the server is ready (/)
    AWS_LWA_INVOKE_MODE            response_stream: the answer goes on as it comes; buffered: as a whole
    AWS_LWA_PASS_THROUGH_PATH      where events that are no HTTP requests are posted (/events)

The server learns who called from `x-amzn-request-context` and `x-amzn-lambda-context`; a caller's own headers
of these names never reach it. Only the standard library is needed here, and no part of skerry.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

RUNTIME = "/2018-06-01/runtime"
READY_WITHIN = 60.0
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
PRELUDE_END = bytes(8)
MAX_BUFFERED = 6 * 1024 * 1024
_PIECE = 64 * 1024
_LAST_BREATH = 0.25
"""Seconds in which a server ends that answers no more: its connections end before it does."""
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"

_OWN = frozenset({"x-amzn-request-context", "x-amzn-lambda-context"})
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_TEXT = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")


class Request:
    """An event as an HTTP request to the server."""

    def __init__(self, event: Any, context: Mapping[str, Any]) -> None:
        is_http = isinstance(event, dict) and isinstance(event.get("requestContext"), dict)
        about = event["requestContext"] if is_http else {}
        told = about.get("http") or {}
        headers: dict[str, str] = {}
        if is_http and told:
            self.method = str(told.get("method", "GET"))
            query = event.get("rawQueryString") or ""
            self.target = (event.get("rawPath") or "/") + (f"?{query}" if query else "")
            headers = {
                name: str(value) for name, value in (event.get("headers") or {}).items() if _passes(name)
            }
            if event.get("cookies"):
                headers["cookie"] = "; ".join(event["cookies"])
            body = event.get("body") or ""
            self.body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
        else:
            self.method, self.target = "POST", os.environ.get("AWS_LWA_PASS_THROUGH_PATH", "/events")
            headers["content-type"] = "application/json"
            self.body = json.dumps(event).encode()
        headers["x-amzn-request-context"] = json.dumps(about)
        headers["x-amzn-lambda-context"] = json.dumps(context)
        self.headers = headers


def _passes(name: str) -> bool:
    """Whether a caller's header reaches the server. WSGI servers read `_` as `-`."""
    plain = name.lower().replace("_", "-")
    return plain not in _OWN and plain not in _HOP_BY_HOP


def prelude(answer: http.client.HTTPResponse) -> dict[str, Any]:
    """Status, headers and cookies as Lambda's HTTP integration has them."""
    headers: dict[str, str] = {}
    cookies = []
    for name, value in answer.getheaders():
        lower = name.lower()
        if lower == "set-cookie":
            cookies.append(value)
        elif lower not in _HOP_BY_HOP:
            headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return {"statusCode": answer.status, "headers": headers, "cookies": cookies}


def whole(answer: http.client.HTTPResponse) -> dict[str, Any]:
    """The answer as the value of a handler."""
    value = prelude(answer)
    body = answer.read(MAX_BUFFERED + 1)
    if len(body) > MAX_BUFFERED:
        raise ValueError(f"the response is larger than {MAX_BUFFERED} bytes")
    _check_complete(answer)
    kind = value["headers"].get("content-type", "")
    if kind.startswith(_TEXT) and "content-encoding" not in value["headers"]:
        try:
            return {**value, "body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {**value, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The prelude, and then the body as it comes."""
    yield json.dumps(prelude(answer)).encode() + PRELUDE_END
    while piece := answer.read1(_PIECE):
        yield piece
    _check_complete(answer)


def _check_complete(answer: http.client.HTTPResponse) -> None:
    """http.client takes a body that ends too early for a short one."""
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)


class Adapter:
    """Between the Runtime API and the server on `port`."""

    def __init__(self, server: subprocess.Popen[bytes], port: int) -> None:
        self._server = server
        self._port = port
        self._api = os.environ["AWS_LAMBDA_RUNTIME_API"]
        self._stream = os.environ.get("AWS_LWA_INVOKE_MODE", "").lower() == "response_stream"

    def wait_ready(self) -> None:
        """Returns when the server is ready; else tells the Runtime API why not, and exits."""
        path = os.environ.get("AWS_LWA_READINESS_CHECK_PATH") or "/"
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self._server.poll() is not None:
                self._give_up("Runtime.ExitError", f"the web server ended with {self._server.returncode}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
                try:
                    connection.request("GET", path)
                    if connection.getresponse().status < 500:
                        return
                finally:
                    connection.close()
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        self._give_up("Runtime.NotReady", f"{path} did not answer within {READY_WITHIN:.0f} seconds")

    def run(self) -> None:
        """One event after the other."""
        while True:
            with _closing(http.client.HTTPConnection(self._api)) as connection:
                connection.request("GET", f"{RUNTIME}/invocation/next")
                given = connection.getresponse()
                event, headers = json.loads(given.read()), dict(given.headers.items())
            self._answer(event, headers)

    def _answer(self, event: Any, headers: Mapping[str, str]) -> None:
        identifier = headers["Lambda-Runtime-Aws-Request-Id"]
        base = f"{RUNTIME}/invocation/{identifier}"
        with _closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            try:
                request = Request(event, _context(headers))
                connection.request(request.method, request.target, request.body or None, request.headers)
                answer = connection.getresponse()
                value = None if self._stream else json.dumps(whole(answer)).encode()
            except (OSError, http.client.HTTPException, ValueError, binascii.Error) as error:
                self._post(f"{base}/error", _fault("WebServer.NoAnswer", f"{type(error).__name__}: {error}"))
                self._end_with_the_server(_LAST_BREATH)
                return
            if value is not None:
                self._post(f"{base}/response", value)
            else:
                self._send(f"{base}/response", answer)
        self._end_with_the_server()

    def _send(self, path: str, answer: http.client.HTTPResponse) -> None:
        """The answer as it comes; an answer that breaks off ends with the trailers that say so."""
        with _closing(http.client.HTTPConnection(self._api)) as connection:
            connection.putrequest("POST", path)
            connection.putheader("Transfer-Encoding", "chunked")
            connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
            connection.putheader(
                "Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
            )
            connection.putheader("Content-Type", PRELUDE_TYPE)
            connection.endheaders()
            trailers = b""
            try:
                for piece in _of_server(pieces(answer)):
                    connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            except _BrokenOffError as error:
                fault = base64.b64encode(_fault("WebServer.BrokenOff", str(error)))
                trailers = f"{_ERROR_TYPE}: WebServer.BrokenOff\r\n".encode()
                trailers += b"%b: %b\r\n" % (_ERROR_BODY.encode(), fault)
            except OSError:
                return  # the answer was refused, for instance as too large
            connection.send(b"0\r\n%b\r\n" % trailers)
            connection.getresponse().read()

    def _post(self, path: str, body: bytes) -> None:
        with _closing(http.client.HTTPConnection(self._api)) as connection:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            connection.getresponse().read()

    def _give_up(self, kind: str, text: str) -> None:
        print(f"web adapter: {text}", flush=True)  # noqa: T201 - the log of the environment
        self._post(f"{RUNTIME}/init/error", _fault(kind, text))
        sys.exit(1)

    def _end_with_the_server(self, patience: float = 0.0) -> None:
        """A server that is gone, or will be in `patience` seconds, comes back with the next environment."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(patience)
            sys.exit(1)


class _BrokenOffError(Exception):
    """The server's answer ended before its end."""


def _of_server(answered: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from answered
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(f"{type(error).__name__}: {error}") from error


class _closing:  # noqa: N801 - as contextlib's, which would cost its import
    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def __enter__(self) -> http.client.HTTPConnection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _context(headers: Mapping[str, str]) -> dict[str, Any]:
    """The Lambda context as a server gets it."""
    client = headers.get("Lambda-Runtime-Client-Context")
    return {
        "request_id": headers["Lambda-Runtime-Aws-Request-Id"],
        "deadline": int(headers["Lambda-Runtime-Deadline-Ms"]),
        "invoked_function_arn": headers["Lambda-Runtime-Invoked-Function-Arn"],
        "xray_trace_id": headers.get("Lambda-Runtime-Trace-Id"),
        "client_context": json.loads(client) if client else None,
        "identity": None,
        "env_config": {
            "function_name": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            "memory": int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
            "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            "log_group": os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            "log_stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        },
    }


def _fault(kind: str, text: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": text}).encode()


def _spare_port() -> int:
    """A port that the server can listen on once it has started: systems give nobody these meanwhile."""
    for port in random.sample(range(20_000, 32_768), 16):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    sys.exit("web adapter: there is no free port")


def main() -> None:
    """Starts the server and serves until the environment ends."""
    port = _spare_port()
    try:
        server = subprocess.Popen(sys.argv[1:], env={**os.environ, "PORT": str(port)})  # noqa: S603
    except OSError as error:
        print(f"web adapter: {sys.argv[1]} cannot be started: {error.strerror}", flush=True)  # noqa: T201
        sys.exit(127)
    try:
        adapter = Adapter(server, port)
        adapter.wait_ready()
        adapter.run()
    finally:
        server.kill()


if __name__ == "__main__":
    main()
