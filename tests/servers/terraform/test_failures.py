"""What goes wrong at Terraform is one line that says what to do, without the token."""

import asyncio
import json
import socket
import threading
from dataclasses import replace

import pytest
from fastmcp.exceptions import ToolError

from skerry.errors import ConfigurationError
from skerry.servers.terraform import library
from skerry.servers.terraform.cloud import Cloud
from skerry.servers.terraform.failures import TerraformError
from skerry.settings import TerraformSettings
from tests.kit.asgi_thread import serve
from tests.kit.recording_tfe import RecordingTfe
from tests.kit.terraform_standin import TOKEN, running_standin
from tests.servers.terraform.test_reading import ACME

SANDBOX = {**ACME, "workspace_name": "sandbox"}


@pytest.fixture(scope="module")
def fake():
    return RecordingTfe()


@pytest.fixture(scope="module")
def failing(fake, serving):
    with serve(fake, lifespan="off") as address, serving(address=address, stateful=True) as url:
        yield url


def error(detail="", title="wrong", **more):
    return json.dumps({"errors": [{"title": title, "detail": detail, **more}]}).encode()


@pytest.mark.behaviour("TF-ERRORS")
@pytest.mark.parametrize(
    ("status", "headers", "body", "says"),
    [(401, {}, error(title="unauthorized"), r"does not accept the token\. Store a valid token for this session"),
     (403, {}, error("no permission"), r"may not do this \(no permission\)\. Ask for the permission"),
     (404, {}, error(title="not found"), r"not found\. Check the name"),
     (409, {}, error("is locked"), r"refused: is locked\. Look at its state again"),
     (422, {}, error("is taken", source={"pointer": "/data/attributes/name"}), "does not accept this: name: is taken"),
     (429, {"Retry-After": "7"}, error(), r"no more calls for now\. Wait 7 seconds"),
     (429, {}, error(), "Wait a few seconds"),
     (500, {}, b"<html>", r"Terraform failed \(500\)\. Try again later"), (503, {}, b"", r"Terraform failed \(503\)"),
     (418, {}, error("teapot"), "answered 418: teapot"), (409, {}, b'{"errors": ["plain words"]}', "refused: plain words"),
     (422, {}, error(f"bad {TOKEN}\nand\x1b[31m more"), r"bad … and \[31m more"),
     (422, {}, error("x" * 5000), "x{400}"), (200, {}, b"{}", "in a shape that this server does not know"),
     (200, {}, b"not json", "in a shape"), (200, {}, b'{"data": {"id": 7}}', "in a shape"), (200, {}, b"[]", "in a shape")],
)  # fmt: skip
async def test_each_failure_says_what_to_do(failing, fake, ask, status, headers, body, says):
    fake.failures[:] = [(status, headers, body)]
    with pytest.raises(ToolError, match=says) as caught:
        await ask("get_workspace_details", SANDBOX, url=failing)
    assert TOKEN not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600
    assert fake.failures == [], "it was tried once"


@pytest.mark.behaviour("TF-UNKNOWN-OUTCOME")
async def test_a_write_without_an_answer_is_not_called_undone(failing, fake, ask):
    good = (
        200,
        {},
        json.dumps(
            {"data": {"id": "ws-fake", "type": "workspaces", "attributes": {"locked": False}}}
        ).encode(),
    )
    for status in (500, 502, 504):
        fake.failures[:] = [good, good, (status, {}, b"")]
        with pytest.raises(
            ToolError, match=r"Whether it was done is not known: read it again before you repeat"
        ):
            await ask("lock_workspace", SANDBOX, url=failing)
        fake.failures.clear()


@pytest.mark.behaviour("TF-ERRORS")
async def test_real_answers_of_the_stand_in(serving, ask):
    with running_standin(rate=1) as busy, serving(address=busy.url, stateful=True) as url:
        await ask("list_terraform_projects", ACME, url=url)
        with pytest.raises(ToolError, match=r"no more calls for now\. Wait 1 seconds"):
            await ask("list_terraform_projects", ACME, url=url)
    with (
        serving(token="some-other-token", stateful=True) as url,
        pytest.raises(ToolError, match="not accept the token"),
    ):
        await ask("list_terraform_projects", ACME, url=url)


@pytest.mark.behaviour("TF-ERRORS")
async def test_nobody_answers(serving, ask):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        says = r"Terraform does not answer\. Try again later, or check TFE_ADDRESS"
        with serving(address=address, stateful=True) as url, pytest.raises(ToolError, match=says):
            await ask("get_workspace_details", SANDBOX, url=url)


@pytest.fixture
async def cloud():
    made = []

    def make(**changes):
        usual = {"address": "http://127.0.0.1:1", "registry": "http://127.0.0.1:1", "token": TOKEN}
        made.append(Cloud.of(TerraformSettings(**{**usual, **changes})))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.mark.behaviour("TF-BOUNDED")
