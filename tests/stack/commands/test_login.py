"""What `skerry login` refuses before it asks anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry import cli

STACK = {
    "endpoint": "http://127.0.0.1:9",
    "region": "us-east-1",
    "gateways": {
        "desk": {"arn": "arn:aws:x", "url": "http://127.0.0.1:9/gateway/desk-1/mcp", "auth": "iam"},
        "desk-jwt": {"arn": "arn:aws:y", "url": "http://127.0.0.1:9/gateway/desk-jwt-1/mcp", "auth": "jwt"},
    },
    "runtimes": {
        "ops": {
            "arn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/ops-1",
            "url": "u",
            "auth": "iam",
            "protocol": "HTTP",
        }
    },
}


@pytest.mark.behaviour("CLI-SPELLING")
@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "desk",
            "takes AWS signatures: there is nothing to sign in for. Call it at once: skerry call desk list.",
        ),
        ("desk", "People sign in for: desk-jwt."),
        ("http://127.0.0.1:9/gateway/desk-1/mcp/?tab=1", "the gateway 'desk' takes AWS signatures"),
        ("ops", "skerry chat --agent ops"),
        ("https://mcp.example.com/mcp#part", "has a fragment"),
        ("https://ann:hidden@mcp.example.com/mcp", "has a user in it"),
    ],
)
def test_where_nobody_signs_in(target: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "stack.json").write_text(json.dumps(STACK))
    assert cli.main(["login", target, "--state", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "hidden" not in error
