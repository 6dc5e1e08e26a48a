"""A proof that begins with nothing and learns from refusals; how AutoProof hands over to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from skerry.auth.challenge_proof import ChallengeProof, read_challenge
from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.kept import Kept
from skerry.auth.login.token_cache import FileCache
from skerry.auth.ports import Surroundings
from skerry.auth.proof import AutoProof, NoProof
from skerry.errors import TokenError
from skerry.settings import SignInSettings
from tests.kit.authorization import Authorization, Visitor, authorization

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture
def server() -> Iterator[Authorization]:
    with authorization() as running:
        yield running


def proof_of(server: Authorization, folder: Path, visitor: Visitor | None) -> ChallengeProof:
    around = Surroundings(visitor.open if visitor is not None else None)
    kept = Kept(folder, FileCache(folder))
    return ChallengeProof(
        lambda: DiscoveredTokens(server.mcp, SignInSettings(), kept, surroundings=around, timeout=20)
    )


async def asked(server: Authorization, proof: ChallengeProof | AutoProof) -> int:
    """The status of a request that is sent again as long as the proof says so, once for each refusal."""
    seen: set[int] = set()
    async with httpx2.AsyncClient(trust_env=False) as http:
        while True:
            sent = await proof.headers("POST", server.mcp, {}, PING)
            answer = await http.post(server.mcp, content=PING, headers=sent)
            if answer.status_code == 200 or answer.status_code in seen:
                return answer.status_code
            seen.add(answer.status_code)
            if not await proof.refused(answer.status_code, answer.content, answer.headers, sent):
                return answer.status_code


@pytest.mark.behaviour("LOGIN-DISCOVERY")
async def test_many_requests_at_once_lead_to_one_sign_in(server: Authorization, tmp_path: Path):
    visitor = Visitor()
    proof = proof_of(server, tmp_path, visitor)
    assert await asyncio.gather(*(asked(server, proof) for _ in range(8))) == [200] * 8
    assert len(visitor.opened) == 1


@pytest.mark.behaviour("LOGIN-STEP-UP")
async def test_a_server_that_is_never_content_is_left_alone(server: Authorization, tmp_path: Path):
    server.always_more = True
    visitor = Visitor()
    proof = proof_of(server, tmp_path, visitor)
    assert [await asked(server, proof) for _ in range(6)] == [403] * 6
    assert len(visitor.opened) == 1 + 3


@pytest.mark.behaviour("LOGIN-PROXY")
@pytest.mark.parametrize("challenge", [True, False])
async def test_the_automatic_method_takes_the_sign_in_when_a_token_is_wanted(
    server: Authorization, tmp_path: Path, challenge: bool
):
    server.challenge_scope = server.names_metadata = challenge
    visitor = Visitor()
    proof = AutoProof(NoProof(), proof_of(server, tmp_path, visitor))
    assert [await asked(server, proof) for _ in range(3)] == [200, 200, 200]
    assert server.seen[0] == ""
    assert len(visitor.opened) == 1


@pytest.mark.behaviour("LOGIN-PROXY")
async def test_where_nobody_can_sign_in_the_error_names_the_command(server: Authorization, tmp_path: Path):
    proof = AutoProof(NoProof(), proof_of(server, tmp_path, None))
    for _ in range(2):
        with pytest.raises(TokenError) as caught:
            await asked(server, proof)
        assert caught.value.hint == f"Run: skerry login {server.mcp}"
    await proof_of(server, tmp_path, Visitor()).tokens.sign_in()  # somebody does, in another program
    assert await asked(server, proof) == 200


@pytest.mark.parametrize("status", [400, 404, 403, 500])
async def test_what_has_nothing_to_do_with_tokens_is_left_alone(
    server: Authorization, tmp_path: Path, status: int
):
    proof = proof_of(server, tmp_path, Visitor())
    assert not await proof.refused(status, b"{}", {}, {})
    assert server.asked == []


@pytest.mark.parametrize("header", ["", "Basic realm=x", 'Bearer "', "Bearer " + "x" * 9000])
def test_a_challenge_that_cannot_be_read_is_none(header: str):
    assert read_challenge({"www-authenticate": header}) is None


def test_a_program_starts_without_what_a_sign_in_needs():
    program = (
        "import sys\nfrom skerry.auth.challenge_proof import ChallengeProof\n"
        "from skerry.settings import SignInSettings\n"
        "heavy = {'httpx2', 'keyring', 'joserfc', 'skerry.auth.login.discovered_tokens', 'skerry.auth.login.loopback'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
