"""Requests wait for the seeds that they could see, and for no others."""

from __future__ import annotations

import threading

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from skerry.local.aws.moto_server import Application
from skerry.local.aws.questions import SECRET_HEADER
from skerry.local.aws.seeds import Call

ZONE = Call(
    "route53", "CreateHostedZone", parameters={"Name": "example.com", "CallerReference": "1"}, later=True
)
PARTS = [
    Call("s3", "CreateBucket", parameters={"Bucket": "soon"}),
    ZONE,
    Call("sesv2", "CreateEmailIdentity", parameters={"EmailIdentity": "example.com"}, later=True),
    Call("ses", "CreateTemplate", parameters={}, later=True),
]


def ask(application, service, path):
    """Status and body of a request that is signed for a service."""
    scope = f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{service}/aws4_request, Signature=0"
    headers = {SECRET_HEADER: "secret", "Authorization": scope}
    builder = EnvironBuilder(path=path, base_url="http://127.0.0.1", headers=headers)
    chunks, status, _ = run_wsgi_app(application, builder.get_environ())
    return status, b"".join(chunks)


@pytest.mark.behaviour("AWS-SEEDS-LATER")
def test_only_requests_to_services_that_are_filled_later_wait_longer():
    application = Application("secret")
    seeding = application.seed(PARTS, "us-east-1")
    assert next(seeding) == []
    status, body = ask(application, "s3", "/")
    assert (status, b"soon" in body) == ("200 OK", True)

    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(ask(application, "route53", "/2013-04-01/hostedzone")), daemon=True
    )
    waiting.start()
    assert answers == []
    failed = next(seeding)
    waiting.join(60)
    assert b"example.com" in answers[0][1], "the answer shows the whole of the estate"
    assert [problem.split(":")[0] for problem in failed] == ["seed ses CreateTemplate"]


def test_without_seeds_nothing_waits():
    application = Application("secret")
    assert list(application.seed([], "us-east-1")) == [[], []]
    assert ask(application, "route53", "/2013-04-01/hostedzone")[0] == "200 OK"
