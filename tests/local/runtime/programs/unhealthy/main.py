"""A program that listens and says that it is not well, with the status $STATUS (500).

When it was asked it opens the named pipe $GATE, if there is one; is that closed, it is well.
"""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if "GATE" in os.environ:
            with open(os.environ["GATE"]) as gate:
                self.server.well = "well" in gate.read()
        if not getattr(self.server, "well", False):
            self.send_error(int(os.environ.get("STATUS", 500)))
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "Healthy"}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()


HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
