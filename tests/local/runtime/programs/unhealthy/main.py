"""A program that listens and says that it is not well, with the status $STATUS (500), the first $UNWELL times.

When it is asked it opens the named pipe $GATE, if there is one, and waits until that is closed.
"""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer

ASKED = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ASKED.append(self.path)
        if "GATE" in os.environ:
            with open(os.environ["GATE"]) as gate:
                gate.read()
        if len(ASKED) <= int(os.environ.get("UNWELL", 1000)):
            self.send_error(int(os.environ.get("STATUS", 500)))
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "Healthy"}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(len(ASKED)).encode())


HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
