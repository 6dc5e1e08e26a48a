"""What a refusal means to a person, and the next move: one sentence each, with a stable code.

Why a request was refused is read by `answers`; here it is said. Pure, and without secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skerry.auth.answers import Answer, Reason, bearer_challenge, read, reason_of, wants_of
from skerry.auth.ports import Origin
from skerry.errors import ConfigurationError, RemoteError, SignatureError, SkerryError, TokenError
from skerry.wire.shown import safe

_GIVE_TOKEN = "Give --token-command or --token-file, or sign in: skerry login URL."  # noqa: S105
_GIVE_KEYS = "Sign in to AWS (aws login, or aws sso login), and give no token and no --auth bearer or none."


def explain(status: int, body: bytes, headers: Mapping[str, str], origin: Origin) -> SkerryError | None:
    """What a refusal means for a client whose proof is from `origin`: message, hint and a stable code.

    None when it has nothing to do with the proof.
    """
    if status not in (400, 401, 403):
        return None
    answer = read(status, body, headers)
    found = reason_of(answer, origin.kind)
    if not found:
        return None
    if found in ("missing", "crossed"):
        return _wanted(answer, origin, found)
    table = _BEARER if origin.kind == "bearer" else _SIGV4
    return table.get(found, _denied)(answer, origin)


def _wanted(answer: Answer, origin: Origin, found: Reason) -> SkerryError:
    wants = wants_of(answer, origin.kind)
    server = "This runtime" if answer.says("the agent is configured") else "This server"
    if found == "missing" or origin.kind == "none":
        if wants == "bearer":
            return TokenError(
                "missing", f"{server} wants an OAuth bearer token and none was sent.", hint=_GIVE_TOKEN
            )
        what = "a SigV4 signature" if wants == "sigv4" else "some proof of who calls"
        hint = _GIVE_KEYS if wants == "sigv4" else f"Give --auth sigv4 or --auth bearer. {_GIVE_TOKEN}"
        return ConfigurationError(f"{server} wants {what} and none was sent.", hint=hint)
    if wants == "bearer":
        return ConfigurationError(
            f"{server} accepts OAuth bearer tokens; you signed with SigV4.", hint=_GIVE_TOKEN
        )
    return ConfigurationError(
        f"{server} accepts SigV4 signatures; you sent a bearer token.",
        hint=f"{_GIVE_KEYS} If it took tokens before, an update may have dropped its authorizer.",
    )


def _of(origin: Origin) -> str:
    return f" from {origin.name}" if origin.name else ""


def _expired_keys(_: Answer, origin: Origin) -> SkerryError:
    return SignatureError(
        "expired-token", f"The AWS credentials{_of(origin)} have expired.", hint=origin.renew
    )


def _unknown_keys(_: Answer, origin: Origin) -> SkerryError:
    return SignatureError(
        "unknown-key",
        f"AWS does not accept the credentials{_of(origin)}: the key or its session token is not valid.",
        hint=f"{origin.renew} If the keys work elsewhere, is the region enabled for the account?".strip(),
    )


def _mismatch(_: Answer, origin: Origin) -> SkerryError:
    return SignatureError(
        "mismatch",
        f"The signature made with the credentials{_of(origin)} does not match: the secret key is not that of "
        "the access key, or something on the way changed the request.",
        hint="Check the secret access key; then any HTTP proxy in between.",
    )


def _skew(answer: Answer, _: Origin) -> SkerryError:
    way = " It is ahead." if answer.says("not yet current") else ""
    return SignatureError(
        "skew",
        f"The clock of this machine is wrong: AWS refused the time in the signature.{way}",
        hint="Set the clock (NTP) and try again; the credentials are not the problem.",
    )


def _scope(answer: Answer, _: Origin) -> SkerryError:
    return SignatureError(
        "scope",
        f"The request was signed for another region or service than the server's: {safe(answer.text)}",
        hint="Give --region as in the ARN or the host name.",
    )


def _malformed(_: Answer, __: Origin) -> SkerryError:
    return SignatureError(
        "malformed",
        "The server found no readable signature in the request.",
        hint="Something on the way changes the Authorization header, or the path is none of the service.",
    )


def _denied(answer: Answer, origin: Origin) -> SkerryError:
    said = f" {safe(answer.text)}" if answer.text else ""
    name = f" ({answer.name})" if answer.name and answer.name.isascii() else ""
    if origin.kind == "none":
        return RemoteError(
            f"Access denied (HTTP {answer.status}{name}).{said}", hint="Does the server want a proof? --auth."
        )
    if origin.kind == "bearer":
        return RemoteError(
            f"Access denied (HTTP {answer.status}){name}: the bearer token{_of(origin)} is valid, but may "
            f"not do this.{said}",
            hint="Check the token's scopes and claims against what the server allows.",
        )
    return RemoteError(
        f"Access denied (HTTP {answer.status}){name}: the credentials{_of(origin)} may not do this.{said}",
        hint="Allow bedrock-agentcore:InvokeAgentRuntime (InvokeGateway for a gateway) to that identity, and "
        "check that the account and the region are the intended ones.",
    )


def _other(answer: Answer, origin: Origin) -> SkerryError:
    said = f" {safe(answer.text)}" if answer.text else ""
    return RemoteError(
        f"The server does not accept the signature made with the credentials{_of(origin)} "
        f"(HTTP {answer.status}).{said}",
        hint="Does it take SigV4? If not, give --auth bearer or --auth none.",
    )


def _expired_token(_: Answer, origin: Origin) -> SkerryError:
    return TokenError("expired", f"The bearer token{_of(origin)} has expired.", hint=origin.renew)


def _refused_token(answer: Answer, origin: Origin) -> SkerryError:
    said = f" {safe(answer.text)}" if answer.text else ""
    return TokenError(
        "claim",
        f"The server does not accept the bearer token{_of(origin)} (HTTP {answer.status}).{said}",
        hint=origin.renew or "Is it an access token for this server, of the issuer that the server trusts?",
    )


def _unreadable_token(_: Answer, origin: Origin) -> SkerryError:
    return TokenError(
        "malformed",
        f"The server cannot read the bearer token{_of(origin)}: it is no JWT.",
        hint="Send an access token of the server's identity provider; an opaque or empty one does not do.",
    )


def _wrong_claim(answer: Answer, origin: Origin) -> SkerryError:
    client = answer.says("'client_id'")
    hint = (
        "Send the access token, not the ID token, of a client in allowedClients."
        if client
        else "The server wants another value in that claim; for Cognito access tokens use allowedClients."
    )
    return TokenError(
        "client" if client else "audience" if answer.says("'aud'") else "claim",
        f"The bearer token{_of(origin)} is not for this server. {safe(answer.text)}",
        hint=hint,
    )


def _insufficient(answer: Answer, origin: Origin) -> SkerryError:
    challenge = bearer_challenge(answer)
    scopes = safe(challenge[2]) if challenge else ""
    return TokenError(
        "scope",
        f"The bearer token{_of(origin)} lacks a scope{f': {scopes}' if scopes else ''}.",
        hint=f'Ask the identity provider for it: --scope "{scopes}".'
        if scopes
        else "Ask for it with --scope.",
    )


_Say = Callable[[Answer, Origin], SkerryError]
_SIGV4: Mapping[str, _Say] = {
    "expired": _expired_keys,
    "unknown": _unknown_keys,
    "signature": _mismatch,
    "skew": _skew,
    "scope": _scope,
    "malformed": _malformed,
    "other": _other,
}
_BEARER: Mapping[str, _Say] = {
    "expired": _expired_token,
    "unknown": _refused_token,
    "unreadable": _unreadable_token,
    "claim": _wrong_claim,
    "insufficient": _insufficient,
}
