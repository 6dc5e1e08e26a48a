"""Credentials, tokens and roles."""

from __future__ import annotations

import asyncio
import json
import time

from bench.proxy.commands import ROLE_ARN
from bench.proxy.figures import ms, percentile
from bench.proxy.probes.bench import Bench, ask, probe, ready
from bench.proxy.probing import Outcome, judge

NOTICED = 5.0
ROLE_CONFIG = f"""[profile base]
aws_access_key_id = AKIAFAKE
aws_secret_access_key = fake
region = us-east-1
[profile assumed]
role_arn = {ROLE_ARN}
source_profile = base
region = us-east-1
"""


@probe("sts_calls", "An assumed role is cached: at most one STS call for 20 tool calls.")
async def sts_calls(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_assumed_role"):
        return skipped
    (bench.logs / "aws_config").write_text(ROLE_CONFIG)
    bench.set(sts_delay=0.3)
    try:
        async with bench.open("with_assumed_role") as client:
            await ready(client)
            bench.reset()
            times = [(await ask(client, "echo", {"text": "a"})).seconds for _ in range(20)]
            calls = bench.stats()["sts"]
    finally:
        bench.set(sts_delay=0)
    return judge({"sts_calls": calls, "echo_p50_ms": ms(percentile(times, 0.5))}, cached=calls <= 1)


@probe("token_file", "A bearer token comes from a file, and a new one is used as soon as the file changes.")
async def token_file(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_token_file"):
        return skipped
    file = bench.logs / "token"
    file.write_text("first\n")
    bench.set(bearer="first")
    try:
        async with bench.open("with_token_file") as client:
            await ready(client)
            before = await ask(client, "echo", {"text": "before"})
            bench.reset()
            bench.set(bearer="second")
            file.write_text("second\n")
            after = await ask(client, "echo", {"text": "after"})
            runs = bench.executions("echo")
    finally:
        bench.set(bearer="")
    facts = {"before": before.show(), "after": after.show(), "runs": runs}
    return judge(facts, before=before.text == "before", after=after.text == "after", run_once=runs == 1)


@probe("token_expired", "A refused token gives one clear error without the token, and a new file mends it.")
async def token_expired(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_token_file"):
        return skipped
    file = bench.logs / "token"
    file.write_text("first-secret-token\n")
    bench.set(bearer="first-secret-token")
    try:
        async with bench.open("with_token_file") as client:
            await ready(client)
            bench.set(bearer="second")
            refused = await ask(client, "echo", {"text": "refused"})
            file.write_text("second\n")
            after = await ask(client, "echo", {"text": "after"})
    finally:
        bench.set(bearer="")
    secret = "first-secret-token" in json.dumps(refused.message)
    facts = {"refused": refused.show(), "after": after.show()}
    return judge(facts, refused=refused.failed, no_secret=not secret, after=after.text == "after")


def keys(bench: Bench, name: str) -> None:
    text = f"[default]\naws_access_key_id = {name}\naws_secret_access_key = fake\n"
    (bench.logs / "credentials").write_text(text)


@probe(
    "new_credentials",
    "Within 5 s new credentials on disk replace expired ones, without a restart.",
)
async def new_credentials(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_credentials_file"):
        return skipped
    keys(bench, "AKIAOLD")
    bench.set(key="AKIAOLD")
    try:
        async with bench.open("with_credentials_file") as client:
            await ready(client)
            before = await ask(client, "echo", {"text": "before"})
            bench.reset()
            bench.set(key="AKIANEW")
            expired = await ask(client, "echo", {"text": "expired"})
            keys(bench, "AKIANEW")
            start = time.monotonic()
            after = await ask(client, "echo", {"text": "after"})
            while after.text != "after" and time.monotonic() - start < NOTICED:
                await asyncio.sleep(0.25)  # a proxy need not read the disk for every refused call
                after = await ask(client, "echo", {"text": "after"})
            took = time.monotonic() - start
            runs = bench.executions("echo")
    finally:
        bench.set(key="")
    facts = {"before": before.show(), "expired": expired.show(), "after": after.show()}
    return judge(
        facts | {"runs": runs, "noticed_s": round(took, 2)},
        before=before.text == "before",
        expired_is_said="xpired" in json.dumps(expired.message),
        used=after.text == "after",
        run_once=runs == 1,
    )


@probe("credentials_at_once", "Credentials that changed on disk before the refusal mend the very same call.")
async def credentials_at_once(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_credentials_file"):
        return skipped
    keys(bench, "AKIAOLD")
    bench.set(key="AKIAOLD")
    try:
        async with bench.open("with_credentials_file") as client:
            await ready(client)
            keys(bench, "AKIANEW")
            bench.set(key="AKIANEW")
            after = await ask(client, "echo", {"text": "after"})
    finally:
        bench.set(key="")
    return judge({"after": after.show()}, same_call=after.text == "after")
