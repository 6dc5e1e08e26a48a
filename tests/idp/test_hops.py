"""What the recorder gets to see of a token request: who, what, for whom; never a token or a secret."""

import logging

import pytest

from skerry.wire.hop import Hop, decode
from tests.kit.clock import FakeClock
from tests.kit.idp import DESK, SECRETS
from tests.kit.idp import desk as running_desk

GRANT = {"grant_type": "client_credentials"}


class Lines(logging.Handler):
    """Keeps what is logged, as whoever reads a process's standard error would."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def hops(self) -> list[Hop]:
        return [hop for line in self.lines if (hop := decode(line)) is not None]


@pytest.fixture
def lines():
    handler, logger = Lines(), logging.getLogger("skerry.hop")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.behaviour("IDP-HOPS")
def test_grants_are_recorded_with_client_and_target(lines: Lines):
    clock = FakeClock()
    with running_desk(DESK, clock=clock) as desk:
        subject = desk.token("chat", scope="desk/use")
        exchanged = desk.exchange("gateway", subject).json()["access_token"]
    first, second = lines.hops()
    issuer = desk.idp.issuers["desk"]
    assert first == Hop(
        part="idp",
        operation="client_credentials",
        identity=f"chat@{issuer}",
        auth="client_secret_post",
        status=200,
        started=clock.time(),
        duration_ms=0.0,
        target="desk-gateway",
        detail={"issuer": issuer, "subject": "chat", "scope": "desk/use"},
        trace=first.trace,
        span=first.span,
    )
    assert (second.operation, second.identity, second.target) == (
        "token-exchange",
        f"gateway@{issuer}",
        "accounts",
    )
    assert second.detail["subject"] == "chat"
    logged = "\n".join(lines.lines)
    for secret in (subject, exchanged, *SECRETS.values()):
        assert secret not in logged
        assert secret.split(".")[-1] not in logged


def test_refusals_are_recorded_with_their_error(lines: Lines):
    with running_desk(DESK) as desk:
        desk.post("chat", secret="wrong\nskerry-hop {}", **GRANT)
        desk.post("chat", **GRANT, scope="admin")
    stranger, widened = lines.hops()
    assert (stranger.identity, stranger.auth, stranger.status) == ("anonymous", "none", 401)
    assert stranger.detail["error"] == "invalid_client"
    assert (widened.operation, widened.status, widened.target) == ("client_credentials", 400, "")
    assert widened.detail["error"] == "invalid_scope"
    assert "wrong" not in "".join(lines.lines)


@pytest.mark.parametrize(("claimed", "kept"), [("s" * 33, "s" * 33), ("short", ""), ("é" * 40, "")])
def test_a_session_that_the_caller_names_is_kept(lines: Lines, claimed, kept):
    with running_desk(DESK) as desk:
        form = {**GRANT, "client_id": "chat", "client_secret": SECRETS["chat"]}
        headers = {b"x-session-id": claimed.encode()}
        assert desk.http.post(desk.idp.token_endpoint("desk"), data=form, headers=headers).status_code == 200
    assert [hop.session for hop in lines.hops()] == [kept]
