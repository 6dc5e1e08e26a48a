"""DynamoDB on a loopback port: moto, one request at a time.

moto undoes a failed transaction by putting back the whole table as it was when the transaction began, and
with it undoes what others wrote meanwhile. DynamoDB does not, so requests wait for each other here.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def dynamodb() -> Iterator[str]:
    """The URL of the server while the block runs. It forgets everything then."""
    moto = DomainDispatcherApplication(create_backend_app)
    one_at_a_time = threading.Lock()

    def application(environ, start_response):
        with one_at_a_time:
            return [b"".join(moto(environ, start_response))]

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
