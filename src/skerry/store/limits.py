"""How much may be kept, the same in every store: what one takes, the other takes too."""

from __future__ import annotations

from skerry.store.records import MAX_PAGE, ContentError

MAX_ID = 256
"""Characters of a conversation's id."""

MAX_OWNER = 1024
"""Bytes of an owner's name, which is a key of an index."""

MAX_TITLE = 1024
"""Bytes of a title."""

MAX_METADATA = 64 * 1024
"""Bytes of a conversation's metadata as JSON."""

MAX_STATE = 192 * 1024
"""Bytes of a conversation's state as JSON."""

MAX_MESSAGE = 32 << 20
"""Bytes of a message as JSON."""


def check_names(owner: str, identifier: str | None = None) -> None:
    """Raises ContentError for an owner or id that cannot be a key."""
    if not 0 < _size(owner, "an owner") <= MAX_OWNER:
        raise ContentError(f"an owner's name has 1 to {MAX_OWNER} bytes.")
    if identifier is not None and (_size(identifier, "an id") == 0 or len(identifier) > MAX_ID):
        raise ContentError(f"a conversation's id has 1 to {MAX_ID} characters.")


def check_title(title: str) -> None:
    """Raises ContentError for a title that is too long."""
    if _size(title, "a title") > MAX_TITLE:
        raise ContentError(
            f"a title has at most {MAX_TITLE} bytes.", hint="Keep the whole text in a message."
        )


def check_metadata(text: str) -> None:
    """Raises ContentError for a conversation's metadata that are too large."""
    _check(text, MAX_METADATA, "the metadata of a conversation are")


def check_state(text: str) -> None:
    """Raises ContentError for a state that is too large."""
    _check(text, MAX_STATE, "the state of a conversation is")


def check_message(text: str) -> None:
    """Raises ContentError for a message that is too large."""
    _check(text, MAX_MESSAGE, "a message is")


def page_size(limit: int) -> int:
    """The number of items on a page of `limit`."""
    return max(1, min(limit, MAX_PAGE))


def _check(text: str, most: int, what: str) -> None:
    if len(text) * 4 > most and len(text.encode()) > most:
        raise ContentError(f"{what} larger than {most} bytes.", hint="Keep it elsewhere and name where.")


def _size(text: str, what: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise ContentError(f"{what} has characters that are not Unicode text.") from None
