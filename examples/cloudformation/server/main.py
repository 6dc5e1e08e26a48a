"""An MCP server as AgentCore Runtime hosts it (port 8000, POST /mcp), on nothing but the standard library.

A server of your own would use the SDK of MCP; this one shows what travels, and its zip needs no packages.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOOL = {
    "name": "get_forecast",
    "description": "The weather forecast for a city.",
    "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def answer(method, params):
    if method == "initialize":
        info = {"name": "weather", "version": "1.0.0"}
        version = params["protocolVersion"]
        return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
    if method == "ping":
        return {"result": {}}
    if method == "tools/list":
        return {"result": {"tools": [TOOL]}}
    if method == "tools/call":
        text = f"{params['arguments']['city']}: 18 °C, light rain"
        return {"result": {"content": [{"type": "text", "text": text}]}}
    return {"error": {"code": -32601, "message": f"Method not found: {method}"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in message:
            return self.reply(202, b"")
        told = answer(message["method"], message.get("params") or {})
        return self.reply(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], **told}).encode())

    def do_GET(self):
        self.reply(405, b"")

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
