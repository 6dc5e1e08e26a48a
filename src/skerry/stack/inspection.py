"""Requests to skerry's own paths at a running endpoint, signed with the stack's key."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.errors import RemoteError


def ask(stack: Mapping[str, Any], method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON that `path` below `/_skerry/` answers. Raises RemoteError when the endpoint does not."""
    url = f"{stack['endpoint']}/_skerry/{path}"
    data = json.dumps(body).encode() if body is not None else b""
    credentials = Credentials(stack["access_key_id"], stack["secret_access_key"])
    place = {"region": stack["region"], "service": "skerry", "now": time.time()}
    try:
        with httpx2.Client(trust_env=False, timeout=10) as http:
            request = http.build_request(method, url, content=data)
            request.headers.update(sign(method, url, {}, data, credentials=credentials, **place))
            reply = http.send(request)
            reply.raise_for_status()
            return reply.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise RemoteError(f"{stack['endpoint']} does not answer /_skerry/{path}: {error}.") from error
