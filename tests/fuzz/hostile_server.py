"""An MCP server over plain sockets that answers a call with whatever bytes the call asks for.

`tools/call` of `raw` has in its arguments `bytes` (base64: the whole HTTP answer, in which @ID@ stands for the
id of the call and @LEN@ for the length of what follows the head) and `stay`, which leaves the connection open
afterwards. Everything else is answered as a legacy server does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

LONGEST = 1 << 22


class HostileServer:
    """Counts how often each call ran (`runs`), by the name that is given in its arguments."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/mcp"
        self.runs: Counter[str] = Counter()
        self.sockets: set[socket.socket] = set()
        self.closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.listener.close()
        for each in list(self.sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ValueError), client.makefile("rb") as stream:
            while self._one(client, stream):
                pass
        self.sockets.discard(client)

    def _one(self, client: socket.socket, stream: Any) -> bool:
        """Reads a request and answers it; False when the connection is to be closed."""
        line = stream.readline(65536)
        if not line:
            return False
        length, method = 0, line.split()[0]
        while header := stream.readline(65536).strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = min(int(value), LONGEST)
        body = stream.read(length)
        if method != b"POST":
            client.sendall(http(405, b""))
            return True
        message = json.loads(body)
        params = message.get("params") or {}
        arguments = params.get("arguments") if isinstance(params.get("arguments"), dict) else {}
        if message.get("method") == "tools/call" and params.get("name") == "raw" and "bytes" in arguments:
            self.runs[arguments.get("run", "")] += 1
            head, end, rest = base64.b64decode(arguments["bytes"]).partition(b"\r\n\r\n")
            rest = rest.replace(b"@ID@", json.dumps(message["id"]).encode())
            client.sendall(head.replace(b"@LEN@", str(len(rest)).encode()) + end + rest)
            return bool(arguments.get("stay"))
        client.sendall(self._answer(message))
        return True

    @staticmethod
    def _answer(message: dict[str, Any]) -> bytes:
        if message.get("method") is None or "id" not in message:
            return http(202, b"")
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if message["method"] == "initialize":
            version = (message.get("params") or {}).get("protocolVersion")
            served = version if isinstance(version, str) and version < "2026" else "2025-11-25"
            info = {"name": "hostile", "version": "1"}
            answer["result"] = {"protocolVersion": served, "capabilities": {"tools": {}}, "serverInfo": info}
        elif message["method"] == "tools/call":
            arguments = (message.get("params") or {}).get("arguments")
            text = arguments.get("text") if isinstance(arguments, dict) else None
            answer["result"] = {"content": [{"type": "text", "text": str(text)}], "isError": False}
        elif message["method"] in ("ping", "tools/list"):
            answer["result"] = {"tools": []} if message["method"] == "tools/list" else {}
        else:
            answer["error"] = {"code": -32601, "message": "Method not found"}
        return http(200, json.dumps(answer).encode())


def http(status: int, body: bytes, kind: bytes = b"application/json") -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        kind,
        len(body),
        body,
    )


@contextlib.contextmanager
def hostile_server() -> Iterator[HostileServer]:
    server = HostileServer()
    try:
        yield server
    finally:
        server.close()
