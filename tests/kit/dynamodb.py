"""DynamoDB on a loopback port: moto, one request at a time.

moto undoes a failed transaction by putting back the whole table as it was when the transaction began, and
with it undoes what others wrote meanwhile. DynamoDB does not, so requests wait for each other here.

moto's data are those of the process, which other tests keep theirs in: each server has an account of its own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from moto.core.base_backend import model_data
from moto.dynamodb.models import dynamodb_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_ACCOUNTS = itertools.count(200_000_000_000)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def dynamodb() -> Iterator[str]:
    """The URL of the server while the block runs. It forgets everything then."""
    moto = DomainDispatcherApplication(create_backend_app)
    one_at_a_time = threading.Lock()
    account = str(next(_ACCOUNTS))

    def application(environ, start_response):
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        with one_at_a_time:
            return [b"".join(moto(environ, start_response))]

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for region in dynamodb_backends.pop(account, {}).values():
            region.reset()  # moto keeps the backend in a cache
        for model in model_data["dynamodb"].values():
            model.instances_tracked.clear()  # and here all that it ever made
