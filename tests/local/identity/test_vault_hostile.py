"""The vault against people who cheat, things that change in between, and files that are not what they were."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from skerry.errors import ServiceError, StateError
from skerry.local import users
from skerry.local.identity.assumptions import Assumptions
from skerry.local.identity.federation import ConsentError
from skerry.local.identity.vault_file import VaultFile
from skerry.local.ports.resources import Change
from skerry.local.ports.tokens import ConsentNeeded, ResourceToken
from skerry.local.state.records import Write
from skerry.local.state.sealing import KEY_FILE, Sealer
from tests.kit.clock import FakeClock
from tests.kit.identity_parts import ARN, PROVIDER, identity_parts

ANN, BOB = users.of_id("ann"), users.of_id("bob")
LIFE = Assumptions().session_life


async def refused(work, match="Invalid or expired session"):
    with pytest.raises(ServiceError, match=match) as caught:
        await work
    return caught.value.status


# --- sessions


@pytest.mark.behaviour("ID-3LO-BINDING")
async def test_two_people_with_one_session_uri_get_one_consent_and_its_owner_alone_the_token(tmp_path):
    async with identity_parts(tmp_path) as parts:
        vault = parts.plane.vault
        needed = await vault.token(parts.ask())
        uri = needed.session_uri
        # bob asks with ann's session: as himself it is none, and he learns nothing of it
        assert await refused(vault.token(parts.ask(user=BOB, session_uri=uri))) == 400
        await parts.consented(needed)
        assert await refused(vault.token(parts.ask(user=BOB, session_uri=uri))) == 400
        await vault.complete(uri, ANN)
        assert await refused(vault.complete(uri, BOB)) == 403
        assert await refused(vault.token(parts.ask(user=BOB, session_uri=uri))) == 400
        assert isinstance(await vault.token(parts.ask(user=BOB)), ConsentNeeded)
        assert isinstance(await vault.token(parts.ask(session_uri=uri)), ResourceToken)


@pytest.mark.behaviour("ID-3LO-BINDING")
async def test_who_completes_somebody_elses_session_spoils_it_and_gets_nothing(tmp_path):
    async with identity_parts(tmp_path) as parts:
        vault = parts.plane.vault
        needed = await vault.token(parts.ask())
        await parts.consented(needed)
        assert await refused(vault.complete(needed.session_uri, BOB)) == 403
        assert await refused(vault.complete(needed.session_uri, ANN)) == 403
        assert (await vault.token(parts.ask(session_uri=needed.session_uri))).status == "FAILED"
        assert parts.post.forms == []  # the code was never used
        assert isinstance(await vault.token(parts.ask(user=BOB)), ConsentNeeded)


@pytest.mark.behaviour("ID-3LO-REPLAY")
async def test_a_completion_that_is_repeated_gives_no_second_token(tmp_path):
    async with identity_parts(tmp_path) as parts:
        vault = parts.plane.vault
        needed = await vault.token(parts.ask())
        await parts.consented(needed)
        for _ in range(3):
            await vault.complete(needed.session_uri, ANN)
        assert len(parts.post.forms) == 1
        token = await vault.token(parts.ask())
        vault.refused(parts.ask(), token)
        parts.post.more = {"refresh_token": None}
        await vault.token(parts.ask())  # refreshed, without another refresh token
        await vault.complete(needed.session_uri, ANN)
        assert [form["grant_type"] for form in parts.post.forms] == ["authorization_code", "refresh_token"]


@pytest.mark.behaviour("ID-3LO-REPLAY")
async def test_an_answer_of_one_consent_does_not_serve_another(tmp_path):
    async with identity_parts(tmp_path) as parts:
        federation = parts.plane.vault.federation
        ann, bob = [await parts.plane.vault.token(parts.ask(user=user)) for user in (ANN, BOB)]
        callback = (parts.resources.credential_provider(ARN) or {})["callbackUrl"].rpartition("/")[2]
        first, second = await federation.open(ann.session_uri), await federation.open(bob.session_uri)
        state = parse_qs(urlsplit(second.location).query)["state"][0]
        query = f"code=stolen&state={state}".encode()
        with pytest.raises(ConsentError, match="another browser"):
            await federation.returned(callback, query, {first.cookie: first.value})
        with pytest.raises(ConsentError, match="another browser"):  # nor ann's cookie by bob's name
            await federation.returned(callback, query, {second.cookie: first.value})
        assert await refused(parts.plane.vault.complete(bob.session_uri, BOB)) == 403


@pytest.mark.behaviour("ID-3LO-EXPIRED")
@pytest.mark.parametrize("seconds", [LIFE, LIFE + 1, 10 * LIFE])
async def test_a_completion_after_the_end_uses_no_code(tmp_path, seconds):
    clock = FakeClock()
    async with identity_parts(tmp_path, clock) as parts:
        vault = parts.plane.vault
        needed = await vault.token(parts.ask())
        await parts.consented(needed)
        clock.advance(LIFE - 1)
        assert (await vault.token(parts.ask(session_uri=needed.session_uri))).status == "IN_PROGRESS"
        clock.advance(seconds - LIFE + 1)
        assert await refused(vault.complete(needed.session_uri, ANN)) == 403
        assert (await vault.token(parts.ask(session_uri=needed.session_uri))).status == "FAILED"
        assert parts.post.forms == []


# --- what changes in between


@pytest.mark.behaviour("ID-PROVIDER-CHANGED")
@pytest.mark.parametrize("stage", ["asked", "opened", "returned", "being completed", "done"])
async def test_a_provider_that_is_deleted_in_between_leaves_nothing_usable(tmp_path, stage):
    async with identity_parts(tmp_path) as parts:
        vault = parts.plane.vault
        needed = await vault.token(parts.ask())
        if stage == "opened":
            await vault.federation.open(needed.session_uri)
        if stage in ("returned", "being completed", "done"):
            await parts.consented(needed)
        completing = None
        if stage == "being completed":
            parts.post.gate = asyncio.Event()
            completing = asyncio.create_task(vault.complete(needed.session_uri, ANN))
            await parts.post.arrived.wait()
        elif stage == "done":
            await vault.complete(needed.session_uri, ANN)
        gone = Change("credential-provider", "deleted", ARN, PROVIDER)
        await parts.resources.commit([Write("credential-provider", "p", None)], [gone], None)
        if completing is not None and parts.post.gate is not None:
            parts.post.gate.set()
            assert await refused(completing, ".") in (403, 404)
        assert await refused(vault.token(parts.ask()), "was not found") == 404
        assert await refused(vault.token(parts.ask(session_uri=needed.session_uri)), "was not found") == 404
        if stage in ("asked", "opened"):
            with pytest.raises(ConsentError):
                await vault.federation.open(needed.session_uri)
        if stage != "done":
            assert await refused(vault.complete(needed.session_uri, ANN), ".") in (403, 404)
        # one of the same name that comes later inherits nothing
        await parts.put({**PROVIDER, "createdTime": "2026-02-01", "lastUpdatedTime": "2026-02-01"})
        assert isinstance(await vault.token(parts.ask()), ConsentNeeded)
    file = VaultFile(tmp_path / "vault.sqlite", Sealer.of(tmp_path))
    await file.start()
    assert file.items("token") == []
    await file.close()


@pytest.mark.behaviour("ID-PROVIDER-CHANGED")
async def test_a_secret_that_is_rotated_in_between_ends_the_session_and_the_next_uses_the_new_one(tmp_path):
    async with identity_parts(tmp_path) as parts:
        vault = parts.plane.vault
        needed = await vault.token(parts.ask())
        await parts.consented(needed)
        rotated = {**PROVIDER, "clientSecret": "the new one", "lastUpdatedTime": "2026-01-02"}
        await parts.put(rotated)
        assert await refused(vault.complete(needed.session_uri, ANN)) == 403
        assert parts.post.forms == []
        again = await vault.token(parts.ask())
        await parts.consented(again)
        await vault.complete(again.session_uri, ANN)
        assert isinstance(await vault.token(parts.ask()), ResourceToken)


# --- files


def started(folder: Path):
    """Starts the vault's file alone."""
    return lambda: VaultFile(folder / "vault.sqlite", Sealer.of(folder)).start()


