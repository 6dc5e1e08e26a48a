"""An agent on nothing but the standard library. What it is asked for in `do` it does."""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PING = {"status": 200, "body": {"status": "Healthy"}}
MEMORY = {"calls": 0}


def about():
    return {
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "argv": sys.argv,
        "path": sys.path[0],
        "cwd": os.getcwd(),
        "name": __name__,
        "file": __file__,
        "environment": dict(os.environ),
        "temporary": tempfile.gettempdir(),
        "modules": sorted(sys.modules),
        "random": random.random(),
        "calls": MEMORY["calls"],
        "interpreter": sys.executable,
    }


def start_children():
    """A child in our group, one in a group of its own, and one whose parent ended at once."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    quiet = "start_new_session=True, stdout=subprocess.DEVNULL"
    daemon = f"import subprocess; print(subprocess.Popen({sleep!r}, {quiet}).pid)"
    return [
        subprocess.Popen(sleep).pid,
        subprocess.Popen(sleep, start_new_session=True).pid,
        int(subprocess.check_output([sys.executable, "-c", daemon], stdin=subprocess.DEVNULL)),
    ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ping":
            MEMORY["pings"] = MEMORY.get("pings", 0) + 1
            self.answer(PING["status"], json.dumps(PING["body"]).encode())
        else:
            self.answer(404, b"{}")

    def do_POST(self):
        MEMORY["calls"] += 1
        body = self.body()
        try:
            asked = json.loads(body)
        except ValueError:
            asked = {}
        do = asked.get("do") if isinstance(asked, dict) else None
        if do == "about":
            self.answer(200, json.dumps(about()).encode())
        elif do == "headers":
            self.answer(200, json.dumps(self.headers.items()).encode())
        elif do == "answer":
            self.answer(asked["status"], asked.get("body", "").encode(), asked.get("headers", {}))
        elif do == "ping":
            PING.update(asked["ping"])
            self.answer(200, b"{}")
        elif do == "children":
            self.answer(200, json.dumps(start_children()).encode())
        elif do == "write":
            Path(os.environ["HOME"], "note").write_text("here")
            self.answer(200, b"{}")
        elif do == "print":
            print(asked["text"], flush=True)
            self.answer(200, b"{}")
        elif do == "exit":
            os._exit(asked["code"])
        elif do == "deaf":
            self.server.shutdown()
            self.server.socket.close()
            self.answer(200, b"{}", {"Connection": "close"})
            self.close_connection = True
        elif do == "hang":
            self.hang(asked["file"])
        else:
            self.answer(200, body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def hang(self, file):
        """Begins an answer without an end; writes a file when the other side closes the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: begun\n\n")
        self.wfile.flush()
        self.rfile.read(1)
        Path(file).write_text("closed")

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
    threading.Event().wait()
