"""A program that listens and says that it is not well."""

from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(500)


HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
