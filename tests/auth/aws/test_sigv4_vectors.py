"""AWS's own test suite for Signature Version 4, and mutations of it that must be refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from skerry.auth.aws import sigv4
from skerry.errors import SignatureError

NOW = 1440938160.0  # 2015-08-30T12:36:00Z
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
WRONG_SIGNATURE = "get-vanilla-with-session-token"


@dataclass(frozen=True)
class Request:
    name: str
    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return {k.lower(): v for k, v in self.headers}[name.lower()]

    def with_header(self, name: str, value: str | None) -> Request:
        """The request with every header of that name replaced, or removed."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def with_authorization(self, old: str, new: str) -> Request:
        text = self.header("Authorization")
        assert re.search(old, text), (old, text)
        return self.with_header("Authorization", re.sub(old, new, text, count=1))


def read(file: Path) -> Request:
    head, _, body = file.read_bytes().partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, target = first.split(b" ", 1)
    path, _, query = target.rpartition(b" ")[0].partition(b"?")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"}:
            headers[-1] = (headers[-1][0], headers[-1][1] + "\n" + line.decode("latin-1"))
        else:
            name, _, value = line.partition(b":")
            # An HTTP server strips the blanks around a value; those inside a folded one stay.
            headers.append((name.decode("latin-1"), value.decode("latin-1").strip(" ")))
    return Request(file.stem, method.decode(), path, query, tuple(headers), body)


def files(shared: Path) -> list[Path]:
    found = sorted((shared / "vectors" / "sigv4").rglob("*.sreq"))
    assert len(found) == 34
    return found


@pytest.fixture
def good(shared: Path) -> list[Request]:
    return [request for file in files(shared) if (request := read(file)).name != WRONG_SIGNATURE]


def shown(request: Request) -> sigv4.Presented:
    return sigv4.presented(request.method, request.path, request.query, request.headers)


def accept(request: Request, *, secret: str = SECRET) -> None:
    signed = shown(request)
    sigv4.check(signed, request.body, secret, now=NOW, expected_token=signed.token)


def refuse(request: Request, **options: str) -> str:
    with pytest.raises(SignatureError) as caught:
        accept(request, **options)
    return caught.value.reason


def test_canonical_request_and_string_to_sign_of_all_34_cases(shared: Path):
    for file in files(shared):
        request = read(file)
        signed = shown(request)
        assert sigv4.canonical_request(signed, request.body) == file.with_suffix(".creq").read_bytes(), (
            file.stem
        )
        assert sigv4.string_to_sign(signed, request.body) == file.with_suffix(".sts").read_bytes(), file.stem


@pytest.mark.behaviour("AUTH-SIGV4-VERIFY")
def test_33_signed_requests_are_accepted(good: list[Request]):
    assert len(good) == 33
    for request in good:
        accept(request)


def test_the_request_with_a_foreign_signature_is_refused_until_it_gets_its_own(shared: Path):
    file = next(file for file in files(shared) if file.stem == WRONG_SIGNATURE)
    assert refuse(read(file)) == "mismatch"
    accept(read(file).with_header("Authorization", file.with_suffix(".authz").read_text().strip()))


def mutants(request: Request) -> Iterator[tuple[str, Request]]:
    """The eight mutations of the suite's notes, one change each."""
    yield "method", replace(request, method="PUT")
    yield "path", replace(request, path=request.path.rstrip(b"/") + b"/more")
    yield "host", request.with_header("Host", "example.org")
    yield "date", request.with_header("X-Amz-Date", "20150830T123601Z")
    yield "scope date", request.with_authorization("/20150830/", "/20150829/")
    yield "region", request.with_authorization("/us-east-1/", "/us-west-2/")
    yield "service", request.with_authorization("/service/", "/iam/")
    yield "body", replace(request, body=request.body + b"x")


@pytest.mark.behaviour("AUTH-SIGV4-VERIFY")
def test_all_264_mutants_are_refused(good: list[Request]):
    reasons = [(request.name, what, refuse(mutant)) for request in good for what, mutant in mutants(request)]
    assert len(reasons) == 264
    assert {reason for _, _, reason in reasons} <= {"mismatch", "scope"}


