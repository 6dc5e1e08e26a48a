"""The session that a request to an HTTP target belongs to, by which weighted rules keep to one target.

Source: AWS developer guide, session stickiness. The session id stands in a request header: the runtime
session header, or the one that the target's `stickinessConfiguration` names, by its name or by a path
expression whose last part is the name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from skerry.local.ports.resources import Record
from skerry.wire.headers import RUNTIME_SESSION_ID

MAX_SESSION = 256
_EXPRESSION = re.compile(r"\$\.?(?:AMZN_AC_GW_CONTEXT\.headers|context\.header)\.(?P<name>[A-Za-z0-9_-]+)")
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def session_of(target: Record, headers: Mapping[str, str]) -> str:
    """The session id of a request, with the values of all composite identifiers; "" when one is missing.

    `headers` have lower-case names.
    """
    http = (target.get("targetConfiguration") or {}).get("http") or {}
    configured: Mapping[str, Any] = (http.get("passthrough") or {}).get("stickinessConfiguration") or {}
    names = [
        configured.get("identifier") or RUNTIME_SESSION_ID,
        *(configured.get("compositeIdentifier") or ()),
    ]
    values = [headers.get(_header(str(name)), "") for name in names]
    whole = " ".join(values)
    return whole if all(values) and whole.isprintable() and len(whole) <= MAX_SESSION else ""


def _header(identifier: str) -> str:
    found = _EXPRESSION.fullmatch(identifier)
    name = found["name"] if found is not None else identifier
    return name.lower() if _NAME.fullmatch(name) else ""
