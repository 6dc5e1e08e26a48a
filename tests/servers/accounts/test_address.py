"""E-mail addresses: a parser, so hypothesis has its say."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.servers.accounts.api.address import MAX_LENGTH, problem

ATOM = string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-"
LETTERS = string.ascii_letters + string.digits

atoms = st.text(ATOM, min_size=1, max_size=10)
labels = st.builds(
    lambda first, middle, last: first + middle + last,
    st.sampled_from(LETTERS),
    st.text(LETTERS + "-", max_size=8),
    st.sampled_from(LETTERS),
)
addresses = st.builds(
    lambda local, domain, top: f"{'.'.join(local)}@{'.'.join(domain)}.{top}",
    st.lists(atoms, min_size=1, max_size=4),
    st.lists(labels, min_size=1, max_size=4),
    st.text(string.ascii_letters, min_size=2, max_size=6),
)


@pytest.mark.parametrize(
    "address",
    ["user@example.com", "a.b+c@x-y.example.org", "o'neil@example.co.uk", "x@xn--bcher-kva.example"],
)
def test_good(address):
    assert problem(address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "", "user", "@example.com", "user@", "user@localhost", "a@b@example.com", ".a@example.com", "a.@example.com",
        "a..b@example.com", "a b@example.com", '"a b"@example.com', "a@[127.0.0.1]", "a@127.0.0.1", "a@-x.com",
        "a@x-.com", "a@x..com", "a@example.com.", "ä@example.com", "a@exämple.com", "a@example.com\n", "\ta@example.com",
        "a\r\nBcc: b@example.com", "a@example.com\0", "x" * 65 + "@example.com", "a@" + "x" * 64 + ".com",
        "a@" + "x." * 130 + "com", None, 7, ["a@example.com"], b"a@example.com",
    ],
)  # fmt: skip
def test_bad(address):
    assert problem(address).endswith(".")


@given(addresses)
def test_whatever_the_grammar_makes_is_taken(address):
    assert (problem(address) == "") == (len(address) <= MAX_LENGTH)


@given(st.text(max_size=300))
def test_what_is_taken_is_one_line_of_ascii_with_one_at(text):
    if problem(text) == "":
        assert text.isascii()
        assert text.isprintable()
        assert " " not in text
        assert text.count("@") == 1


@given(addresses, st.sampled_from(list('\r\n\0 ,;:<>()[]\\"')), st.integers(0, 300))
def test_one_forbidden_character_anywhere_is_enough(address, character, place):
    place %= len(address) + 1
    assert problem(address[:place] + character + address[place:]) != ""
