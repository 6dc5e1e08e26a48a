"""A small internet for the guard: names that resolve as a test says, addresses that lead to servers of the test.

    internet = Internet(tls=authority.client())
    internet.names["app.example"] = ["93.184.215.14"]
    internet.servers["93.184.215.14"] = peer_port
    Guard(network=internet.network())

`Internet` implements the guard's ports `Resolver` and httpcore's `AsyncNetworkBackend`; nothing but loopback is
ever connected to, and what was asked is kept in `looked_up` and `connected`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import httpcore2

from skerry.auth.http.addresses import Address
from skerry.auth.http.guarded import Network


class Internet(httpcore2.AsyncNetworkBackend):
    """Resolver and connector. A name with several answers in `changing` gives them one after another."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.names: dict[str, Sequence[str]] = {}
        self.changing: dict[str, list[Sequence[str]]] = {}
        self.servers: dict[str, int] = {}
        self.looked_up: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.silent_names: set[str] = set()
        self._tls = tls
        self._inner = httpcore2.AnyIOBackend()

    def network(self, **times: float) -> Network:
        """The guard's side of it."""
        return Network(resolver=self, backend=self, tls=self._tls, **times)

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        self.looked_up.append(host)
        if host in self.silent_names:
            await asyncio.Event().wait()
        if host in self.changing:
            answer = self.changing[host].pop(0)
        elif host in self.names:
            answer = self.names[host]
        else:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")
        return [ip_address(item) for item in answer]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.connected.append((host, port))
        if host not in self.servers:
            raise httpcore2.ConnectError("nobody there")
        return await self._inner.connect_tcp("127.0.0.1", self.servers[host], timeout)
