"""Permissions boundaries of IAM users, which moto does not keep: given, changed, taken away.

A boundary becomes a member of moto's own user: it goes with the user, shows in GetUser as AWS's does, and is
read by `principals`. This module runs in moto's process, so that seeds give users boundaries as well.

Source: IAM API reference, CreateUser, PutUserPermissionsBoundary, DeleteUserPermissionsBoundary.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend, User

MEMBER = "permissions_boundary"
"""Of moto's user, in the form of IAM's `AttachedPermissionsBoundary`."""
_PUT, _DELETE, _CREATE = "PutUserPermissionsBoundary", "DeleteUserPermissionsBoundary", "CreateUser"
_SCOPE = re.compile(r"Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]*)/iam/aws4_request", re.IGNORECASE)
_XMLNS = "https://iam.amazonaws.com/doc/2010-05-08/"

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]


def boundary_of(user: User) -> str:
    """The ARN of a user's boundary, "" when it has none."""
    found: Mapping[str, str] = getattr(user, MEMBER, None) or {}
    return found.get("PermissionsBoundaryArn", "")


def serve(environ: Environ, start_response: Any, moto: Wsgi) -> Iterable[bytes]:
    """The answer to a request: moto's own, but for boundaries of users."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    given = _form(environ) if scope else {}
    if scope is None or given.get("Action") not in (_PUT, _DELETE, _CREATE):
        return moto(environ, start_response)
    action, name, boundary = given["Action"], given.get("UserName", ""), given.get("PermissionsBoundary", "")
    iam = _backend(*scope.groups())
    if (boundary or action == _PUT) and boundary not in iam.managed_policies:
        return _error(start_response, f"Scope ARN: {boundary} does not exist or is not attachable.")
    if action == _CREATE:
        before = iam.users.get(name)
        answer = moto(environ, start_response)
        made = iam.users.get(name)
        if boundary and made is not None and made is not before:
            _bound(made, boundary)
        return answer
    user = iam.users.get(name)
    if user is None:
        return _error(start_response, f"The user with name {name} cannot be found.")
    if action == _DELETE and not boundary_of(user):
        return _error(start_response, f"The user with name {name} does not have a permissions boundary.")
    _bound(user, boundary if action == _PUT else "")
    return _sent(start_response, "200 OK", f'<{action}Response xmlns="{_XMLNS}"/>')


def _form(environ: Environ) -> dict[str, str]:
    """The parameters of a request, whose body stays readable."""
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    environ["wsgi.input"] = io.BytesIO(body)
    query = environ.get("QUERY_STRING", "")
    return dict(parse_qsl(f"{query}&{body.decode('utf-8', 'replace')}"))


def _backend(access_key_id: str, region: str) -> IAMBackend:
    from moto.iam.models import get_account_id_from, iam_backends
    from moto.utilities.utils import get_partition

    return iam_backends[get_account_id_from(access_key_id)][get_partition(region)]


def _bound(user: User, boundary: str) -> None:
    whole = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary}
    setattr(user, MEMBER, whole if boundary else None)


def _error(start_response: Any, message: str) -> Iterable[bytes]:
    inner = f"<Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>{escape(message)}</Message></Error>"
    text = f'<ErrorResponse xmlns="{_XMLNS}">{inner}</ErrorResponse>'
    return _sent(start_response, "404 Not Found", text)


def _sent(start_response: Any, status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]
