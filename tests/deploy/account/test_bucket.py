"""A bucket whose name somebody else has taken first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from skerry.deploy.account.access import Account, Identity
from skerry.deploy.account.bucket import Bucket, default_name
from skerry.errors import ConfigurationError

IDENTITY = Identity("123456789012", "arn:aws:iam::123456789012:user/ann", "eu-central-1")
ARN_CN = "arn:aws-cn:iam::123456789012:user/ann"


class Foreign(BaseHTTPRequestHandler):
    """An S3 in which every bucket belongs to another account."""

    seen: list[tuple[str, str | None]]

    def answer(self) -> None:
        self.seen.append((self.command, self.headers["x-amz-expected-bucket-owner"]))
        self.send_response(403)
        self.send_header("content-length", "0")
        self.end_headers()

    do_HEAD = do_PUT = answer  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str | None]]]:
    seen: list[tuple[str, str | None]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Seen", (Foreign,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFOREIGN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a real secret")
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.behaviour("DEPLOY-BUCKET-OWNER")
def test_nothing_is_sent_to_a_bucket_of_another_account(foreign: list[tuple[str, str | None]]):
    bucket = Bucket(Account(region="eu-central-1"), IDENTITY, default_name(IDENTITY))
    with pytest.raises(ConfigurationError) as error:
        bucket.exists()
    assert "skerry-deploy-123456789012-eu-central-1 belongs to another account" in error.value.message
    assert "--bucket" in error.value.hint
    assert foreign == [("HEAD", "123456789012")]


@pytest.mark.parametrize(("arn", "suffix"), [(IDENTITY.arn, "amazonaws.com"), (ARN_CN, "amazonaws.com.cn")])
def test_where_cloudformation_finds_an_object(foreign: list[tuple[str, str | None]], arn: str, suffix: str):
    bucket = Bucket(Account(region="x-1"), Identity("123456789012", arn, "x-1"), "b")
    assert bucket.url("skerry/t.json") == f"https://b.s3.x-1.{suffix}/skerry/t.json"