def test_any_change_to_a_signed_header_value_is_refused(good: list[Request]):
    count = 0
    for request in good:
        for name in shown(request).signed_headers:
            values = [v for k, v in request.headers if k.lower() == name]
            changed = "," if len(values) > 1 else values[0] + "x"
            assert refuse(request.with_header(name, changed)) in {"mismatch", "malformed"}
            count += 1
    assert count > 70


@pytest.mark.parametrize("change", [b"extra=1", b"Param0=1", b"=", b"%00=%00"])
def test_any_change_to_the_query_is_refused(good: list[Request], change: bytes):
    for request in good:
        assert refuse(replace(request, query=request.query + b"&" + change)) == "mismatch"
        if request.query:
            assert refuse(replace(request, query=b"")) == "mismatch"


def test_the_list_of_signed_headers_cannot_be_changed(good: list[Request]):
    for request in good:
        without_date = request.with_authorization(r"(SignedHeaders=[^,]*?);x-amz-date", r"\1")
        assert refuse(without_date) == "mismatch"
        with_more = replace(request, headers=(*request.headers, ("zzz", "1")))
        accept(with_more)
        assert refuse(with_more.with_authorization(r"(SignedHeaders=[^,]*)", r"\1;zzz")) == "mismatch"
        assert refuse(request.with_authorization(r"(SignedHeaders=[^,]*)", r"\1;zzz")) == "mismatch"


@pytest.mark.behaviour("AUTH-SIGV4-HOST")
def test_the_host_must_be_signed(good: list[Request]):
    for request in good:
        assert refuse(request.with_authorization(r"SignedHeaders=(.*?)host;?", r"SignedHeaders=\1")) in {
            "unsigned-header",
            "malformed",
        }


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (r"Signature=(\w+)", lambda m: f"Signature={m[1].upper()}", "malformed"),
        (r"(Signature=\w+)\w", r"\1", "malformed"),
        (r"Signature=\w+", "Signature=", "malformed"),
        (r"Signature=\w+", "Signature=" + "0" * 64, "mismatch"),
        (r", Signature=\w+", "", "malformed"),
        (r"Credential=[^,]+, ", "", "malformed"),
        (r"/aws4_request", "/aws5_request", "malformed"),
        (r"/us-east-1/", "/us-east-1/us-east-1/", "malformed"),
        (r"SHA256", "SHA1", "algorithm"),
        (r"AWS4-HMAC", "AWS4-ECDSA-P256", "algorithm"),
        (r"AWS4-HMAC-SHA256 ", "Bearer ", "algorithm"),
        (r"host;x-amz-date", "x-amz-date;host", "malformed"),
        (r"host;x-amz-date", "host;host;x-amz-date", "malformed"),
        (r"host;x-amz-date", "Host;x-amz-date", "malformed"),
        (r"AKIDEXAMPLE", "", "malformed"),
        (r"$", "x" * 9000, "malformed"),
    ],
)
def test_a_spoilt_authorization_header_is_refused_with_its_reason(shared: Path, old, new, reason):
    request = read(next(file for file in files(shared) if file.stem == "get-vanilla"))
    assert refuse(request.with_authorization(old, new)) == reason


def test_twice_signed_not_signed_and_wrongly_keyed(shared: Path):
    request = read(next(file for file in files(shared) if file.stem == "get-vanilla"))
    twice = replace(request, headers=(*request.headers, ("authorization", request.header("Authorization"))))
    assert refuse(twice) == "malformed"
    assert refuse(request.with_header("Authorization", None)) == "missing"
    assert refuse(request, secret="another") == "mismatch"
    assert (
        refuse(replace(request, headers=(*request.headers, ("X-Amz-Date", "20150830T123600Z"))))
        == "malformed"
    )
    assert refuse(request.with_header("X-Amz-Date", None)) == "malformed"


def test_a_token_added_after_signing_may_change_and_a_signed_one_may_not(good: list[Request]):
    by_name = {request.name: request for request in good}
    added_later = by_name["post-sts-header-after"]
    accept(added_later.with_header("X-Amz-Security-Token", "another"))
    signed_before = by_name["post-sts-header-before"]
    assert refuse(signed_before.with_header("X-Amz-Security-Token", "another")) == "mismatch"
