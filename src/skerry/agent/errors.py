"""What can end a run: an error with the code that RUN_ERROR carries."""

from __future__ import annotations

from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError
from strands.types.exceptions import (
    ContextWindowOverflowException,
    EventLoopException,
    MaxTokensReachedException,
    ModelThrottledException,
)

from skerry.errors import SkerryError

Code = Literal[
    "VALIDATION_ERROR",  # the payload is wrong
    "SESSION_BUSY",  # this session answers another question
    "ACCESS_DENIED",  # the session belongs to another caller
    "PENDING_INTERRUPTS",  # a question to a person is open
    "UNKNOWN_INTERRUPT_ID",  # an answer to a question that is not open
    "CONFIGURATION_ERROR",  # a setting of the agent is missing or wrong
    "STATE_ERROR",  # the session's storage cannot be read
    "GATEWAY_ERROR",  # the gateway does not answer or refuses
    "MODEL_ERROR",  # the model does not answer or refuses
    "AGENT_ERROR",  # anything else
]


class AgentError(SkerryError):
    """Ends a run. `kind` is the code of RUN_ERROR; message and hint become its text."""

    def __init__(self, kind: Code, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind: Code = kind


MODEL_FAILURES = (
    BotoCoreError,
    ClientError,
    ContextWindowOverflowException,
    EventLoopException,
    MaxTokensReachedException,
    ModelThrottledException,
)
"""What Strands raises when a model does not answer."""


def model_error(error: BaseException) -> AgentError:
    """A model's failure as an AgentError, with AWS's own name and text where there is one."""
    cause = innermost(error)
    if isinstance(cause, ClientError):
        details = cause.response.get("Error", {})
        return AgentError(
            "MODEL_ERROR", f"the model refused: {details.get('Code')}: {details.get('Message')}"
        )
    return AgentError(
        "MODEL_ERROR",
        f"the model does not answer: {str(cause) or type(cause).__name__}",
        hint="Is AWS_ENDPOINT_URL right, and does the models plane run?"
        if isinstance(cause, BotoCoreError | OSError)
        else "",
    )


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
