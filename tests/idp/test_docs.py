"""The page says what is true: its examples run, its tables name every key."""

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

from skerry.idp import TOKEN_EXCHANGE, Client, Realm, TrustedIssuer, parse, run_server_in_thread
from skerry.idp.clients import client_metadata
from skerry.idp.triggers.response import LOCKED_CLAIMS

PAGE = (Path(__file__).parents[2] / "docs" / "idp.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first such block."""
    return blocks(language)[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_file_is_one():
    (desk,) = parse(tomllib.loads(block("toml")))
    assert desk.clients["chat"].usual_audience == "desk-gateway"
    assert TOKEN_EXCHANGE in desk.clients["gateway"].grants


def test_every_example_file_is_one():
    assert [realm.name for text in blocks("toml") for realm in parse(tomllib.loads(text))] == ["desk", "pool"]


def test_the_locked_claims_of_the_page_are_those_of_the_program():
    (listed,) = re.findall(r"Locked are (.*?) \(AWS", PAGE, re.DOTALL)
    assert set(re.findall(r"`([^`]*)`", listed)) == LOCKED_CLAIMS | {"cognito:…"}


def test_the_example_of_people_signs_one_in():
    realms = parse(tomllib.loads(block("toml people")))
    with run_server_in_thread(realms) as idp:
        tokens = idp.sign_in("home", "app", "ann", "a good password", scope="openid desk/use")
    assert set(tokens) >= {"access_token", "refresh_token", "id_token"}


def test_the_example_of_clients_that_nobody_declared_is_one():
    (desk,) = parse(tomllib.loads(block("toml strangers")))
    assert (desk.client_documents, desk.registration, desk.open_resources) == (
        True,
        "open",
        ("desk-gateway",),
    )
    metadata = client_metadata.parse(json.loads(block("json")), desk, client_metadata.DOCUMENT)
    assert metadata.members["client_name"] == "An app"


def test_the_example_of_identity_assertions_is_one():
    enterprise, tools = parse(tomllib.loads(block("toml assertions")))
    assert enterprise.clients["agent"].id_jag_audiences == {"tools": "agent-at-tools"}
    assert tools.trusted_issuers == {"enterprise": TrustedIssuer(subjects={"subject-of-ann-there": "ann"})}


def test_the_example_program_runs():
    seen: dict[str, object] = {}
    exec(compile(block("python"), "docs/idp.md", "exec"), seen)
    assert str(seen["idp"].issuers["pool"]).endswith("/us-east-1_pool")


def test_every_key_of_the_file_is_in_a_table():
    keys = {item.name for kind in (Realm, Client) for item in fields(kind)} - {
        "name",
        "id",
        "clients",
        "source",
    }
    rows = "\n".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `"))
    assert {key for key in keys if f"`{key}`" not in rows} == set()
