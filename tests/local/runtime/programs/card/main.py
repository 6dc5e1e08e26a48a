"""An A2A server on nothing but the standard library: card, JSON-RPC at the root, one streamed method."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

URL = os.environ.get("AGENTCORE_RUNTIME_URL", "http://localhost:9000/")
CARD = {"name": "card", "url": URL, "capabilities": {"streaming": True}, "skills": []}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ping":
            self.answer(200, {"status": "Healthy"})
        elif self.path == "/.well-known/agent-card.json":
            self.answer(200, {**CARD, "seen": {name.lower(): value for name, value in self.headers.items()}})
        else:
            self.answer(404, {})

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        identifier, method = message["id"], message["method"]
        if self.path != "/":
            self.answer(404, {})
        elif method == "message/stream":
            self.stream(identifier)
        elif method == "fail":
            self.answer(message["params"]["status"], {"detail": "the program's own words"})
        else:
            session = self.headers["X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"]
            self.answer(
                200, {"jsonrpc": "2.0", "id": identifier, "result": {"pid": os.getpid(), "session": session}}
            )

    def stream(self, identifier):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(3):
            event = {"jsonrpc": "2.0", "id": identifier, "result": {"number": number}}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.close_connection = True

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
