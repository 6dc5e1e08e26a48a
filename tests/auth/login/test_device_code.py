"""What a person who signs in by a code is told."""

from __future__ import annotations

import pytest

from skerry.auth.login.device_code import DeviceCode, told


@pytest.mark.behaviour("LOGIN-DEVICE-HERE")
@pytest.mark.parametrize(
    ("page", "where"),
    [
        ("https://login.example.com/device", "on any device and"),
        ("http://127.0.0.1:4701/desk/device", "in a browser of this machine, as it leads nowhere on another, and"),
        ("http://localhost:4701/device", "in a browser of this machine, as it leads nowhere on another, and"),
        ("http://[::1]:4701/device", "in a browser of this machine, as it leads nowhere on another, and"),
    ],
)  # fmt: skip
def test_a_page_on_loopback_is_said_to_open_here_only(page: str, where: str):
    code = DeviceCode(user_code="WDJB-MJHT", page=page, whole="", secret="s", interval=5.0, life=60.0)
    assert told(code) == f"Open {page} {where} type: WDJB-MJHT"
