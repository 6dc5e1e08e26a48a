"""WebSocket frames as they are, not put together into messages: what client and server side share.

Source: RFC 6455; AWS developer guide, runtime quotas (64 KB a frame, both ways); field reports for the text.

A plane sees every data frame as an ASGI message `websocket.frame` with `opcode`, `data` (bytes) and `fin`,
in place of `websocket.receive`, and sends frames in the same form. That keeps large messages in pieces: they
are never held in memory as a whole, and the limit counts what AWS counts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from websockets.frames import CloseCode
from websockets.protocol import Protocol

MAX_FRAME = 64 * 1024
TOO_BIG = "message size limit of 64 KB for a message frame is exceeded"
LIMITS: tuple[int | None, int | None] = (None, MAX_FRAME)
"""`max_size` of a connection: a message may be as long as it likes, a frame may not."""

log = logging.getLogger("skerry.local.http.frames")
log.setLevel(logging.WARNING)  # below that, the library prints URLs and headers, which hold signatures


@dataclass(frozen=True, slots=True)
class Close:
    """Why a connection ended. Code 1006: without a closing handshake; 1005: without a code."""

    code: int
    reason: str = ""

    @property
    def sendable(self) -> bool:
        """Whether this code may stand in a close frame (RFC 6455 §7.4)."""
        return 1000 <= self.code < 5000 and self.code not in (1004, 1005, 1006, 1015)


class AwsLimits(Protocol):
    """Mixed into a side of the protocol: a frame that is too long is refused in AWS's words."""

    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        """Fails the connection."""
        super().fail(code, TOO_BIG if code == CloseCode.MESSAGE_TOO_BIG else reason)
