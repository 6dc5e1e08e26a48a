"""Runtime session ids.

Source: botocore service model of InvokeAgentRuntime (length 33..256). botocore checks the minimum only, so
the server checks both ends. The answer header is modelled tighter, `[a-zA-Z0-9][a-zA-Z0-9-_]*` of at most
100: an id that fits `PORTABLE` is right everywhere.
"""

from __future__ import annotations

import re
import uuid

MIN_LENGTH = 33
MAX_LENGTH = 256
PORTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{32,99}")

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def problem(identifier: str) -> str | None:
    """What is wrong with a runtime session id, in AWS's words where they are known, or None.

    An accepted id is visible ASCII and so safe in a header; it is not safe as a file name.
    """
    if len(identifier) < MIN_LENGTH:
        return f"Member must have length greater than or equal to {MIN_LENGTH}"
    if len(identifier) > MAX_LENGTH:
        return f"Member must have length less than or equal to {MAX_LENGTH}"
    return None if _VISIBLE.fullmatch(identifier) else "Member must consist of visible ASCII characters"


def new() -> str:
    """A new session id: a random UUID of 36 characters, as boto3 makes it."""
    return str(uuid.uuid4())
