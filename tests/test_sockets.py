"""Ports: one to listen on now, and one for a program that is only starting."""

import pytest

from skerry.errors import PortInUseError
from skerry.sockets import bind, spare_port


def test_a_spare_port_is_free_and_none_that_systems_give_away():
    port = spare_port()
    assert 20_000 <= port < 32_768
    bind("127.0.0.1", port).close()


def test_the_port_of_before_is_kept_while_it_is_free():
    before = spare_port()
    assert spare_port(before) == before


def test_the_port_of_before_is_not_taken_from_whom_it_belongs_to_now():
    with bind("127.0.0.1", 0) as listening:
        taken = listening.getsockname()[1]
        assert spare_port(taken) != taken


def test_a_port_in_use_is_an_error_that_names_it():
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} of 127.0.0.1"):
            bind("127.0.0.1", port)
