"""Headers by which a client tries to get an identity, or somebody's credential, past an edge.

`HEADERS` are raw lines as they stand in a request; every value that must reach nobody holds LEAK. The allow-lists of
the targets name all of TEMPTING, as an owner might who does not know better.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

TEMPTING = [
    "X-Note", "X-JWT-TOKEN", "X_JWT_TOKEN", "X-TENANT-ID", "x_tenant_id", "Authorization", "AUTHORIZATION_",
    "Cookie", "Proxy-Authorization", "Proxy_Authorization", "X-Forwarded-For", "X_Forwarded_For", "Txn-Token",
    "txn_token", "X_Amz_Security_Token", "X_Amzn_Bedrock_AgentCore_Runtime_User_Id", "Transfer_Encoding",
    "Content_Length", "Host", "WorkloadAccessToken", "X_Amz_Bedrock_AgentCore_Identity_WAT",
]  # fmt: skip


@dataclass(frozen=True)
class Smuggled:
    """Lines of a request's head. `refused` says that the request itself must not be served."""

    name: str
    lines: tuple[bytes, ...]
    refused: bool = False


def _lines(name: str, *lines: bytes, refused: bool = False) -> Smuggled:
    return Smuggled(name, lines, refused)


HEADERS: tuple[Smuggled, ...] = (
    _lines("as it is", b"X-JWT-TOKEN: LEAK", b"X-TENANT-ID: LEAK"),
    _lines("lower case", b"x-jwt-token: LEAK", b"x-tenant-id: LEAK"),
    _lines("mixed case", b"x-JwT-tOkEn: LEAK", b"X-tenant-ID: LEAK"),
    _lines("underscores", b"X_JWT_TOKEN: LEAK", b"X_TENANT_ID: LEAK"),
    _lines("one underscore", b"X-JWT_TOKEN: LEAK", b"X_TENANT-ID: LEAK"),
    _lines("doubled", b"X-JWT-TOKEN: LEAK", b"X-JWT-TOKEN: LEAK2"),
    _lines("comma-joined", b"X-TENANT-ID: acme, LEAK"),
    _lines("listed by Connection", b"Connection: close, X-Note", b"X-Note: LEAK"),
    _lines("listed by Connection, as a decoy", b"Connection: close, X-JWT-TOKEN", b"X-JWT-TOKEN: LEAK"),
    _lines("listed by a second Connection", b"Connection: x-other", b"Connection: X-NOTE", b"X-Note: LEAK"),
    _lines("outside of ASCII", b"X-Note: LEAK\xc3\xa9"),
    _lines("a NUL in a value", b"X-Note: LEAK\0"),
    _lines("too long", b"X-Note: LEAK" + b"x" * 5000),
    _lines("a name outside of ASCII", b"X-JWT-TOKEN\xe9: LEAK"),
    _lines("a blank before the colon", b"X-JWT-TOKEN : LEAK"),
    _lines("a tab before the name", b"X-Note: a", b"\tX-JWT-TOKEN: LEAK"),
    _lines("an old folded line", b"X-Other: a", b" LEAK"),
    _lines("a bare line feed", b"X-Other: a\nX-JWT-TOKEN: LEAK"),
    _lines("a bare carriage return", b"X-Other: a\rX-JWT-TOKEN: LEAK"),
    _lines("cookies", b"Cookie: a=LEAK"),
    _lines("a proxy's credentials", b"Proxy-Authorization: Bearer LEAK", b"Proxy_Authorization: LEAK"),
    _lines("where it came from", b"X-Forwarded-For: LEAK", b"X_Forwarded_For: LEAK"),
    _lines("AWS's names", b"X_Amz_Security_Token: LEAK", b"X_Amzn_Bedrock_AgentCore_Runtime_User_Id: LEAK"),
    _lines("a workload's token", b"WorkloadAccessToken: LEAK", b"X_Amz_Bedrock_AgentCore_Identity_WAT: LEAK"),
    _lines("the stack's own proof", b"Txn-Token: LEAK", b"txn_token: LEAK"),
    _lines("a second Authorization", b"Authorization: Bearer LEAK", refused=True),
    _lines("a second Authorization of another scheme", b"authorization: Basic LEAK", refused=True),
    _lines("a length in other words", b"Content_Length: LEAK", b"Transfer_Encoding: LEAK"),
)


def send(
    url: str, lines: tuple[bytes, ...], *, token: str, body: bytes, kind: bytes = b""
) -> tuple[int, bytes]:
    """POSTs a body with a good token and these lines over a bare socket; status (0 for none) and the answer."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    closes = any(line.lower().startswith(b"connection:") and b"close" in line for line in lines)
    head = [
        f"POST {path} HTTP/1.1".encode(),
        f"Host: {parts.netloc}".encode(),
        b"Content-Type: application/json",
        b"Accept: application/json, text/event-stream",
        b"Content-Length: %d" % len(body),
        *([f"Authorization: Bearer {token}".encode()] if token else []),
        *([] if closes else [b"Connection: close"]),
        *([kind] if kind else []),
        *lines,
    ]
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20) as line:
        line.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
        answer = bytearray()
        while piece := line.recv(65_536):
            answer += piece
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0, bytes(answer)
