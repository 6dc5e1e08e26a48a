"""OAuth error answers (RFC 6749 section 5.2, RFC 7591 section 3.2.2, RFC 8693 section 2.2.2, RFC 8707).

invalid_request          a parameter is missing, doubled or unusable; a subject token that does not hold
invalid_client           401: the client is unknown or did not prove itself
unauthorized_client      the client may not use this grant
unsupported_grant_type   nobody may: the provider does not know it
invalid_scope            a scope that is malformed, unknown or wider than what was granted
invalid_target           a resource or audience that is not served, or not for this client
invalid_grant            a code, token or assertion that is spent, expired, another client's or not believed
invalid_redirect_uri     registration: a redirect URI that no code may go to
invalid_client_metadata  registration: any other member that cannot be registered
invalid_token            401: a registration's access token is missing, wrong or of another client

Of the authorization endpoint (RFC 6749 section 4.1.2.1, OpenID Connect Core 3.1.2.6) and of device codes
(RFC 8628 section 3.5) there are more; they are made where they are raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from skerry.errors import SkerryError

_NOT_DESCRIPTION = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
_LONGEST_DESCRIPTION = 400


class OAuthError(SkerryError):
    """A request that is answered with an OAuth error.

    The sentence never repeats what the caller sent: it may be a secret in the wrong place.
    `error` is the code of the RFC, `message` the sentence for `error_description`, `status` the HTTP
    status and `headers` what the answer carries besides. `note` is for the recorder alone, such as `reuse`.
    """

    def __init__(
        self,
        error: str,
        message: str,
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        note: str = "",
    ) -> None:
        super().__init__(message)
        self.error = error
        self.status = status
        self.headers: Mapping[str, str] = headers or {}
        self.note = note

    def body(self) -> dict[str, str]:
        """The JSON members; the sentence is cut down to the characters the RFC allows."""
        return {
            "error": self.error,
            "error_description": _NOT_DESCRIPTION.sub("?", self.message)[:_LONGEST_DESCRIPTION],
        }


def invalid_request(message: str, *, status: int = 400) -> OAuthError:
    return OAuthError("invalid_request", message, status=status)


def invalid_client(message: str, *, issuer: str) -> OAuthError:
    """401 with a challenge, as every 401 must have (RFC 9110 section 15.5.2)."""
    return OAuthError(
        "invalid_client", message, status=401, headers={"www-authenticate": f'Basic realm="{issuer}"'}
    )


def document_refused(message: str) -> OAuthError:
    """The document at a client id cannot be had or does not hold: 400, as nobody tried to prove anything."""
    return OAuthError("invalid_client", message)


def too_many_attempts(seconds: float) -> OAuthError:
    """429: this client failed to prove itself too often; `seconds` until the next attempt counts."""
    return OAuthError(
        "invalid_client",
        "Too many failed attempts for this client. Wait, and check the client secret.",
        status=429,
        headers={"retry-after": str(max(1, round(seconds)))},
    )


def too_many(message: str, *, seconds: float = 0.0) -> OAuthError:
    """429 when waiting `seconds` helps, 503 when it does not."""
    headers = {"retry-after": str(max(1, round(seconds)))} if seconds else {}
    return OAuthError("temporarily_unavailable", message, status=429 if seconds else 503, headers=headers)


def unauthorized_client(message: str) -> OAuthError:
    return OAuthError("unauthorized_client", message)


def unsupported_grant_type(message: str) -> OAuthError:
    return OAuthError("unsupported_grant_type", message)


def invalid_grant(message: str, *, note: str = "") -> OAuthError:
    return OAuthError("invalid_grant", message, note=note)


def invalid_scope(message: str) -> OAuthError:
    return OAuthError("invalid_scope", message)


def invalid_target(message: str) -> OAuthError:
    return OAuthError("invalid_target", message)


def invalid_redirect_uri(message: str) -> OAuthError:
    return OAuthError("invalid_redirect_uri", message)


def invalid_client_metadata(message: str) -> OAuthError:
    return OAuthError("invalid_client_metadata", message)


def unapproved_software_statement(message: str) -> OAuthError:
    return OAuthError("unapproved_software_statement", message)


def bearer_refused(message: str, *, sent: bool) -> OAuthError:
    """401 with a challenge, which names no error when nothing was `sent` (RFC 6750 section 3.1)."""
    challenge = 'Bearer error="invalid_token"' if sent else "Bearer"
    return OAuthError("invalid_token", message, status=401, headers={"www-authenticate": challenge})
