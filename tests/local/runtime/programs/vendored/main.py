"""A program with a package installed beside it, and a module of its own."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

import leaflet
import own


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"status": "Healthy"})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"pid": os.getpid(), "leaflet": leaflet.LOADED_BY, "own": own.LOADED_BY})

    def answer(self, data):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(data).encode())


HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
