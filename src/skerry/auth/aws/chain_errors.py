"""What botocore's errors about credentials mean: which source, and the next command.

The texts of services and processes are shown only after `shown.safe`, and never whole.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from skerry.auth.ports import Origin
from skerry.errors import ConfigurationError, RemoteError, SkerryError
from skerry.wire.shown import safe

NONE_FOUND = 'For a local stack run: eval "$(skerry env)". For AWS run: aws login, or aws sso login.'
UNEXPECTED = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError)
"""What botocore lets through when a process, a cached login or a metadata service gives something else."""

_LOGIN = frozenset(
    {
        "SSOError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "TokenRetrievalError",
        "LoginError",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
        "LoginAuthorizationCodeError",
    }
)
_UNUSABLE = frozenset(
    {
        "ConfigParseError",
        "InfiniteLoopConfigError",
        "InvalidConfigError",
        "PartialCredentialsError",
        "UnknownCredentialError",
        "NoRegionError",
    }
)
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "ForbiddenException"})


def explained(error: Exception, origin: Origin, *, role: str = "") -> SkerryError:
    """The error for a person, for credentials that should have come from `origin` to assume `role`, if any.

    A ConfigurationError when a person must do something (log in, mend a file), else a RemoteError.
    """
    name = type(error).__name__
    if isinstance(error, SkerryError):
        return error
    if isinstance(error, ClientError):
        return _from_service(error, origin, role)
    if name in _LOGIN:
        return ConfigurationError(f"The AWS login of {origin.name} has ended.", hint=origin.renew)
    if name == "LoginInsufficientPermissions":
        return ConfigurationError(
            f"The AWS login of {origin.name} may not be used here: {_shown(error)}", hint=origin.renew
        )
    if name == "RefreshWithMFAUnsupportedError":
        return ConfigurationError(f"{origin.name} needs another MFA code.", hint=origin.renew)
    if name == "ProfileNotFound":
        return ConfigurationError(
            f"{_shown(error)}.",
            hint="See the names with: aws configure list-profiles. Check --profile, AWS_PROFILE.",
        )
    if name == "MissingDependencyException":
        return ConfigurationError(_shown(error), hint="Run: pip install 'botocore[crt]'")
    if name in _UNUSABLE:
        return ConfigurationError(f"The AWS configuration cannot be used: {_shown(error)}", hint=NONE_FOUND)
    if isinstance(error, RuntimeError) and "still expired" in str(error):
        return RemoteError(f"The AWS credentials from {origin.name} have expired.", hint=origin.renew)
    if isinstance(error, OSError):
        return ConfigurationError(
            f"The AWS credentials from {origin.name} cannot be had: {_shown(error)}.", hint=origin.renew
        )
    if isinstance(error, UNEXPECTED):
        return ConfigurationError(
            f"The AWS credentials from {origin.name} cannot be used ({name}).", hint=origin.renew
        )
    return RemoteError(
        f"The AWS credentials from {origin.name} cannot be refreshed: {_shown(error)}", hint=origin.renew
    )


def _from_service(error: ClientError, origin: Origin, role: str) -> SkerryError:
    """An answer of STS, SSO or sign-in."""
    details = error.response.get("Error", {})
    code, text = str(details.get("Code", "")), safe(str(details.get("Message", "")))
    if code in _EXPIRED:
        return RemoteError(
            f"The AWS credentials from {origin.name} have expired or are not valid ({code}).",
            hint=origin.renew,
        )
    if code in _DENIED:
        what = f"The role {role} may not be assumed" if role else f"Access denied to {origin.name}"
        return RemoteError(
            f"{what}: {text}",
            hint="Allow sts:AssumeRole to the caller, and the caller in the role's trust policy.",
        )
    return RemoteError(f"AWS gave no credentials for {origin.name} ({safe(code)}): {text}", hint=origin.renew)


def _shown(error: Exception) -> str:
    """The last line of an error, which is what a failing program says at its end."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return safe(lines[-1]).rstrip(".") if lines else type(error).__name__
