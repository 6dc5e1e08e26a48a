"""Every operation of both AgentCore models through boto3, with nothing but its endpoint_url changed."""

from __future__ import annotations

import time

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from skerry.local.api import service_model
from tests.contracts.operations import SERVICES, emulated, families, lacking, least, refused, resolved
from tests.contracts.operations.__main__ import report
from tests.kit.authorization_server import Browser, authorization_server
from tests.kit.idp import desk
from tests.kit.local_endpoint import ACCOUNT, REGION, ROLE, TIMEOUT, endpoint_process
from tests.kit.mcp_backends import fastmcp_backend
from tests.kit.runtime_plane import PROGRAMS


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("operations")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def clients(running):
    made = {service: running.client(service) for service in SERVICES}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture(scope="module")
def facts():
    with fastmcp_backend() as backend, authorization_server() as provider, desk() as idp:
        yield {
            "program": str(PROGRAMS / "described"),
            "server": backend.url,
            "role": ROLE,
            "account": ACCOUNT,
            "region": REGION,
            "issuer": provider.issuer,
            "user_token": idp.token(),
        }


def answered(clients, call, saved):
    """The answer to a call; with `until` it is asked again until the status is that."""
    operation = getattr(clients[call.service], xform_name(call.operation))
    end = time.monotonic() + TIMEOUT
    while True:
        answer = operation(**resolved(call.arguments, saved))
        if not call.until or answer["status"] == call.until:
            return answer
        assert "FAIL" not in answer["status"], answer
        assert "UNSUCCESSFUL" not in answer["status"], answer
        assert time.monotonic() < end, answer["status"]


@pytest.mark.behaviour("CTL-OPERATIONS")
@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_emulated_operations_answer_with_all_that_the_model_requires(clients, facts, family):
    saved = {"facts": facts}
    for call in family.calls:
        if call.visit:
            browser = Browser()
            browser.consent(resolved(call.visit, saved))
            browser.close()
        answer = answered(clients, call, saved)
        status = service_model.load(call.service).operations[call.operation].status
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, call.operation
        assert lacking(call.service, call.operation, answer) == [], call.operation
        if call.save:
            saved[call.save] = answer
        for stream in (value for value in answer.values() if hasattr(value, "close")):
            list(stream)  # to its end, which gives the connection back
            stream.close()


@pytest.mark.behaviour("CTL-NOT-EMULATED")
@pytest.mark.parametrize("service", SERVICES)
def test_every_other_operation_is_refused_by_name(clients, service):
    wrong = []
    own = {name: given for family in families() for name, given in family.refused.items()}
    for of, operation in refused():
        if of != service:
            continue
        try:
            getattr(clients[service], xform_name(operation))(
                **own.get(operation) or least(service, operation)
            )
            wrong.append(f"{operation} is emulated and in no family of tests/contracts/operations")
        except ClientError as error:
            answer = error.response
            seen = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
            text = answer["Error"]["Message"]
            told = operation in own or (operation in text and "not emulated" in text)
            if seen != ("UnknownOperationException", 501) or not told:
                wrong.append(f"{operation}: {seen} {text}")
    assert wrong == []


def test_the_families_name_operations_of_the_models():
    unknown = [
        f"{service} {name}"
        for service, name in emulated()
        if name not in service_model.load(service).operations
    ]
    assert unknown == []


def test_the_report_says_what_is_refused():
    text = report()
    assert "CreateGateway\n" in text
    assert all(name in text for _, name in refused())
