"""Pictures, sounds and texts that the fixtures hand out."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib

from mcp import types

WATCHED = "test://watched-resource"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pixel() -> bytes:
    """A red PNG of one pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0\xff\0\0")), (b"IEND", b""))
    )


def _silence() -> bytes:
    """A WAV file with a millisecond of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 8)
    return file.getvalue()


PICTURE = base64.b64encode(_pixel()).decode()
SOUND = base64.b64encode(_silence()).decode()


def text(words: str) -> types.TextContent:
    return types.TextContent(type="text", text=words)


def picture() -> types.ImageContent:
    return types.ImageContent(type="image", data=PICTURE, mime_type="image/png")


def sound() -> types.AudioContent:
    return types.AudioContent(type="audio", data=SOUND, mime_type="audio/wav")


def resource(uri: str, words: str, mime_type: str = "text/plain") -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    return types.EmbeddedResource(type="resource", resource=contents)


def said(words: str, *, failed: bool = False) -> types.CallToolResult:
    """A tool result of one text."""
    return types.CallToolResult(content=[text(words)], is_error=failed)
