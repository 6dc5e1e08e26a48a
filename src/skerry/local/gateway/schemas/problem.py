"""What is wrong with a schema that somebody gave."""

from __future__ import annotations

from skerry.errors import SkerryError


class SchemaError(SkerryError):
    """A document that gives no tools; the text names the line, the operation or the member."""

    code = "SKY-101"
