"""An MCP server on the standard library that answers how it was asked first.

With $STATUS it refuses with that status what is not of a session. The parameter `choose` is the session id that
it answers with.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ASKED = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ASKED.append(
            {
                "path": self.path,
                "from": self.client_address[0],
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "message": message,
            }
        )
        refused = "STATUS" in os.environ and "Mcp-Session-Id" not in self.headers
        result = {"jsonrpc": "2.0", "id": message.get("id"), "result": {"asked": ASKED}}
        body = json.dumps({} if refused else result).encode()
        self.send_response(int(os.environ["STATUS"]) if refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if chosen := message.get("params", {}).get("choose"):
            self.send_header("Mcp-Session-Id", chosen)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
