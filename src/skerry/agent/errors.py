"""What can end a run: an error with the code that RUN_ERROR carries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError
from strands.types.exceptions import (
    ContextWindowOverflowException,
    EventLoopException,
    MaxTokensReachedException,
    ModelThrottledException,
)

from skerry.errors import SkerryError
from skerry.store.records import (
    ContentError,
    ConversationConflictError,
    ConversationNotFoundError,
    CursorError,
    StoreError,
)
from skerry.wire.shown import safe

Code = Literal[
    "VALIDATION_ERROR",  # the payload is wrong
    "TOO_LARGE",  # the request is larger than the service takes
    "UNAUTHORIZED",  # who asks is not known
    "ACCESS_DENIED",  # the session belongs to another caller
    "NOT_FOUND",  # there is no such conversation for this caller
    "SESSION_BUSY",  # this conversation answers another question
    "THROTTLED",  # this process answers too many already
    "PENDING_INTERRUPTS",  # a question to a person is open
    "UNKNOWN_INTERRUPT_ID",  # an answer to a question that is not open
    "UNKNOWN_RUN",  # the events of this run are not here, or no longer whole
    "CONFLICT",  # another process went on with this conversation
    "CANCELLED",  # the answer was stopped
    "TIMEOUT",  # the answer took longer than one may
    "CONFIGURATION_ERROR",  # a setting of the agent is missing or wrong
    "STATE_ERROR",  # the conversation store cannot be read or written
    "GATEWAY_ERROR",  # the gateway does not answer or refuses
    "MODEL_ERROR",  # the model does not answer or refuses
    "AGENT_ERROR",  # anything else
]


class AgentError(SkerryError):
    """Ends a run. `kind` is the code of RUN_ERROR; message and hint become its text."""

    def __init__(self, kind: Code, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind: Code = kind


class ProviderError(Exception):
    """A model provider's client raised; its own error is the cause. Strands passes those on as they are."""


MODEL_FAILURES = (
    BotoCoreError,
    ClientError,
    ContextWindowOverflowException,
    EventLoopException,
    MaxTokensReachedException,
    ModelThrottledException,
    ProviderError,
)
"""What ends a run when a model does not answer."""

REFUSED = {
    400: "Check SKERRY_MODEL_ID and the settings of the model.",
    401: "Check SKERRY_MODEL_API_KEY.",
    403: "Check SKERRY_MODEL_API_KEY, and that it may use this model.",
    404: "Check SKERRY_MODEL_ID and SKERRY_MODEL_URL.",
    429: "Wait, or raise the quota.",
}
"""The next move for a status of a model's server."""


def model_error(error: BaseException) -> AgentError:
    """A model's failure as an AgentError, with the provider's own words where they hold no secret."""
    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, ClientError):
            details = cause.response.get("Error", {})
            return AgentError(
                "MODEL_ERROR", f"the model refused: {details.get('Code')}: {details.get('Message')}"
            )
        if status := _status(cause):
            # Who refuses a key may repeat it.
            said = "" if status in (401, 403) else f": {safe(str(cause))}"
            return AgentError(
                "MODEL_ERROR", f"the model refused (HTTP {status}){said}", hint=REFUSED.get(status, "")
            )
    if any(isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in chain):
        return AgentError(
            "MODEL_ERROR",
            "the model did not answer in time.",
            hint="Raise SKERRY_MODEL_TIMEOUT if it is slow.",
        )
    cause = innermost(error)
    unreached = any(
        isinstance(item, BotoCoreError | OSError) or "Connect" in type(item).__name__ for item in chain
    )
    return AgentError(
        "MODEL_ERROR",
        f"the model does not answer: {safe(str(cause)) or type(cause).__name__}",
        hint="Is its URL right (AWS_ENDPOINT_URL, SKERRY_MODEL_URL), and does it run?" if unreached else "",
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.exceptions[0] if isinstance(seen, BaseExceptionGroup) else seen.__cause__


def _status(error: BaseException) -> int:
    """The HTTP status that an error of a provider's client carries, or 0."""
    for name in ("status_code", "code"):
        found = getattr(error, name, None)
        if isinstance(found, int) and 400 <= found < 600:
            return found
    return 0


def store_error(error: StoreError) -> AgentError:
    """A failure of the conversation store as an AgentError."""
    if isinstance(error, ConversationNotFoundError):
        return AgentError("NOT_FOUND", "there is no such conversation, or it has expired.")
    if isinstance(error, ConversationConflictError):
        return AgentError(
            "CONFLICT",
            "another process went on with this conversation; nothing of it was lost.",
            hint="Read the conversation again.",
        )
    kind: Code = "VALIDATION_ERROR" if isinstance(error, ContentError | CursorError) else "STATE_ERROR"
    return AgentError(kind, error.message, hint=error.hint)


def run_error(error: BaseException) -> AgentError | None:
    """What ended a run as the error that the client gets, or None when nobody expected it."""
    cause = innermost(error)
    if isinstance(cause, AgentError):
        return cause
    if isinstance(cause, StoreError):
        return store_error(cause)
    return model_error(error) if isinstance(error, MODEL_FAILURES) else None


def innermost(error: BaseException) -> BaseException:
    """The first cause of an error: out of exception groups and along `raise … from …`.

    Stops at errors that already have a text for people: skerry's own and botocore's.
    """
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif error.__cause__ is not None and not isinstance(error, SkerryError | BotoCoreError | ClientError):
            error = error.__cause__
        else:
            return error
