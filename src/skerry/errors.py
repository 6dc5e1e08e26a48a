"""The error tree of skerry.

Every error says the likely mistake and the next move, carries a stable code that never changes its
meaning, and never holds a secret.

    SkerryError                 SKY-000   anything skerry reports by itself
    ├── ConfigurationError      SKY-101   skerry.toml, a flag or a variable is wrong
    ├── MissingExtraError       SKY-102   an optional part is not installed
    ├── PortInUseError          SKY-103   the port is taken
    ├── StateError              SKY-104   the state directory cannot be used
    ├── AlreadyRunningError     SKY-105   another stack uses this state directory
    ├── NotRunningError         SKY-106   no stack runs on this state directory
    ├── ProgramError            SKY-107   a program that skerry started does not work
    ├── RemoteError             SKY-108   the other side answered with an error
    ├── ArgumentsError          SKY-109   the arguments of a call do not fit the tool
    ├── SignatureError          SKY-201   a SigV4 signature does not hold
    ├── TokenError              SKY-202   a bearer token does not hold
    ├── GuardError              SKY-203   a URL that a stranger gave was not fetched
    ├── ProtocolError           SKY-301   bytes that are not what the protocol says
    ├── RelayError              SKY-302   a relayed request has no answer of the server (relay.ports)
    ├── ServiceError            SKY-401   an AWS-shaped answer: exception name and HTTP status
    └── StoreError              SKY-501   the conversation store does not work (store.records)
        ├── ConversationNotFoundError   SKY-502   absent, expired, or somebody else's
        ├── ConversationConflictError   SKY-503   written by somebody else in between
        ├── CursorError                 SKY-504   a cursor that this store did not give to this owner
        └── ContentError                SKY-505   too large, or not JSON and bytes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class SkerryError(Exception):
    """What went wrong, in one line, and what to do about it.

    `message` names the likely mistake; `hint` is the next move and may be empty.
    """

    code: ClassVar[str] = "SKY-000"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        end = "" if not self.hint or self.message.endswith((".", "!", "?", ":", "…")) else "."
        return f"{self.message}{end} {self.hint}".strip()


def reported(code: str, message: str, *, hint: str = "", exit_code: int = 1) -> SkerryError:
    """The error that another process of skerry reported, of the class that has its code, if any."""
    for known in SkerryError.__subclasses__():
        if known.code == code and known.__init__ is SkerryError.__init__:
            return known(message, hint=hint)
    own: type[SkerryError] = type("ReportedError", (SkerryError,), {"code": code, "exit_code": exit_code})
    return own(message, hint=hint)


class ConfigurationError(SkerryError):
    """A file, flag or variable holds something that cannot work."""

    code = "SKY-101"
    exit_code = 2


class MissingExtraError(SkerryError):
    """A part was asked for whose packages are not installed."""

    code = "SKY-102"

    def __init__(self, extra: str, module: str) -> None:
        super().__init__(
            f"this command needs the extra '{extra}' ({module} is not installed).",
            hint=f"Run: pip install 'skerry[{extra}]'",
        )
        self.extra = extra


class PortInUseError(SkerryError):
    """A port that skerry should listen on is taken."""

    code = "SKY-103"


class StateError(SkerryError):
    """The state directory cannot be read or written, or was made by something else."""

    code = "SKY-104"


class AlreadyRunningError(SkerryError):
    """Another stack runs on the same state directory."""

    code = "SKY-105"


class NotRunningError(SkerryError):
    """A command needs a running stack and there is none."""

    code = "SKY-106"


class ProgramError(SkerryError):
    """A program that skerry started (an agent, a server, a function) ended or does not answer."""

    code = "SKY-107"


class RemoteError(SkerryError):
    """The other side of a call answered with an error; its code and text are kept."""

    code = "SKY-108"


class ArgumentsError(SkerryError):
    """The arguments of a call do not fit the tool. Their values are not told."""

    code = "SKY-109"
    exit_code = 2

    @classmethod
    def of(cls, tool: str, misfits: Sequence[str], takes: str) -> ArgumentsError:
        """The error of a call: what does not fit, a phrase each, and the sentence of what the tool takes."""
        return cls(f"The arguments do not fit {tool}: {'; '.join(misfits)}.", hint=takes)


class SignatureError(SkerryError):
    """A request signature is missing, malformed, stale or wrong.

    `reason` is stable: missing, request, malformed, algorithm, scope, expired, skew, unsigned-header,
    payload, unknown-key, token, expired-token, mismatch.
    """

    code = "SKY-201"

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class TokenError(SkerryError):
    """A bearer token is missing or does not hold; the token itself is never part of the text.

    `reason` is stable: missing, request, malformed, algorithm, signature, key, issuer, expired, not-yet,
    kind, audience, client, scope, claim, unreachable, revoked.
    """

    code = "SKY-202"

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class GuardError(SkerryError):
    """A URL that a stranger gave was refused, or did not answer as it must; the URL is not part of the text.

    `reason` is stable: url, address, unreachable, timeout, status, type, size.
    """

    code = "SKY-203"

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class ProtocolError(SkerryError):
    """Bytes do not follow the protocol they should speak (JSON-RPC, SSE, an ARN, a header)."""

    code = "SKY-301"


class ServiceError(SkerryError):
    """An error in the shape of an AWS answer.

    `name` is AWS's exception name (`x-amzn-ErrorType`), `status` the HTTP status, `members` the
    further members of the modelled error, such as `reason` and `fieldList`.
    """

    code = "SKY-401"

    def __init__(
        self,
        name: str,
        status: int,
        message: str,
        *,
        hint: str = "",
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.status = status
        self.members: Mapping[str, object] = members or {}


def validation(message: str, *fields: tuple[str, str]) -> ServiceError:
    """A ValidationException (400); `fields` are pairs of member name and what is wrong with it."""
    members: dict[str, object] = {"reason": "FieldValidationFailed"} if fields else {}
    if fields:
        members["fieldList"] = [{"name": name, "message": text} for name, text in fields]
    return ServiceError("ValidationException", 400, message, members=members)


def access_denied(message: str) -> ServiceError:
    """An AccessDeniedException (403)."""
    return ServiceError("AccessDeniedException", 403, message)


def not_found(message: str) -> ServiceError:
    """A ResourceNotFoundException (404)."""
    return ServiceError("ResourceNotFoundException", 404, message)
