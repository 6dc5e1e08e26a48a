"""Personal data that has a form: one finder for each type of the service model that a pattern can find.

Names, addresses, ages and their like need a language model and are not here. Every pattern runs in time
that grows with the text, and where a number has a check digit it is checked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping

Span = tuple[int, int]


def _always(_: str) -> bool:
    return True


def _luhn(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    bare = text.replace(" ", "")
    turned = bare[4:] + bare[:4]
    return 15 <= len(bare) <= 34 and int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _mixed(text: str) -> bool:
    """Whether it has capitals, small letters and digits, as random base64 has and a hash in hex has not."""
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(kind(character) for character in text) for kind in kinds)


def _phone(text: str) -> bool:
    return 8 <= sum(character.isdigit() for character in text) <= 15


_TABLE: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "AWS_ACCESS_KEY": (r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])", _always),
    "AWS_SECRET_KEY": (r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])", _mixed),
    "CREDIT_DEBIT_CARD_NUMBER": (r"(?<![\d-])[0-9](?:[ -]?[0-9]){12,18}(?![\d-])", _luhn),
    "EMAIL": (
        r"(?<![\w.%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
        _always,
    ),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": (
        r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)",
        _iban,
    ),
    "IP_ADDRESS": (
        r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}|(?:[\dA-Fa-f]{0,4}:){2,7}[\dA-Fa-f]{0,4})(?![\w:]|\.\d)",
        _address,
    ),
    "MAC_ADDRESS": (r"(?<![\w:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:-])", _always),
    "PASSWORD": (r"(?i)(?<![a-z])(?:password|passwd|passphrase)[ ]{0,2}[:=][ ]{0,2}[^\s,;]{1,128}", _always),
    "PHONE": (
        r"(?<![\w+])(?:\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w-])",
        _phone,
    ),
    "URL": (r"(?<![a-z])https?://[^\s<>\"']{1,2000}", _always),
    "US_SOCIAL_SECURITY_NUMBER": (
        r"(?<![\d-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\d-])",
        _always,
    ),
}


def _finder(regex: str, holds: Callable[[str], bool]) -> Callable[[str], Iterator[Span]]:
    compiled = re.compile(regex, re.ASCII)

    def find(text: str) -> Iterator[Span]:
        return (match.span() for match in compiled.finditer(text) if holds(match.group()))

    return find


FINDERS: Mapping[str, Callable[[str], Iterator[Span]]] = {
    name: _finder(regex, holds) for name, (regex, holds) in _TABLE.items()
}
"""Where a type of GuardrailPiiEntityType stands in a text."""
