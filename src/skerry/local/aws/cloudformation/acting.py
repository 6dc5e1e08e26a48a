"""As whom a stack of CloudFormation makes resources of AgentCore: credentials, lent to moto's process.

The endpoint knows who acts, the caller or the stack's service role: `aws/loans.py` makes credentials of that
principal and ends them. They go along with the request, in a header that only this module knows.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field

HEADER = "X-Skerry-Acting"
"""Of requests from the endpoint to moto's process alone; what a client sends under this name is dropped."""
WORKING_HEADER = "X-Skerry-Working"
"""Of an answer of moto's process: the name of work that goes on, for the endpoint alone."""
RESPONSES = "/cloudformation/responses/"
"""The path at the endpoint below which functions put the answers of custom resources, followed by a token."""
RESPONSE_LIMIT = 4096
"""Bytes of such an answer, as on AWS."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Where the control plane is, and the credentials for it."""

    url: str
    region: str
    access_key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)

    def encoded(self) -> str:
        """The value of the header."""
        return base64.b64encode(json.dumps(asdict(self)).encode()).decode("ascii")


def decoded(value: str) -> Acting:
    """What a header says. Raises ValueError."""
    try:
        return Acting(**json.loads(base64.b64decode(value, validate=True)))
    except (TypeError, ValueError):
        raise ValueError("the header with credentials cannot be read") from None  # it may hold a secret
