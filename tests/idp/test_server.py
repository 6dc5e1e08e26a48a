"""The provider in a thread: starts, stops, says what it needs."""

import doctest
import os
import socket
import threading

import httpx2
import pytest

from skerry.errors import PortInUseError, StateError
from skerry.idp import server
from skerry.idp.server import HOST, bind, run_server_in_thread
from tests.kit.idp import DESK, POOL, desk, desk_idp


def test_it_binds_to_loopback_alone():
    with bind(0) as sock:
        assert sock.getsockname()[0] == HOST == "127.0.0.1"
    with desk_idp() as idp:
        assert idp.url.startswith("http://127.0.0.1:")


def test_nothing_stays_after_the_block():
    with desk_idp() as idp:
        port = int(idp.url.rpartition(":")[2])
        assert "skerry-idp" in {thread.name for thread in threading.enumerate()}
        # A connection that stays open must not hold the server.
        lingering = socket.create_connection((HOST, port))
    lingering.close()
    assert "skerry-idp" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{idp.url}/_skerry/health", trust_env=False)


def test_an_error_in_the_block_comes_through_and_the_server_still_stops():
    with pytest.raises(KeyError, match="mine"), desk_idp():
        raise KeyError("mine")
    assert "skerry-idp" not in {thread.name for thread in threading.enumerate()}


def test_two_providers_run_side_by_side():
    with desk_idp(DESK) as one, desk_idp(DESK) as two:
        assert one.issuers["desk"] != two.issuers["desk"]


def test_a_taken_port_is_said_to_be_taken():
    with desk_idp() as idp:
        port = int(idp.url.rpartition(":")[2])
        with (
            pytest.raises(PortInUseError, match=f"port {port} is taken"),
            run_server_in_thread([POOL], port=port),
        ):
            pytest.fail("it started")


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(PortInUseError, match="no port"):
        bind(port)


@pytest.mark.skipif(os.name != "posix", reason="a file in place of the folder is reported otherwise")
def test_a_state_directory_that_cannot_be_read_is_said_before_the_block(tmp_path):
    file = tmp_path / "state"
    file.write_text("in the way")
    with pytest.raises(StateError, match="cannot be read"), desk_idp(DESK, state=file):
        pytest.fail("it started")


def test_keys_that_cannot_be_kept_are_said_in_one_line(tmp_path, caplog):
    with desk(DESK, state=tmp_path / "state") as running:
        (tmp_path / "state").write_text("in the way")
        answer = running.post("chat", grant_type="client_credentials")
        assert (answer.status_code, answer.json()) == (500, {"error": "server_error"})
    (record,) = caplog.records
    assert "cannot be" in record.message
    assert record.exc_info is None


def test_the_example_of_the_docstring_works():
    assert doctest.testmod(server).failed == 0
