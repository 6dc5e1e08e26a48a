"""Workload access tokens: whom they are of, how long, and what does not hold."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local import users
from skerry.local.identity.assumptions import Assumptions
from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.workload_tokens import WorkloadTokens
from skerry.local.ports.callers import Caller
from skerry.local.state.sealing import Sealer
from tests.kit.clock import FakeClock
from tests.kit.identity_stack import identity_stack
from tests.kit.issuer import FakeIssuer
from tests.kit.local_endpoint import ROLE, artifact


class Identities:
    """Implements `ports.WorkloadIdentities` from a dictionary."""

    def __init__(self) -> None:
        self.known = {"desk": {"name": "desk", "createdTime": "2026-01-01"}}

    def workload_identity(self, name):
        return self.known.get(name)

    def is_linked(self, name):
        return False


def tokens(tmp_path, clock, *, identities=None, key=b"k", **where):
    place = {"region": "us-east-1", "account": "123456789012", **where}
    settings = IdentitySettings(file=tmp_path / "vault.sqlite", endpoint="http://127.0.0.1:1", **place)
    return WorkloadTokens(
        identities=identities or Identities(), sealer=Sealer(key * 32), clock=clock, settings=settings
    )


def refused(call):
    with pytest.raises(ServiceError) as caught:
        call()
    return caught.value.name, caught.value.status


INVALID = ("UnauthorizedException", 401)


@pytest.mark.behaviour("ID-WAT")
def test_a_token_says_workload_and_person_to_its_own_stack_alone(tmp_path):
    clock = FakeClock()
    mine = tokens(tmp_path, clock)
    token = mine.issue("desk", user_id="ann")
    read = mine.read(token)
    assert (read.workload, read.user, read.user_token) == ("desk", users.of_id("ann"), "")
    assert "ann" not in token
    assert mine.issue("nobody") == ""
    assert mine.read(mine.issue("desk")).user == ""
    for other in (
        tokens(tmp_path, clock, key=b"o"),
        tokens(tmp_path, clock, region="eu-west-1"),
        tokens(tmp_path, clock, account="210987654321"),
    ):
        assert refused(lambda other=other: other.read(token)) == INVALID


@pytest.mark.behaviour("ID-WAT")
def test_a_token_ends_with_its_time_its_persons_token_and_its_identity(tmp_path):
    clock, identities = FakeClock(), Identities()
    mine = tokens(tmp_path, clock, identities=identities)
    claims = FakeIssuer(clock).claims()  # ends in 300 s
    for_jwt = mine.issue("desk", Caller(kind="jwt", claims=claims, token="a.b.c"))
    assert (mine.read(for_jwt).user, mine.read(for_jwt).user_token) == (users.of_claims(claims), "a.b.c")
    assert "a.b.c" not in repr(mine.read(for_jwt))
    for_id = mine.issue("desk", user_id="ann")
    clock.advance(299)
    mine.read(for_jwt)
    clock.advance(1)
    assert refused(lambda: mine.read(for_jwt)) == INVALID
    clock.advance(Assumptions().token_life - 301)
    mine.read(for_id)
    clock.advance(1)
    assert refused(lambda: mine.read(for_id)) == INVALID
    fresh = mine.issue("desk", user_id="ann")
    identities.known["desk"] = {"name": "desk", "createdTime": "another one of that name"}
    assert refused(lambda: mine.read(fresh)) == INVALID
    identities.known.clear()
    assert refused(lambda: mine.read(fresh)) == INVALID


@pytest.mark.behaviour("ID-CHAIN")
def test_a_chain_has_who_called_whom_and_changes_nobody(tmp_path):
    clock = FakeClock()
    mine = tokens(tmp_path, clock)
    first = mine.issue("desk", user_id="ann")
    assert mine.chain(first) == ("desk",)
    second = mine.issue("desk", user_id="bob", chain=("front", *mine.chain(first)))
    held = mine.read(second)
    assert (held.workload, held.user, held.chain) == ("desk", users.of_id("bob"), ("front", "desk"))
    assert mine.chain(second) == ("front", "desk", "desk")
    assert refused(lambda: mine.chain(second[:-3])) == INVALID
    assert refused(lambda: tokens(tmp_path, clock, key=b"o").chain(second)) == INVALID
    longest = mine.issue("desk", chain=("a",) * Assumptions().longest_chain)
    assert refused(lambda: mine.chain(longest)) == ("ValidationException", 400)
    clock.advance(Assumptions().token_life)
    assert refused(lambda: mine.chain(first)) == INVALID


@pytest.mark.behaviour("ID-WAT-TAMPERED")
@given(st.data())
def test_a_token_that_was_changed_does_not_hold(tmp_path_factory, data):
    mine = tokens(tmp_path_factory.getbasetemp(), FakeClock())
    token = mine.issue("desk", user_id="ann")
    place = data.draw(st.integers(0, len(token) - 2))  # the last character has bits that mean nothing
    char = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != token[place]))
    assert refused(lambda: mine.read(token[:place] + char + token[place + 1 :])) == INVALID


@pytest.mark.behaviour("ID-WAT-TAMPERED")
@given(st.text(max_size=300))
def test_anything_else_is_no_token(tmp_path_factory, text):
    mine = tokens(tmp_path_factory.getbasetemp(), FakeClock())
    assert refused(lambda: mine.read(text)) == INVALID


# --- over the wire


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with identity_stack(tmp_path_factory.mktemp("identity")) as running:
        yield running


def answer(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.behaviour("ID-WAT")
def test_the_three_operations_answer_and_say_what_is_missing(stack):
    name = stack.workload()
    assert stack.data.get_workload_access_token(workloadName=name)["workloadAccessToken"]
    assert stack.for_user(name)
    nobody = {"workloadName": "nobody-here"}
    assert answer(stack.data.get_workload_access_token, **nobody) == ("ResourceNotFoundException", 404)
    too_long = {"workloadName": name, "userId": "x" * 129}
    assert answer(stack.data.get_workload_access_token_for_user_id, **too_long) == (
        "ValidationException",
        400,
    )
    hop = stack.recorder.wait_for("GetWorkloadAccessTokenForUserId")
    assert (hop.part, hop.auth, hop.detail["workload"]) == ("identity", "sigv4", name)
    assert "ann" not in str(hop)


@pytest.mark.behaviour("ID-WAT-LINKED")
def test_nobody_gets_tokens_of_a_runtimes_or_gateways_own_identity(stack):
    runtime = stack.control.create_agent_runtime(
        agentRuntimeName="linked", roleArn=ROLE, agentRuntimeArtifact=artifact()
    )
    gateway = stack.control.create_gateway(name="linked", roleArn=ROLE, authorizerType="NONE")
    for made in (runtime["agentRuntimeId"], gateway["gatewayId"]):
        for operation, more in (
            ("get_workload_access_token", {}),
            ("get_workload_access_token_for_user_id", {"userId": "ann"}),
            ("get_workload_access_token_for_jwt", {"userToken": "a.b.c"}),
        ):
            found = answer(getattr(stack.data, operation), workloadName=made, **more)
            assert found == ("AccessDeniedException", 403)


@pytest.mark.behaviour("ID-THROTTLE")
def test_each_operation_has_its_own_rate(tmp_path):
    with identity_stack(tmp_path, calls=2) as stack:
        name = stack.workload()
        for _ in range(2):
            stack.data.get_workload_access_token(workloadName=name)
        found = answer(stack.data.get_workload_access_token, workloadName=name)
        assert found == ("ThrottlingException", 429)
        stack.for_user(name)
        stack.clock.advance(0.5)
        stack.data.get_workload_access_token(workloadName=name)
