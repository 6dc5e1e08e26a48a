"""An agent with a card, on nothing but the standard library: it answers what it was asked."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CARD = {"name": "described", "version": "1", "capabilities": {}, "skills": []}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        known = {"/ping": {"status": "Healthy"}, "/.well-known/agent-card.json": CARD}
        self.answer(200 if self.path in known else 404, json.dumps(known.get(self.path, {})).encode())

    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers["content-length"])))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
