"""Strategies: HTTP answers as no server should give them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.hostile import HOSTILE

GOOD = b'{"jsonrpc":"2.0","id":@ID@,"result":{"content":[{"type":"text","text":"raw"}]}}'
BODIES = st.one_of(
    st.just(GOOD),
    st.just(GOOD + b"\n" + GOOD),
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"error":{"code":-32001,"message":"Session not found"}}'),
    st.just(
        b'{"jsonrpc":"2.0","id":@ID@,"error":{"code":-32602,"message":"Invalid request parameters","data":""}}'
    ),
    st.just(b'{"jsonrpc":"2.0","id":"other","result":{}}'),
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"result":"\xff"}'),
    st.just(b'{"message":"x","__type":"ThrottlingException"}'),
    st.just(b"<html>" + b"y" * 3000),
    st.just(b"z" * 200_000),
    HOSTILE,
)
EVENTS = st.one_of(
    BODIES.map(lambda body: b"data: " + body + b"\n\n"),
    st.just(b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}\r\n\r\n'),
    st.just(b'data: {"jsonrpc":"2.0","id":"q","method":"ping"}\n\n'),
    st.just(b"id: 7\nretry: 1\n\n"),
    st.just(b": comment\n\n"),
    HOSTILE,
)
STREAMS = st.lists(EVENTS, max_size=4).map(b"".join)
STATUSES = st.sampled_from(
    [200, 200, 200, 200, 201, 202, 204, 301, 400, 401, 403, 404, 405, 413, 500, 502, 503]
)


def head(status: int, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 %d X" % status, *headers]) + b"\r\n\r\n"


def chunked(body: bytes, *, end: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:5], body[5:]) if piece) + end


JSON = b"content-type: application/json"
SSE = b"content-type: text/event-stream"
WHOLE = st.builds(lambda status, body: head(status, JSON, b"content-length: @LEN@") + body, STATUSES, BODIES)
SHORT = st.builds(lambda body: head(200, JSON, b"content-length: 500000") + body, BODIES)
UNTIL_CLOSE = st.builds(
    lambda kind, body: head(200, kind) + body, st.sampled_from([JSON, SSE]), STREAMS | BODIES
)
STREAMED = st.builds(
    lambda status, body: head(status, SSE, b"content-length: @LEN@") + body, STATUSES, STREAMS
)
# The id is not in these, because it would change the length of a chunk.
CHUNKED = st.builds(
    lambda body, end: (
        head(200, SSE, b"transfer-encoding: chunked") + chunked(body.replace(b"@ID@", b"1"), end=end)
    ),
    STREAMS,
    st.sampled_from([b"0\r\n\r\n", b"", b"zz\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\r\nab"]),
)
ODD_HEADS = st.one_of(
    st.just(b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n"),
    st.just(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 9\r\n\r\nabc"),
    st.just(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc"),
    st.just(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"),
    st.just(b"HTTP/1.1 999\r\n\r\n"),
    st.just(b"HTTP/9.9 200 OK\r\n\r\n"),
    st.just(b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    st.just(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx"),
    st.just(b"HTTP/1.1 200 OK\r\nx: " + b"h" * 300_000),
    st.just(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000),
    st.just(b"HTTP/1.1 301 Moved\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n"),
    st.just(b""),
    st.just(b"\r\n\r\n"),
    HOSTILE,
)
ANSWERS = st.one_of(WHOLE, WHOLE, STREAMED, UNTIL_CLOSE, CHUNKED, SHORT, ODD_HEADS)
"""The bytes of one HTTP answer."""
