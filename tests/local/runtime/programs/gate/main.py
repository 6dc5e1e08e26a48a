"""A program that begins when the test opens the named pipe $GATE for writing."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer

with open(os.environ["GATE"]) as gate:
    gate.read()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "Healthy"}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()


HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
