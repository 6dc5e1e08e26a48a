"""The official suite against the identity provider: its metadata, and a code grant with the suite as client.

The suite waits for somebody to open a link; here that is a program, and the provider approves by itself (the
realm's `approve`), as it would for no client of a person.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2

from skerry.idp import Client, Realm, RunningProvider, User, run_server_in_thread
from skerry.idp.realms import AUTHORIZATION_CODE, PUBLIC, REFRESH_TOKEN
from skerry.sockets import spare_port
from tests.conformance import suite
from tests.conformance.suite import Results, SuiteError

RESOURCE = "http://127.0.0.1:8000/mcp"
SECRET = "only for this run"
DEADLINE = 120.0

_LINK = re.compile(r"https?://\S+code_challenge\S+")
_LISTENS = "Callback server started"


def _client(name: str, **members: str) -> Client:
    return Client(
        id=name,
        grants=(AUTHORIZATION_CODE, REFRESH_TOKEN),
        scopes=("openid", "mcp:tools"),
        audiences=(RESOURCE,),
        redirect_uris=("http://127.0.0.1/callback",),
        **members,
    )


CLIENTS = {
    "secret": _client("secret", secret=SECRET),
    "public": _client("public", token_endpoint_auth_method=PUBLIC),
}
REALM = Realm(
    name="conformance",
    clients=CLIENTS,
    users={"ann": User(id="ann", name="ann")},
    approve="ann",
    client_documents=True,
)


@contextlib.contextmanager
def provider() -> Iterator[RunningProvider]:
    """The provider under test."""
    with run_server_in_thread([REALM]) as running:
        yield running


def run(running: RunningProvider, revision: str, output: Path) -> Results:
    """Both scenarios of a revision; what was said is in `run.log`. Raises SuiteError without results."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    issuer = running.issuers[REALM.name]
    settings = output / "settings.json"
    settings.write_text(json.dumps(_settings(issuer)), encoding="utf-8")
    program = suite.TOOLS / "node_modules" / "conformance" / "dist" / "index.js"
    command = [suite.node(), program, "authorization", "--file", settings, "--spec-version", revision]
    with (
        (output / "run.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [*command, "-o", output],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        link, listens = "", False
        try:
            for line in process.stdout:
                log.write(line)
                found = _LINK.search(line)
                link = found[0] if found else link
                listens = listens or _LISTENS in line
                if link and listens:  # it shows the link before it listens for what the link leads to
                    _open(link)
                    link = ""
            process.wait(DEADLINE)
        finally:
            process.kill()  # before `with` waits for its end
    results = suite.read(output)
    if not results.statuses:
        raise SuiteError(f"the suite ended with {process.returncode} and no results; see {log.name}")
    return results


def _settings(issuer: str) -> dict[str, object]:
    """The suite proves itself by no secret as soon as the metadata has that method, else by its secret."""
    document = httpx2.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).json()
    public = PUBLIC in document["token_endpoint_auth_methods_supported"]
    client = CLIENTS["public" if public else "secret"]
    secret = {} if public else {"clientSecret": SECRET}
    return {"url": issuer, "clientId": client.id, "resource": RESOURCE, "port": spare_port(), **secret}


def _open(link: str) -> None:
    """Follows the link as a browser would, to the suite's callback."""
    with httpx2.Client(trust_env=False, follow_redirects=True, timeout=30.0) as browser:
        browser.get(link)
