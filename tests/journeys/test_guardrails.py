"""The guardrails runtimes of the desk: `skerry smoke` on both, boto3 on the plane, and what the recorder saw."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.journeys.running import Running
from tests.journeys.test_clients import program

pytestmark = pytest.mark.xdist_group("desk")


def smoke(desk: Running, target: str, *more: str) -> tuple[int, dict[str, Any]]:
    done = desk.skerry("smoke", target, "--json", *more, timeout=170)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    return done.returncode, {"mode": told["mode"], **{step["step"]: step for step in told["steps"]}}


@pytest.mark.behaviour("SMOKE-GUARDRAILS")
def test_a_runtime_that_takes_signatures(desk: Running):
    code, steps = smoke(desk, desk.facts["runtimes"]["guardrails"]["arn"])
    assert (code, steps["mode"]) == (0, "guardrails"), steps
    assert steps["tools"]["saw"] == "1 tool, guardrails: validate_content"
    assert steps["validate"]["saw"].startswith("INPUT: allowed, 0 findings")
    seen = {name: (step["status"], step["outcome"]) for name, step in steps.items() if "status" in step}
    assert seen == {
        "list": (200, "answered"),
        "call": (200, "answered"),
        "no proof": (403, "refused"),
        "accept": (406, "refused"),
        "other proof": (403, "refused"),
    }
    assert steps["list"]["proof"] == "signed (SigV4, bedrock-agentcore, us-east-1)"
    assert "wants an AWS signature" in steps["no proof"]["why"]
    assert "`Accept: application/json, text/event-stream`" in steps["accept"]["why"]
    assert "one kind of proof only" in steps["other proof"]["why"]
    assert steps["call"]["request"] == "tools/call validate_content"
    assert "200 verdict allowed" in steps["call"]["saw"]


@pytest.mark.behaviour("SMOKE-GUARDRAILS")
def test_a_runtime_that_takes_access_tokens_of_a_pool(desk: Running):
    done = desk.skerry("smoke", "guardrails_jwt", "--content", "Mail ada@example.com", timeout=170)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[-1] == f"{len(lines) - 1} steps, all ok"
    text = done.stdout
    assert "INPUT: anonymized, 1 finding" in text
    pool = desk.facts["realms"]["pool"]["issuer"]
    assert (
        f"tools/list, bearer token (token_use access, client_id app, no aud, iss {pool}) → 200 1 tool" in text
    )
    assert "tools/list, no token → 401 refused: Missing Authentication Token (" in text
    assert "Accept: application/json → 406 refused" in text
    assert "the token, its signature changed → 403 refused" in text
    assert "client_id stranger, no aud" in text
    assert "Claim 'client_id' value mismatch" in text
    assert "signed (SigV4, bedrock-agentcore, us-east-1) → 403 refused: Authorization method mismatch" in text
    assert "other issuer" in text
    assert "eyJ" not in text + done.stderr


@pytest.mark.behaviour("SMOKE-GUARDRAILS")
def test_the_requests_tell_why_where_the_walk_failed(desk: Running):
    code, steps = smoke(desk, "guardrails_jwt", "--mode", "guardrails", "--", "--auth", "sigv4")
    assert (code, steps["connect"]["ok"]) == (1, False)
    assert (steps["list"]["ok"], steps["list"]["status"]) == (True, 200)
    assert steps["other proof"]["why"].startswith("A runtime takes one kind of proof only")


def test_boto3_asks_the_declared_guardrail(desk: Running):
    ids = desk.facts["guardrails"]["desk"]
    shown = program(
        desk,
        f"""
import boto3
client = boto3.client("bedrock-runtime")
def ask(text):
    return client.apply_guardrail(guardrailIdentifier="{ids["id"]}", guardrailVersion="{ids["version"]}",
        source="OUTPUT", content=[{{"text": {{"text": text}}}}])
print(ask("Which stocks should I buy?")["actionReason"])
print(ask("Write to ada@example.com about INC-12345.")["outputs"][0]["text"])
print(*ask("Production logs are kept for 30 days.")["assessments"][0]["automatedReasoningPolicy"]["findings"][0])
""",
    )
    assert shown.splitlines() == ["Guardrail blocked.", "Write to {EMAIL} about {ticket}.", "invalid"]


def test_each_call_of_the_tool_is_a_hop_of_the_runtimes_role(desk: Running):
    done = desk.skerry(
        "call", "guardrails", "validate_content", json.dumps({"content": "AKIAIOSFODNN7EXAMPLE"}), "--json"
    )
    assert done.returncode == 0, done.stderr
    assert "blocked" in done.stdout
    hops = [hop for hop in desk.hops() if hop["operation"] == "ApplyGuardrail"]
    assert hops[-1]["detail"] == {"backend": "rules", "guardrail": "desk", "action": "INPUT BLOCK"}
    assert "assumed-role/skerry-runtime-guardrails/" in hops[-1]["identity"]
    assert "AKIAIOSFODNN7EXAMPLE" not in json.dumps(hops)
