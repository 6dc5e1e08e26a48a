"""Requests to CloudFormation in moto's process: who acts, and work that goes on after the answer."""

from __future__ import annotations

import io
import threading

import pytest

from skerry.local.aws.cloudformation import requests, wsgi
from skerry.local.aws.cloudformation.acting import WORKING_HEADER, Acting, decoded

ACTING = Acting("http://127.0.0.1:4700", "us-east-1", "ASIA", "secret", "token")
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/cloudformation/aws4_request, SignedHeaders=host"


class Moto:
    """Implements WSGI as moto does: `during` is called while a request is served."""

    def __init__(self, during=lambda: None):
        self.during = during
        self.seen = []

    def __call__(self, environ, start_response):
        self.seen.append((requests.request.get(), environ["wsgi.input"].read()))
        self.during()
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [b"<done/>"]


def serve(moto, *, body="", **more):
    environ = {
        "HTTP_AUTHORIZATION": SIGNED,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body.encode()),
        **more,
    }
    sent = []
    answer = wsgi.serve(environ, lambda status, headers, *_: sent.append((status, dict(headers))), moto)
    assert [b"<done/>"] == list(answer)
    return sent[0][1]


def test_moto_is_told_who_acts_and_reads_the_whole_body():
    moto = Moto()
    serve(moto, body="Action=CreateStack&OnFailure=DELETE", **{wsgi.ENVIRON: ACTING.encoded()})
    ((found, body),) = moto.seen
    assert (ACTING, "DELETE") == (found.acting, found.on_failure)
    assert b"Action=CreateStack&OnFailure=DELETE" == body
    assert requests.request.get() is None


@pytest.mark.parametrize(
    ("body", "wanted"),
    [("", "ROLLBACK"), ("DisableRollback=true", "DO_NOTHING"), ("DisableRollback=false", "ROLLBACK")],
)
def test_what_happens_when_a_resource_fails(body, wanted):
    moto = Moto()
    serve(moto, body=body)
    assert wanted == moto.seen[0][0].on_failure


def test_other_services_hear_nothing_of_it():
    moto = Moto()
    more = {"HTTP_AUTHORIZATION": SIGNED.replace("cloudformation", "s3"), wsgi.ENVIRON: ACTING.encoded()}
    serve(moto, **more)
    assert moto.seen[0][0] is None


@pytest.mark.parametrize("value", ["", "no base64!", "e30=", "W10="])
def test_what_is_no_acting_header_is_refused(value):
    with pytest.raises(ValueError, match="cannot be read"):
        decoded(value)


@pytest.mark.behaviour("CFN-LONG")
def test_work_that_takes_long_is_named_and_can_be_waited_for():
    go_on, over = threading.Event(), threading.Event()

    def job():
        go_on.wait(30)
        over.set()

    headers = serve(Moto(lambda: requests.work("stack", job, patience=0.0)))
    assert not over.is_set()
    name = headers[WORKING_HEADER]
    waiting = threading.Thread(target=requests.wait, args=(name,))
    waiting.start()
    go_on.set()
    waiting.join(30)
    assert over.is_set()
    requests.wait(name)


def test_work_that_is_over_is_not_named():
    done = []
    headers = serve(Moto(lambda: requests.work("stack", lambda: done.append(1))))
    assert [1] == done
    assert WORKING_HEADER not in headers


def test_two_works_on_one_stack_come_one_after_the_other():
    first, order = threading.Event(), []

    def slow():
        first.wait(30)
        order.append("first")

    def both():
        requests.work("one", slow, patience=0.0)
        second = threading.Thread(target=requests.work, args=("one", lambda: order.append("second")))
        second.start()
        requests.work("another", lambda: order.append("another"))
        first.set()
        second.join(30)

    serve(Moto(both))
    assert ["another", "first", "second"] == order
