"""What AWS or botocore said, as one line that says what to do.

The tables map error codes of the services, and exceptions of botocore, to a sentence. A code that no
row knows keeps AWS's own message, cut to one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skerry.errors import RemoteError

_DENIED = "is denied"
_SLOW = "is throttled"
_LOGIN = "was refused because the login has expired"
_REGION = "is not possible in this region"

CODES: Mapping[str, tuple[str, str]] = {
    "AccessDenied": (_DENIED, "Grant this action to the role or user that runs the tool."),
    "AccessDeniedException": (_DENIED, "Grant this action to the role or user that runs the tool."),
    "UnauthorizedOperation": (_DENIED, "Grant this action to the role or user that runs the tool."),
    "AuthorizationError": (_DENIED, "Grant this action to the role or user that runs the tool."),
    "403": (_DENIED, "Grant this action, or check that the name is your own."),
    "Throttling": (_SLOW, "Wait a minute, then ask for fewer regions or a smaller limit."),
    "ThrottlingException": (_SLOW, "Wait a minute, then ask for fewer regions or a smaller limit."),
    "RequestLimitExceeded": (_SLOW, "Wait a minute, then ask for fewer regions or a smaller limit."),
    "TooManyRequestsException": (_SLOW, "Wait a minute, then ask for fewer regions or a smaller limit."),
    "SlowDown": (_SLOW, "Wait a minute, then ask for fewer regions or a smaller limit."),
    "ExpiredToken": (_LOGIN, "Log in again (aws login, or aws sso login) and repeat."),
    "ExpiredTokenException": (_LOGIN, "Log in again (aws login, or aws sso login) and repeat."),
    "RequestExpired": (_LOGIN, "Log in again; if that does not help, check this machine's clock."),
    "SignatureDoesNotMatch": (
        "was refused because the signature is wrong",
        "Check the secret key and this machine's clock.",
    ),
    "AuthFailure": (_REGION, "Enable the region for the account, or check the credentials."),
    "OptInRequired": (_REGION, "Enable the region for the account, or use another one."),
    "UnrecognizedClientException": (_REGION, "Enable the region for the account, or check the credentials."),
    "InvalidClientTokenId": (_REGION, "Enable the region for the account, or check the credentials."),
    "InvalidAccessKeyId": (_REGION, "Enable the region for the account, or check the credentials."),
    "NoSuchBucket": ("found no such bucket", "Check the name; list_buckets shows what there is."),
    "NoSuchKey": ("found no such object", "Check the key; list_objects shows what there is."),
    "404": ("found nothing of that name", "Check the name with one of the list operations."),
    "InvalidInstanceID.NotFound": (
        "found no such instance",
        "Check the id and the region; list_instances shows what there is.",
    ),
    "InvalidInstanceID.Malformed": ("got a malformed instance id", "An id looks like i-0123456789abcdef0."),
}

# By class name, so that botocore need not be imported to read this table.
EXCEPTIONS: Mapping[str, tuple[str, str]] = {
    "NoCredentialsError": (
        "has no AWS credentials",
        'Log in, or set AWS_ACCESS_KEY_ID and its secret; those of a local stack: eval "$(skerry env)".',
    ),
    "PartialCredentialsError": ("has incomplete AWS credentials", "Set both the key id and its secret."),
    "CredentialRetrievalError": ("could not get AWS credentials", "Check the profile's credential_process."),
    "TokenRetrievalError": (_LOGIN, "Log in again (aws login, or aws sso login) and repeat."),
    "UnauthorizedSSOTokenError": (_LOGIN, "Log in again (aws login, or aws sso login) and repeat."),
    "SSOTokenLoadError": ("has no login", "Log in first (aws login, or aws sso login)."),
    "LoginRefreshRequired": (_LOGIN, "Log in again (aws login) and repeat."),
    "ProfileNotFound": ("names a profile that does not exist", "See aws configure list-profiles."),
    "EndpointConnectionError": ("could not reach the endpoint", "Check the region's name and the network."),
    "ConnectTimeoutError": ("could not reach the endpoint in time", "Check the network and try again."),
    "ReadTimeoutError": ("got no answer in time", "Try again with one region or a smaller limit."),
    "ProxyConnectionError": ("could not reach the proxy", "Check HTTPS_PROXY."),
    "SSLError": ("could not trust the endpoint", "Check AWS_CA_BUNDLE and the machine's clock."),
    "NoRegionError": ("has no region", "Name one in the argument region, or set AWS_REGION."),
    "ParamValidationError": ("has arguments that the service does not take", "Check the ids and names."),
}


@dataclass(frozen=True, slots=True)
class Call:
    """Which API call failed, and whether it went to an embedded cloud instead of AWS."""

    service: str
    api: str
    region: str
    embedded: bool = False

    def __str__(self) -> str:
        place = f" in {self.region}" if self.region else ""
        return f"{self.service}:{self.api}{place}"


def explain(error: Exception, call: Call) -> RemoteError:
    """The failure of `call` as one line. `error` is an exception of botocore.

    The call may have failed before it was made, because its role could not be assumed: that is said.
    """
    if getattr(error, "operation_name", "") == "AssumeRole":
        call = Call("sts", "AssumeRole", "", embedded=call.embedded)
    if call.embedded and _is_missing(error):
        return RemoteError(
            f"{call.service}:{call.api} is not available in the embedded cloud.",
            hint="Ask for another operation, or point the tool at AWS.",
        )
    code, message = _code(error)
    if call.api == "AssumeRole" and "Denied" in code:
        return RemoteError(
            f"{call} {_DENIED} ({code}).",
            hint="The role must trust the tool's own role or user, with its external id, and that one must "
            "be allowed to assume it.",
        )
    row = CODES.get(code) or EXCEPTIONS.get(type(error).__name__)
    if row is not None:
        return RemoteError(f"{call} {row[0]}{f' ({code})' if code else ''}.", hint=row[1])
    said = " ".join((message or type(error).__name__).split())[:300]
    return RemoteError(f"{call} failed{f' ({code})' if code else ''}: {said}")


def message_of(error: Exception) -> str:
    """What the service said, in its own words; empty for other failures."""
    return _code(error)[1]


def code_of(error: Exception) -> str:
    """The service's error code, such as `NoSuchBucket`; empty for other failures."""
    return _code(error)[0]


def _code(error: Exception) -> tuple[str, str]:
    response: Any = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return "", ""
    part = response.get("Error")
    if not isinstance(part, Mapping):
        return "", ""
    return str(part.get("Code", "")), str(part.get("Message", ""))


def _is_missing(error: Exception) -> bool:
    """Whether it is the HTML page, 404 or 500, by which moto answers what it does not have."""
    if type(error).__name__ == "ResponseParserError":
        return True
    response: Any = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return False
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code, message = _code(error)
    html = "<!doctype html" in message.lower() or "<html" in message.lower()
    return html or code == "NotImplemented" or (status in (500, 501) and code in ("500", "501", ""))