@pytest.mark.behaviour("ID-OWNED")
async def test_a_vault_is_one_processes_alone_and_the_other_is_told(tmp_path):
    async with identity_parts(tmp_path) as parts:
        needed = await parts.plane.vault.token(parts.ask())
        await parts.consented(needed)
        await parts.plane.vault.complete(needed.session_uri, ANN)
        program = (
            "import asyncio, sys; from pathlib import Path\n"
            "from skerry.errors import StateError\n"
            "from skerry.local.identity.vault_file import VaultFile\n"
            "from skerry.local.state.sealing import Sealer\n"
            "folder = Path(sys.argv[1])\n"
            "try: asyncio.run(VaultFile(folder / 'vault.sqlite', Sealer.of(folder)).start())\n"
            "except StateError as problem: print(problem.message, problem.hint)\n"
        )
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "vault.sqlite is in use by another process" in done.stdout
        assert "End the other stack" in done.stdout
        token = await parts.plane.vault.token(parts.ask())
        assert isinstance(token, ResourceToken)
    async with identity_parts(tmp_path) as parts:  # and when it is free again nothing is missing
        assert (await parts.plane.vault.token(parts.ask())).access_token == token.access_token


@pytest.mark.behaviour("ID-KEY-FILE")
@pytest.mark.parametrize("loss", ["another", "gone"])
async def test_with_the_key_of_another_vault_nothing_opens_and_nothing_is_lost(tmp_path, loss):
    async with identity_parts(tmp_path) as parts:
        needed = await parts.plane.vault.token(parts.ask())
        await parts.consented(needed)
        await parts.plane.vault.complete(needed.session_uri, ANN)
        token = await parts.plane.vault.token(parts.ask())
    path: Path = tmp_path / KEY_FILE
    right = path.read_bytes()
    path.unlink()
    if loss == "another":
        path.write_bytes(b"k" * 32)
        path.chmod(0o600)
    for name in ("control.sqlite", "vault.sqlite"):
        before = (tmp_path / name).read_bytes()
        start = identity_parts(tmp_path).__aenter__ if name == "control.sqlite" else started(tmp_path)
        with pytest.raises(StateError, match="do not open") as caught:
            await start()
        assert "Bring vault.key back" in caught.value.hint
        assert (tmp_path / name).read_bytes() == before
    path.write_bytes(right)
    async with identity_parts(tmp_path) as parts:
        assert (await parts.plane.vault.token(parts.ask())).access_token == token.access_token


@pytest.mark.behaviour("ID-KEY-FILE")
@pytest.mark.parametrize("kept", [0.3, 0.9])
async def test_a_vault_file_that_was_cut_is_told_and_left_as_it_is(tmp_path, kept):
    async with identity_parts(tmp_path) as parts:
        for scope in range(30):
            await parts.plane.vault.token(parts.ask(scopes=(f"s-{scope}",)))
    path = tmp_path / "vault.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(StateError, match=r"vault\.sqlite") as caught:
        async with identity_parts(tmp_path):
            raise AssertionError("it started")
    assert caught.value.hint
    assert path.read_bytes() == content[: int(len(content) * kept)]
