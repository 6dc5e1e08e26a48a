"""The form body of a token request (RFC 6749 section 3.2 and appendix B)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from skerry.idp.oauth_errors import invalid_request

MAX_BYTES = 64 * 1024
MAX_FIELDS = 64
REPEATABLE = frozenset({"resource", "audience"})
"""Parameters that may occur more than once (RFC 8707 section 2, RFC 8693 section 2.1)."""

_CONTENT_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters; those sent without a value count as absent. `repr` shows none of them."""

    values: Mapping[str, tuple[str, ...]] = field(repr=False)

    def one(self, name: str) -> str:
        """The value of a parameter that occurs once at most; empty when it is absent."""
        return next(iter(self.values.get(name, ())), "")

    def required(self, name: str) -> str:
        """As `one`; raises OAuthError (invalid_request) when absent."""
        value = self.one(name)
        if not value:
            raise invalid_request(f"The parameter '{name}' is missing.")
        return value

    def all(self, name: str) -> tuple[str, ...]:
        """The values of a repeatable parameter, without doubles, in order."""
        return tuple(dict.fromkeys(self.values.get(name, ())))


def parse(content_type: str, body: bytes) -> Form:
    """The form in `body`. Raises OAuthError (invalid_request) for anything else, or a doubled parameter."""
    if content_type.split(";", 1)[0].strip().lower() != _CONTENT_TYPE:
        raise invalid_request(f"Send the parameters as a form body with Content-Type {_CONTENT_TYPE}.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:  # UnicodeDecodeError is one; so is too many fields
        raise invalid_request(
            f"The form body is malformed: UTF-8, percent-encoded, at most {MAX_FIELDS} parameters."
        ) from error
    names: dict[str, list[str]] = {}
    for name, value in pairs:
        names.setdefault(name, []).append(value)
    doubled = next((name for name, found in names.items() if len(found) > 1 and name not in REPEATABLE), None)
    if doubled is not None:
        raise invalid_request("A parameter occurs more than once; only resource and audience may.")
    present = {name: tuple(value for value in found if value) for name, found in names.items()}
    return Form({name: found for name, found in present.items() if found})
