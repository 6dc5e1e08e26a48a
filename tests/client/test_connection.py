"""A connection that signs in while it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError
from mcp.types import ElicitResult

from skerry.auth.ports import Surroundings
from skerry.client.connection import all_tools, over_http
from skerry.client.problems import Refusals, innermost
from skerry.client.target import Target
from skerry.settings import SignInSettings
from tests.kit.authorization import Visitor, authorization


async def declined(_context: Any, _params: Any) -> ElicitResult:
    return ElicitResult(action="decline")


@pytest.mark.behaviour("LOGIN-CALL")
@pytest.mark.parametrize(("fails", "good"), [(0, True), (1, True), (9, False)])
async def test_what_failed_while_somebody_signed_in_is_begun_again_and_not_for_ever(
    tmp_path: Path, fails: int, good: bool
):
    """As when a person took longer than the SDK waits for the first answer."""
    visitor, refusals = Visitor(), Refusals()
    with authorization(fails=fails) as server:
        sign_in = SignInSettings(tokens=tmp_path, keyring=False)
        target = Target(
            url=server.mcp, mode="browser", region="", headers={}, stack=None, entry=None, sign_in=sign_in
        )
        opened = over_http(
            target, era="legacy", answers=declined, refusals=refusals, surroundings=Surroundings(visitor.open)
        )
        if good:
            async with opened as client:
                assert [tool.name for tool in await all_tools(client)] == ["hello"]
            assert refusals.status == 0
        else:
            with pytest.raises(ExceptionGroup) as caught:
                async with opened:
                    pass
            assert isinstance(innermost(caught.value), MCPError)
    assert len(visitor.opened) == 1
