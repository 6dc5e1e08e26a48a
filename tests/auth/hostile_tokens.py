"""Tokens that nobody may take: forged, stale, for somebody else, of another kind, or made to break a parser.

`TOKENS` are data: what each is, why the verifier refuses it, and how it is made from an issuer that signs
whatever a test wants. Every door of skerry is tried with all of them (test_hostile_tokens.py).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.kit.issuer import FakeIssuer, ec_key, rsa_key, segment

Make = Callable[[FakeIssuer], str]


@dataclass(frozen=True)
class Hostile:
    """A token and the `reason` of its refusal.

    `aws` says that AgentCore's authorizer refuses it too, which has no rule about the kind of a token.
    `sendable` says that an HTTP client can send it in a header.
    """

    name: str
    reason: str
    make: Make
    aws: bool = True
    sendable: bool = True


def _claims(**changes: Any) -> Make:
    """A well-signed token with other claims; None removes one."""
    return lambda issuer: issuer.mint(issuer.claims(**changes))


def _header(**members: Any) -> Make:
    return lambda issuer: issuer.mint(header=members)


def _later(**seconds: float) -> Make:
    return lambda issuer: issuer.mint(
        issuer.claims(**{name: issuer.clock.time() + offset for name, offset in seconds.items()})
    )


def _raw(member: bytes) -> Make:
    """Good claims with one more member, as bytes."""
    return lambda issuer: issuer.mint(
        json.dumps(issuer.claims()).encode().removesuffix(b"}") + b"," + member + b"}"
    )


def _payload(content: bytes) -> Make:
    return lambda issuer: issuer.mint(content)


def _instead(name: str, value: bytes) -> Make:
    """Good claims in which one has a value that Python would not write."""

    def make(issuer: FakeIssuer) -> str:
        rest = json.dumps(issuer.claims(**{name: None})).encode().removesuffix(b"}")
        return issuer.mint(rest + b',"%s":%s}' % (name.encode(), value))

    return make


def _spoilt(change: Callable[[str], str]) -> Make:
    return lambda issuer: change(issuer.mint())


def _signed_by(name: str, **header: Any) -> Make:
    """Signed with a key that the issuer does not publish."""

    def make(issuer: FakeIssuer) -> str:
        key = rsa_key(name)
        members = {
            field: key.as_dict(private=False) if value == "THE KEY" else value
            for field, value in header.items()
        }
        return issuer.mint(key=key, header=members)

    return make


def _mac(secret: Callable[[], bytes]) -> Make:
    """HS256 with what everybody knows: the public key."""

    def make(issuer: FakeIssuer) -> str:
        text = f"{segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'one'})}.{segment(issuer.claims())}"
        return f"{text}.{segment(hmac.new(secret(), text.encode(), hashlib.sha256).digest())}"

    return make


def _unsigned(algorithm: Any, signature: str = "AA") -> Make:
    return lambda issuer: ".".join(
        (segment({"alg": algorithm, "typ": "at+jwt", "kid": "one"}), segment(issuer.claims()), signature)
    )


def _swapped(**changes: Any) -> Make:
    """The signature of a good token under other claims."""

    def make(issuer: FakeIssuer) -> str:
        head, _, signature = issuer.mint().split(".")
        return f"{head}.{segment(issuer.claims(**changes))}.{signature}"

    return make


def _flipped(issuer: FakeIssuer) -> str:
    text, _, signature = issuer.mint().rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[0] ^= 1
    return f"{text}.{segment(bytes(raw))}"


def _elliptic(issuer: FakeIssuer) -> str:
    return issuer.mint(key=ec_key("one"), header={"alg": "ES256", "kid": "one"})


def _deep_header(issuer: FakeIssuer) -> str:
    head = b'{"alg":"RS256","typ":"at+jwt","kid":"one","x":' + b"[" * 2000 + b"]" * 2000 + b"}"
    return f"{segment(head)}.{segment(issuer.claims())}.AA"


def _double_header(issuer: FakeIssuer) -> str:
    head = segment(b'{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"one"}')
    text = f"{head}.{segment(issuer.claims())}"
    return f"{text}.{segment(FakeIssuer.sign(text, rsa_key('one'), 'RS256'))}"


def _padded(issuer: FakeIssuer) -> str:
    head, body, signature = issuer.mint(issuer.claims(jti="t-22")).split(".")
    return f"{head}{'=' * (-len(head) % 4)}.{body}==.{signature}=="


def _encrypted(_: FakeIssuer) -> str:
    return f"{segment({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.a.b.c.d"


def _pem() -> bytes:
    return bytes(rsa_key("one").as_pem(private=False))


def _jwk() -> bytes:
    return json.dumps(rsa_key("one").as_dict(private=False)).encode()


_EMBEDDED: Mapping[str, Any] = {"jwk": "THE KEY", "kid": "one"}
_ELSEWHERE = "http://127.0.0.1:9/keys"
_ID_TOKEN: Mapping[str, Any] = {"aud": "chat", "client_id": None, "jti": None, "nonce": "n-1", "scope": None}
_LOGOUT = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "s-1"}

TOKENS: tuple[Hostile, ...] = (
    # no JWT at all
    Hostile("opaque", "malformed", lambda _: "opaque"),
    Hostile("two segments", "malformed", _spoilt(lambda good: good.rpartition(".")[0])),
    Hostile("four segments", "malformed", _spoilt(lambda good: f"{good}.AA")),
    Hostile("five segments: a JWE", "malformed", _encrypted),
    Hostile("no signature", "malformed", _spoilt(lambda good: good.rpartition(".")[0] + ".")),
    Hostile("a comma behind", "malformed", _spoilt(lambda good: f"{good},{good}"), sendable=False),
    Hostile("a line feed behind", "malformed", _spoilt(lambda good: good + "\n"), sendable=False),
    Hostile("outside of ASCII", "malformed", _spoilt(lambda good: good + "é"), sendable=False),
    Hostile("a NUL within", "malformed", _spoilt(lambda good: good.replace(".", "\0.", 1)), sendable=False),
    Hostile("padded base64", "malformed", _padded, sendable=False),
    Hostile("the other base64 alphabet", "malformed", _spoilt(lambda good: f"++//{good}"), sendable=False),
    Hostile("too long", "malformed", _claims(filler="x" * 16_384)),
    # forged
    Hostile("alg none", "algorithm", _unsigned("none")),
    Hostile("alg None", "algorithm", _unsigned("None")),
    Hostile("alg nOnE, with a good signature", "algorithm", _header(alg="nOnE")),
    Hostile("no alg", "algorithm", _unsigned(None)),
    Hostile("alg as a list", "algorithm", _unsigned(["RS256"])),
    Hostile("HS256 with the public key as PEM", "algorithm", _mac(_pem)),
    Hostile("HS256 with the public key as JWK", "algorithm", _mac(_jwk)),
    Hostile("HS256 with nothing", "algorithm", _mac(lambda: b"")),
    Hostile("RS512", "algorithm", _header(alg="RS512")),
    Hostile("PS256", "algorithm", _header(alg="PS256")),
    Hostile("ES256 under the id of the RSA key", "algorithm", _elliptic),
    Hostile("another key under the same id", "signature", _signed_by("thief", kid="one")),
    Hostile("one bit of the signature", "signature", _flipped),
    Hostile("a signature that is a text", "signature", _spoilt(lambda good: good.rpartition(".")[0] + ".AAAA")),
    Hostile("other claims under a good signature", "signature", _swapped(sub="root")),
    Hostile("another tenant under a good signature", "signature", _swapped(tenant_id="globex")),
    # keys of the forger
    Hostile("a key that nobody published", "key", _signed_by("thief")),
    Hostile("jwk in the header", "signature", _signed_by("thief", **_EMBEDDED)),
    Hostile("jwk in the header, no kid", "malformed", _signed_by("thief", jwk="THE KEY", kid=None)),
    Hostile("jku in the header", "signature", _signed_by("thief", jku=_ELSEWHERE, kid="one")),
    Hostile("x5u in the header", "signature", _signed_by("thief", x5u=_ELSEWHERE, kid="one")),
    Hostile("x5c in the header", "signature", _signed_by("thief", x5c=["TUlJ"], kid="one")),
    Hostile("kid of a path", "key", _signed_by("thief", kid="../../../../dev/null")),
    Hostile("kid of a query", "key", _signed_by("thief", kid="' UNION SELECT 'AA' --")),
    Hostile("kid of a URL", "key", _signed_by("thief", kid=_ELSEWHERE)),
    Hostile("kid of a command", "key", _signed_by("thief", kid="$(touch /tmp/x)|id")),
    Hostile("kid of a line break", "key", _signed_by("thief", kid="one\r\nSet-Cookie: a=b")),
    Hostile("kid with a NUL", "key", _signed_by("thief", kid="one\0")),
    Hostile("kid in upper case", "key", _header(kid="ONE")),
    Hostile("kid too long", "malformed", _header(kid="k" * 257)),
    Hostile("kid empty", "malformed", _header(kid="")),
    Hostile("kid no text", "malformed", _header(kid=1)),
    Hostile("kid missing", "malformed", _header(kid=None)),
    # headers that ask for more
    Hostile("crit", "malformed", _header(crit=["exp"], exp=0)),
    Hostile("crit empty", "malformed", _header(crit=[])),
    Hostile("b64 false", "malformed", _header(b64=False, crit=["b64"])),
    Hostile("header nested 2000 deep", "malformed", _deep_header),
    Hostile("doubled alg", "malformed", _double_header),
    # claims that break a parser
    Hostile("payload no object", "malformed", _payload(b"[]")),
    Hostile("payload null", "malformed", _payload(b"null")),
    Hostile("payload no UTF-8", "malformed", _payload(b'\xff{"sub":"x"}')),
    Hostile("payload with a byte order mark", "malformed", _payload(b"\xef\xbb\xbf{}")),
    Hostile("payload nested 2000 deep", "malformed", _raw(b'"x":' + b"[" * 2000 + b"]" * 2000)),
    Hostile("payload nested 2000 deep, objects", "malformed", _raw(b'"x":' + b'{"a":' * 2000 + b"1" + b"}" * 2000)),
    Hostile("doubled sub", "malformed", _raw(b'"sub":"root"')),
    Hostile("doubled aud in another spelling", "malformed", _raw(b'"\\u0061ud":"accounts"')),
    Hostile("NaN", "malformed", _raw(b'"x":NaN')),
    Hostile("Infinity", "malformed", _raw(b'"x":-Infinity')),
    Hostile("a number of 5000 digits", "malformed", _raw(b'"x":' + b"9" * 5000)),
    Hostile("a number out of range", "malformed", _raw(b'"x":1e400')),
    # time
    Hostile("expired", "expired", _later(exp=-60, iat=-360)),
    Hostile("expired long ago", "expired", _claims(exp=1, iat=0)),
    Hostile("issued in the future", "not-yet", _later(iat=600)),
    Hostile("not before the future", "not-yet", _later(nbf=600)),
    Hostile("no exp", "malformed", _claims(exp=None)),
    Hostile("no iat", "malformed", _claims(iat=None)),
    Hostile("exp as a text", "malformed", _claims(exp="4102444800")),
    Hostile("exp as 1e400", "malformed", _instead("exp", b"1e400")),
    Hostile("exp of 400 digits", "malformed", _instead("exp", b"9" * 400)),
    Hostile("exp negative", "malformed", _claims(exp=-1)),
    Hostile("exp true", "malformed", _claims(exp=True)),
    Hostile("exp null", "malformed", _instead("exp", b"null")),
    Hostile("exp a list", "malformed", _claims(exp=[4102444800])),
    Hostile("nbf as a text", "malformed", _claims(nbf="0")),
    Hostile("iat as NaN", "malformed", _instead("iat", b"NaN")),
    # somebody else's
    Hostile("another issuer", "issuer", _claims(iss="https://login.example.org/desk")),
    Hostile("the issuer with a slash", "issuer", lambda issuer: issuer.mint(issuer.claims(iss=f"{issuer.issuer}/"))),
    Hostile("the issuer in a list", "issuer", lambda issuer: issuer.mint(issuer.claims(iss=[issuer.issuer]))),
    Hostile("no issuer", "issuer", _claims(iss=None)),
    Hostile("another audience", "audience", _claims(aud="desk-gateway")),
    Hostile("other audiences", "audience", _claims(aud=["desk-gateway", "accounts-api", "account"])),
    Hostile("the audience with a slash", "audience", _claims(aud="accounts/")),
    Hostile("the audience in upper case", "audience", _claims(aud="ACCOUNTS")),
    Hostile("an audience that holds it", "audience", _claims(aud={"accounts": True})),
    Hostile("a pattern for an audience", "audience", _claims(aud="*")),
    Hostile("no subject", "malformed", _claims(sub=None)),
    Hostile("subject a number", "malformed", _claims(sub=1)),
    Hostile("subject empty", "malformed", _claims(sub="")),
    # another kind
    Hostile("an ID token", "kind", lambda issuer: issuer.mint(issuer.claims(**_ID_TOKEN), header={"typ": "JWT"})),
    Hostile("an ID token for this audience", "kind",
            lambda issuer: issuer.mint(issuer.claims(**{**_ID_TOKEN, "aud": "accounts"}), header={"typ": None})),
    Hostile("a logout token", "kind",
            lambda issuer: issuer.mint(issuer.claims(**_LOGOUT), header={"typ": "logout+jwt"})),
    Hostile("a logout token that says at+jwt", "kind", _claims(**_LOGOUT)),
    Hostile("an ID-JAG", "kind", _header(typ="oauth-id-jag+jwt")),
    Hostile("a client assertion", "kind", _header(typ="client-authentication+jwt")),
    Hostile("a DPoP proof", "kind", _header(typ="dpop+jwt")),
    Hostile("a security event", "kind", _header(typ="secevent+jwt")),
    Hostile("typ JWT", "kind", _header(typ="JWT"), aws=False),
    Hostile("typ missing", "kind", _header(typ=None), aws=False),
    Hostile("typ no text", "malformed", _header(typ=["at+jwt"])),
    Hostile("typ of a control sequence", "kind", _header(typ="\x1b[2Jat+jwt")),
    Hostile("no client_id", "kind", _claims(client_id=None)),
    Hostile("no jti", "kind", _claims(jti=None), aws=False),
    Hostile("no aud", "kind", _claims(aud=None)),
)  # fmt: skip
"""Not among them: a token shown a second time. A bearer token may be, until it ends (RFC 6750 §5.2)."""
