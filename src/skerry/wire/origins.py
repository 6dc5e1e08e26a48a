"""Whether a web page from elsewhere made a browser send a request: its `Origin` gives that away.

Source: MCP, transports, security warning (a server MUST check `Origin` and answer 403 to a wrong one).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_LOCAL = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.ASCII)


def foreign(origin: str | None, own: str = "") -> bool:
    """Whether an `Origin` is there and names neither this machine nor the origin of `own`, a URL.

    Compared as text, but for the case of scheme and host, which browsers send in lower case.
    """
    if origin is None or _LOCAL.fullmatch(origin) is not None:
        return False
    try:
        parts = urlsplit(own)
    except ValueError:
        return True
    return not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}".lower()
