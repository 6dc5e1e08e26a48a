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
    names = fields(body)
    if doubled(names):
        raise invalid_request("A parameter occurs more than once; only resource and audience may.")
    return present(names)


def fields(raw: bytes) -> Mapping[str, tuple[str, ...]]:
    """The values of each parameter of a form body or query, empty ones too.

    Raises OAuthError (invalid_request) when it is not percent-encoded UTF-8 or has too many parameters.
    """
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:  # UnicodeDecodeError is one; so is too many fields
        raise invalid_request(
            f"The parameters are malformed: UTF-8, percent-encoded, at most {MAX_FIELDS} of them."
        ) from error
    names: dict[str, list[str]] = {}
    for name, value in pairs:
        names.setdefault(name, []).append(value)
    return {name: tuple(found) for name, found in names.items()}


def doubled(names: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """The parameters that occur more often than they may."""
    return frozenset(name for name, found in names.items() if len(found) > 1 and name not in REPEATABLE)


def present(names: Mapping[str, tuple[str, ...]]) -> Form:
    """A form of the parameters that have a value."""
    filled = {name: tuple(value for value in found if value) for name, found in names.items()}
    return Form({name: found for name, found in filled.items() if found})
