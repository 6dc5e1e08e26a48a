"""E-mail addresses: what this API takes.

A dot-atom of ASCII before the `@` and a host name with at least two labels behind it (RFC 5321, section
4.1.2, without quoted local parts and address literals, which no one means to type). Lengths: RFC 5321,
section 4.5.3.1, and RFC 3696 with erratum 1690 (254 in all).
"""

from __future__ import annotations

import re

MAX_LENGTH = 254
MAX_LOCAL = 64
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def problem(address: object) -> str:
    """What is wrong with an address, or an empty string. The text never repeats the address."""
    if not isinstance(address, str):
        return "An e-mail address is a string."
    if len(address) > MAX_LENGTH:
        return f"An e-mail address has at most {MAX_LENGTH} characters."
    local, found, domain = address.rpartition("@")
    if not found or not local or not domain:
        return "An e-mail address looks like name@example.com."
    if len(local) > MAX_LOCAL or not _LOCAL.fullmatch(local):
        return (
            "The part before the @ holds letters, digits, dots inside and !#$%&'*+/=?^_`{|}~- (64 at most)."
        )
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return "The part after the @ must be a host name such as example.com (write it in punycode)."
    if labels[-1].isdigit():
        return "The last part of the host name cannot be a number."
    return ""
