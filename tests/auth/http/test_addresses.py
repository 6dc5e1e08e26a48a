"""Which addresses are public: every special range is not, however an IPv4 address is wrapped."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.http.addresses import is_public

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1"]
SPECIAL_V6 = [
    "::", "::1", "fe80::1", "fe80::1%1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1",
    "2001:db8::1", "3fff::1", "100::1", "64:ff9b:1::808:808", "4000::1", "5f00::1", "2606:4700::1111%eth0",
]  # fmt: skip


def wrapped(address: str) -> list[IPv6Address]:
    """An IPv4 address as it stands inside IPv6 ones."""
    four = int(IPv4Address(address))
    return [
        IPv6Address(0xFFFF << 32 | four),  # mapped
        IPv6Address((0x64FF9B << 96) | four),  # NAT64
        IPv6Address((0x2002 << 112) | (four << 80) | 1),  # 6to4
        IPv6Address(
            (0x20010000 << 96) | (four << 64) | (0xFFFFFFFF ^ int(IPv4Address("8.8.8.8")))
        ),  # Teredo, server
        IPv6Address(
            (0x20010000 << 96) | (int(IPv4Address("8.8.8.8")) << 64) | (0xFFFFFFFF ^ four)
        ),  # Teredo, client
        IPv6Address((0x26064700 << 96) | (0x5EFE << 32) | four),  # ISATAP
        IPv6Address((0x26064700 << 96) | (0x02005EFE << 32) | four),
    ]


@pytest.mark.behaviour("AUTH-GUARD-ADDRESS")
@pytest.mark.parametrize("address", PRIVATE + SPECIAL_V6)
def test_a_special_address_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", [*PUBLIC, "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"])
def test_a_global_unicast_address_is(address):
    assert is_public(ip_address(address))


@pytest.mark.behaviour("AUTH-GUARD-ADDRESS")
@pytest.mark.parametrize("address", PRIVATE)
def test_wrapping_an_address_in_ipv6_does_not_make_it_public(address):
    assert [str(item) for item in wrapped(address) if is_public(item)] == []


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_one_stays_public_when_wrapped(address):
    assert [str(item) for item in wrapped(address) if not is_public(item)] == []


def test_old_ipv4_compatible_and_translated_forms_are_never_public():
    assert not is_public(ip_address("::8.8.8.8"))
    assert not is_public(ip_address("::ffff:0:8.8.8.8"))


@given(st.ip_addresses(v=6))
def test_nothing_outside_global_unicast_passes_but_wrapped_ipv4(address):
    if is_public(address):
        assert int(address) >> 125 == 1 or address.ipv4_mapped or int(address) >> 32 == 0x64FF9B << 64