async def test_calls_are_bounded_in_number_and_in_time(cloud):
    terraform = cloud(concurrency=2, call_timeout=0.2)
    gate, running, most = threading.Event(), [], []

    def work(_):
        running.append(1)
        most.append(len(running))
        gate.wait(20)
        running.pop()

    try:
        calls = [terraform.call(TOKEN, work) for _ in range(6)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        gate.set()
    assert all("gave no answer within 0.2 seconds" in str(result) for result in results)
    assert max(most) <= 2


@pytest.mark.behaviour("TF-ENVIRONMENT")
def test_every_field_of_the_configuration_is_ours(monkeypatch):
    for name, value in {
        "TFE_ADDRESS": "https://evil.example.com", "TFE_TOKEN": "evil", "TFE_TIMEOUT": "1", "TFE_MAX_RETRIES": "9",
        "TFE_VERIFY_TLS": "0", "SSL_CERT_FILE": "/nowhere",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = TerraformSettings(address="https://terraform.example.com", api_timeout=7)
    made = library.configuration(settings, "")
    assert made.model_fields_set == set(type(made).model_fields), (
        "a new field of pytfe would read the environment"
    )
    assert (made.address, made.token, made.timeout) == ("https://terraform.example.com", "", 7)
    assert (made.max_retries, made.verify_tls, made.ca_bundle) == (0, True, None)


@pytest.mark.behaviour("TF-NO-CACHE")
async def test_no_client_serves_two_tokens(cloud):
    terraform, seen = cloud(), []
    for token in ("first-token", "second-token"):
        await terraform.call(token, seen.append)
    first, second = seen
    assert first is not second


@pytest.mark.behaviour("TF-ADDRESS")
@pytest.mark.parametrize(
    "address",
    ["http://app.terraform.io", "ftp://app.terraform.io", "app.terraform.io", "https://", "", "http://127.0.0.1.evil.com",
     "https://user@app.terraform.io", "https://app.terraform.io/api", "https://app.terraform.io?x=1"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["address", "registry"])
def test_a_token_goes_over_tls_or_not_beyond_this_machine(address, name):
    with pytest.raises(ConfigurationError):
        Cloud.of(replace(TerraformSettings(), **{name: address}))


@pytest.mark.behaviour("TF-ADDRESS")
@pytest.mark.parametrize(
    ("env", "refused"),
    [({}, False), ({"HTTP_PROXY": "http://proxy:3128"}, True), ({"all_proxy": "socks5://proxy"}, True),
     ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "example.com,127.0.0.1"}, False),
     ({"http_proxy": "http://proxy", "no_proxy": "*"}, False), ({"HTTPS_PROXY": "http://proxy"}, False),
     ({"SKERRY_TERRAFORM_PROXY": "http://proxy"}, True)],
)  # fmt: skip
async def test_no_proxy_is_sent_a_token_for_this_machine(env, refused):
    local = TerraformSettings.from_env({**env, "TFE_ADDRESS": "http://127.0.0.1:1"})
    if refused:
        with pytest.raises(ConfigurationError, match="NO_PROXY"):
            Cloud.of(local)
    else:
        await Cloud.of(local).close()


@pytest.mark.behaviour("TF-ADDRESS")
async def test_no_argument_or_header_moves_the_address(url, ask, fake):
    fake.headers.clear()
    with serve(fake, lifespan="off") as elsewhere:
        sent = {
            "TFE-Address": elsewhere,
            "X-TFE-Address": elsewhere,
            "TFE_ADDRESS": elsewhere,
            "X-Terraform-Token": "x",
        }
        found = await ask("list_terraform_orgs", headers=sent)
        assert found["organizations"][0]["name"] == "acme"
        with pytest.raises(ToolError, match="address is no argument of it"):
            await ask("list_terraform_orgs", {"address": elsewhere})
    assert fake.headers == []


@pytest.mark.behaviour("TF-LOGS")
async def test_a_log_is_read_without_the_token_and_not_from_anywhere(cloud, fake):
    with serve(fake, lifespan="off") as home:
        terraform = cloud(address=home)
        fake.headers.clear()
        fake.failures[:] = [(200, {}, b"\x1b[1mPlan:\x1b[0m 1 to add\x02\n\xff")]
        assert await terraform.log(f"{home}/object/secret") == "Plan: 1 to add\n\ufffd"
        (headers,) = fake.headers
        assert "authorization" not in headers
        fake.failures[:] = [(403, {}, b"")]
        with pytest.raises(TerraformError, match=r"cannot be read \(403\)") as caught:
            await terraform.log(f"{home}/object/secret")
        assert "secret" not in str(caught.value)
        fake.failures[:] = [(302, {"Location": f"{home}/elsewhere"}, b"")]
        with pytest.raises(TerraformError, match=r"cannot be read \(302\)"):
            await terraform.log(f"{home}/object/secret")
    for url in ("http://169.254.169.254/latest", "file:///etc/passwd", f"{home}0/x", "http://127.0.0.1:1/x"):
        with pytest.raises(TerraformError, match="not safe to read from"):
            await terraform.log(url)


async def test_of_a_long_log_the_end_is_read(cloud, fake):
    with serve(fake, lifespan="off") as home:
        fake.failures[:] = [(200, {}, b"a" * 9_000_000 + b"the end")]
        text = await cloud(address=home).log(f"{home}/object/secret")
    assert len(text) <= 4_194_304
    assert text.endswith("the end")


@pytest.mark.parametrize("body", [b"[]", b"{}", b"x", b'{"versions": [1]}', b'{"versions": 3}'])
async def test_a_registry_that_answers_strangely(cloud, fake, body):
    with serve(fake, lifespan="off") as home:
        fake.failures[:] = [(200, {}, body)]
        with pytest.raises(TerraformError, match="in a shape"):
            await cloud(registry=home).provider_versions("hashicorp", "aws")
