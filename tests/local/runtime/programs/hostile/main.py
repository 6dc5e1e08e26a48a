"""A program that does what it is told: evaluates the expression in `run` and answers its value."""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEPT = {}
ASKED = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer({"status": "Healthy"})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        ASKED.append(self.path)
        if self.path == "/not-warm":
            self.send_error(503)
            return
        try:
            value = eval(asked.get("run", "None"), globals())
        except Exception as problem:
            self.answer({"error": type(problem).__name__, "text": str(problem)})
        else:
            self.answer({"value": value if isinstance(value, (list, dict, str, int, bool)) else repr(value)})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
