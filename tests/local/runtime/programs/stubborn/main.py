"""A program that does not end before the named pipe $GATE, if there is one, is opened and closed by a writer."""

import os
import signal
from http.server import BaseHTTPRequestHandler, HTTPServer


def end(*_):
    if "GATE" in os.environ:
        with open(os.environ["GATE"]) as gate:
            gate.read()
    os._exit(0)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "Healthy"}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()


signal.signal(signal.SIGTERM, end)
HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
