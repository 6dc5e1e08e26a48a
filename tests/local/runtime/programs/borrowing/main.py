"""A program that makes clients of AWS, and says what botocore parsed for them and what each reader got."""

import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import boto3
from botocore import loaders

MODULES = set(sys.modules)
parsed = []
said = []


def loads(text, **options):
    parsed.append(text)
    return json.loads(text, **options)


class Kept(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


loaders.json = SimpleNamespace(loads=loads)
logging.getLogger("botocore.loaders").addHandler(Kept())
logging.getLogger("botocore.loaders").setLevel("DEBUG")


def client():
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "secret"}
    return boto3.client("sts", region_name="us-east-1", **keys).meta.endpoint_url


def read():
    """Two readers of one file; the first one changes what it got."""
    first = loaders.Loader().load_data("endpoints")
    whole = len(first["partitions"])
    first["partitions"].clear()
    second = loaders.Loader().load_data("endpoints")
    return {"whole": whole, "second": len(second["partitions"]), "type": type(second).__name__}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"status": "Healthy"})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        done = {"client": client, "read": read}[asked["do"]]()
        late = [name for name in sys.modules if name not in MODULES]
        self.answer(
            {
                "done": done,
                "parsed": len(parsed),
                "said": said,
                "late": late,
                "threads": threading.active_count(),
            }
        )

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
