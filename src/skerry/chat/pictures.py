"""Pictures in a terminal: by the terminal's own protocol, as coloured half blocks, or as a file.

Sources: kitty graphics protocol; iTerm2 inline images protocol; sixels in a module of their own. The three
protocols were built from these documents and not seen on a screen.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skerry.chat.sixel import MAX_HEIGHT, MAX_WIDTH, sixel

if TYPE_CHECKING:
    from PIL.Image import Image

KITTY = ("kitty", "ghostty")
ITERM = ("iterm", "iTerm2", "iTerm.app", "WezTerm")
SIXEL = ("sixel", "foot", "mlterm", "mintty", "contour")
CHUNK = 4096
MAX_PIXELS = 40_000_000

_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


def data_of(block: Mapping[str, Any]) -> bytes:
    """The bytes of an image block; nothing when they cannot be decoded."""
    try:
        return base64.b64decode(str(block.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        return b""


def drawn(data: bytes, mime: str, *, terminal: str, width: int) -> str:
    """What to write to a terminal to show a picture, or nothing when it cannot be shown there.

    `terminal` is the terminal program's name or the way to draw (kitty, iterm, sixel, blocks), `width` its
    columns.
    """
    if terminal in ITERM:
        return iterm(data)
    if terminal in KITTY and mime == "image/png":
        return kitty(data)
    picture = _opened(data)
    if picture is None:
        return ""
    if terminal in KITTY:
        return kitty(_png(picture))
    if terminal in SIXEL:
        picture.thumbnail((MAX_WIDTH, MAX_HEIGHT))
        return sixel(picture) + "\n"
    return half_blocks(picture, width=width)


def kitty(data: bytes) -> str:
    """A PNG for kitty, in chunks of 4096 bytes of base64; all but the last say that more follows."""
    text = base64.b64encode(data).decode("ascii")
    chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)] or [""]
    parts = []
    for index, chunk in enumerate(chunks):
        control = "f=100,a=T," if index == 0 else ""
        parts.append(f"\x1b_G{control}m={int(index < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts) + "\n"


def iterm(data: bytes) -> str:
    """A picture for iTerm2."""
    text = base64.b64encode(data).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(data)}:{text}\x07\n"


def half_blocks(opened: Image, *, width: int, height: int = 40) -> str:
    """A picture of half blocks, two pixels a character, in 24-bit colour."""
    scale = min(1.0, width / opened.width, 2 * height / opened.height)
    columns, rows = max(1, round(opened.width * scale)), max(2, round(opened.height * scale))
    picture = opened.resize((columns, rows + rows % 2))
    lines = []
    for row in range(0, picture.height, 2):
        cells = []
        for column in range(picture.width):
            upper, lower = picture.getpixel((column, row)), picture.getpixel((column, row + 1))
            assert isinstance(upper, tuple)
            assert isinstance(lower, tuple)
            cells.append(
                f"\x1b[38;2;{upper[0]};{upper[1]};{upper[2]}m\x1b[48;2;{lower[0]};{lower[1]};{lower[2]}m▀"
            )
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines) + "\n"


def _opened(data: bytes) -> Image | None:
    """A picture in red, green and blue.

    None when Pillow is not installed or cannot read it, or when it is larger than anybody shows.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return None
            return opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _png(picture: Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def saved(data: bytes, mime: str, *, folder: Path | None = None) -> Path:
    """Writes a picture to a file of its own, for its owner only, and gives its path.

    `folder` is where; by default where the system keeps temporary files.
    """
    handle, name = tempfile.mkstemp(prefix="skerry-", suffix=_SUFFIXES.get(mime, ".bin"), dir=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return Path(name)
