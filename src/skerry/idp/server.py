"""Runs the provider: in this process until a signal, or in a thread for tests.

Only on 127.0.0.1: the issuer is plain HTTP, which RFC 6749 allows to nobody but loopback.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from skerry.errors import PortInUseError, ProgramError
from skerry.idp import visitor
from skerry.idp.app import create_app
from skerry.idp.clock import Clock
from skerry.idp.issuance import Issuance, Issued
from skerry.idp.provider import SYSTEM_CLOCK, Provider, make_provider
from skerry.idp.realms import Realm
from skerry.idp.registration import initial_tokens
from skerry.serving import Server

HOST = "127.0.0.1"
LONGEST_WAIT = 10.0
"""Seconds after which a thread that does not start or end is an error."""


def bind(port: int) -> socket.socket:
    """A socket bound to 127.0.0.1; port 0 lets the system choose. Raises PortInUseError."""
    # The protocol is named so that asyncio turns Nagle off: else a second write waits 40 ms for an ACK.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this option would let two programs share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
    except OSError as error:
        sock.close()
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise PortInUseError(
            f"port {port} {reason}.", hint="Choose another with --port, or 0 for any."
        ) from error
    except OverflowError as error:
        sock.close()
        raise PortInUseError(f"port {port} is no port.", hint="Choose 0 to 65535.") from error
    return sock


def base_url(sock: socket.socket) -> str:
    """The URL of a bound socket."""
    return f"http://{HOST}:{sock.getsockname()[1]}"


class RunningProvider:
    """A provider that runs in a thread, with shortcuts that only tests should want.

    `url` is its base, `issuers` the issuer URL of each realm.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.url = provider.base_url
        self.issuers: Mapping[str, str] = provider.urls

    def token_endpoint(self, realm: str) -> str:
        """The URL of the realm's token endpoint."""
        issuer = self._provider.issuers[realm]
        return issuer.at(issuer.paths.token)

    def endpoint(self, realm: str, name: str) -> str:
        """The URL of an endpoint of the realm, by its name in `Paths`."""
        return self._provider.issuers[realm].endpoints[name]

    def discovery_url(self, realm: str) -> str:
        """The OpenID discovery URL, as a `customJWTAuthorizer` wants it."""
        return self._provider.issuers[realm].discovery_url

    def access_token(self, realm: str, client: str, **changes: Any) -> str:
        """An access token made without the token endpoint, for what no grant gives.

        A person's token (`subject`, `username`), an expired one (`lifetime=-1`), other `audiences`,
        `scopes` or `claims`: `changes` are members of Issuance.
        """
        issuer, usual = self._provider.issuers[realm], self._usual(realm, client)
        return issuer.access_token(Issuance(**{**usual, **changes}))

    def id_token(self, realm: str, client: str, **changes: Any) -> str:
        """An ID token of a person who signed in through `client`; same arguments as `access_token`.

        For tests that an ID token is refused; `sign_in` gives the ones that the token endpoint issues.
        """
        issuer, usual = self._provider.issuers[realm], self._usual(realm, client)
        person = {"subject": "person-1", "username": "person", "claims": {}}
        return issuer.id_token(Issuance(**{**usual, **person, **changes}))

    def initial_access_token(self, realm: str, *, expires: float | None = None) -> str:
        """A token with which clients can be registered, where the realm asks for one."""
        records = self._provider.issuers[realm].records
        return asyncio.run(initial_tokens.make(records, name="made in this process", expires=expires))

    def issue(self, realm: str, client: str, **changes: Any) -> Issued:
        """The tokens that a grant would give, with triggers; same arguments as `access_token`.

        Raises OAuthError. Not from within an event loop.
        """
        issuer, usual = self._provider.issuers[realm], self._usual(realm, client)
        return asyncio.run(issuer.issue(Issuance(**{**usual, **changes})))

    def sign_in(
        self, realm: str, client: str, user: str, password: str, **asked: str | Sequence[str]
    ) -> dict[str, Any]:
        """The answer of the token endpoint after `user` signed in and agreed, over HTTP, without a browser.

        `client` is one of the realm's file with the grant authorization_code; `asked` are parameters of the
        authorization request, such as `scope`, `nonce` and one or several `resource`. Raises RemoteError with
        what the provider said, when it did not go through.
        """
        known = self._provider.issuers[realm]
        return visitor.sign_in(
            known.at(known.paths.authorize),
            known.at(known.paths.token),
            known.realm.clients[client],
            visitor.Person(user, password),
            asked,
        )

    def rotate_keys(self, realm: str) -> None:
        """A new signing key; the old one stays published."""
        self._provider.issuers[realm].keys.rotate()

    def _usual(self, realm: str, client_id: str) -> dict[str, Any]:
        issuer = self._provider.issuers[realm]
        client = issuer.realm.clients[client_id]
        named = issuer.dialect.needs_audience and client.usual_audience
        return {
            "client_id": client.id,
            "subject": client.id,
            "audiences": (client.usual_audience,) if named else (),
            "scopes": client.scopes,
            "lifetime": issuer.realm.lifetime,
            "claims": client.claims,
        }


@contextmanager
def run_server_in_thread(
    realms: Iterable[Realm], *, port: int = 0, state: Path | None = None, clock: Clock = SYSTEM_CLOCK
) -> Iterator[RunningProvider]:
    """Runs a provider for `realms` in a thread of this process, until the block ends.

    Keys are in memory unless `state` names a directory. Raises ConfigurationError, PortInUseError and
    StateError before the block, ProgramError when the server does not start or does not end.

    >>> from skerry.idp import Client, Realm, run_server_in_thread
    >>> chat = Client(id="chat", secret="only for this test", audiences=("desk",))
    >>> with run_server_in_thread([Realm(name="desk", clients={"chat": chat})]) as idp:
    ...     idp.issuers["desk"].endswith("/desk")
    True
    """
    with bind(port) as sock:
        provider = make_provider(realms, base_url=base_url(sock), state=state, clock=clock)
        with closing(provider):
            ready = threading.Event()
            server = Server(create_app(provider), ready.set, lifespan="off")
            thread = threading.Thread(
                target=server.run, kwargs={"sockets": [sock]}, name="skerry-idp", daemon=True
            )
            thread.start()
            try:
                if not ready.wait(LONGEST_WAIT):
                    raise ProgramError("the identity provider did not start in its thread.")
                yield RunningProvider(provider)
            finally:
                server.stop()
                thread.join(LONGEST_WAIT)
            if thread.is_alive():
                raise ProgramError("the identity provider did not end in its thread.")
