"""Which network addresses belong to the public internet.

Addresses are read by `ipaddress` and never by hand: octal, hexadecimal and short spellings are decided by
the resolver, and what comes out of it is judged here. Sources: IANA's special-purpose address registries,
RFC 4291 (mapped), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 6052 and RFC 8215 (NAT64), RFC 5214 (ISATAP).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_ASSIGNMENTS = IPv4Network("192.0.0.0/24")
"""RFC 6890, of which older Pythons know a part only; a cloud has its metadata at 192.0.0.192."""
_METADATA = (_ASSIGNMENTS, IPv6Network("fd00:ec2::/32"))
"""Where clouds answer outside of their link-local addresses."""
_UNICAST = IPv6Network("2000::/3")
"""All that IANA has assigned for global unicast."""
_DOCUMENTATION = IPv6Network("3fff::/20")
"""RFC 9637, of 2024, which older Pythons do not know."""
_NAT64 = IPv6Network("64:ff9b::/96")
"""How machines without IPv4 reach it; the local-use prefix of RFC 8215 is not global."""
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")


def is_public(address: Address) -> bool:
    """Whether an address, and every IPv4 address inside it, is a global unicast address.

    A NAT64 prefix of a network's own cannot be told from any other address.
    """
    if isinstance(address, IPv4Address):
        special = address.is_multicast or address.is_reserved or address in _ASSIGNMENTS
        return address.is_global and not special
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(address.packed[12:]))
    if address not in _UNICAST or address in _DOCUMENTATION:
        return False
    inside = tuple(_inside(address))
    # A 6to4 or Teredo prefix is not "global" to every Python; its IPv4 addresses decide.
    return all(map(is_public, inside)) and (bool(inside) or address.is_global)


def is_near(address: Address) -> bool:
    """Whether an address is of this machine or of a private network; link-local ones are not.

    Those where clouds have their metadata and credentials are not either.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return is_near(address.ipv4_mapped)
    if address.is_loopback:
        return True
    other = address.is_link_local or address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_private and not other and not any(address in network for network in _METADATA)


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address.packed[8:12] in _ISATAP:
        yield IPv4Address(address.packed[12:])
