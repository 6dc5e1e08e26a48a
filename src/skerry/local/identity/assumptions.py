"""What AgentCore Identity does where its model is silent: one table, each value a switch.

Marks: D documentation, F field report (published by others), I inference. Nothing here was checked against
AWS by this project.

>>> Assumptions(token_life=60.0).token_life
60.0
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")


def assumed(value: T, mark: Literal["D", "F", "I"], what: str) -> T:
    """A field of the table: its value, the evidence mark, and what is not known."""
    result: T = field(default=value, metadata={"mark": mark, "what": what})
    return result


class Row(NamedTuple):
    """One line of the table, for people."""

    name: str
    value: object
    mark: str
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumptions:
    """The values. `rows()` lists them with their marks."""

    token_life: float = assumed(3600.0, "I", "seconds that a workload access token holds")
    ends_with_user_token: bool = assumed(
        True, "I", "a workload access token for a JWT holds no longer than that JWT"
    )
    invalid_token: str = assumed(
        "The workload access token is invalid or has expired.", "I", "text of the 401 for a workload token"
    )
    linked_refused: bool = assumed(
        True, "D", "nobody gets tokens of the identity that a runtime or gateway has of its own"
    )
    linked: str = assumed(
        "WorkloadIdentity is linked to a service and cannot retrieve an access token by the caller",
        "I",
        "text of that 403",
    )
    longest_chain: int = assumed(10, "I", "workloads that call each other one after the other")
    session_life: float = assumed(600.0, "D", "seconds that a session URI lives")
    session_parameter: str = assumed("session_id", "F", "parameter of the return URL with the session URI")
    state_parameter: str = assumed("state", "I", "parameter of the return URL with the customState")
    invalid_session: str = assumed("Invalid or expired session", "F", "text of the 403 for a session")
    no_return_url: str = assumed(
        "You must register and use at least one ResourceOauth2ReturnUrl on your workload identity to use "
        "this flow",
        "F",
        "text of the 400 without a return URL",
    )
    wrong_person_ends: bool = assumed(
        True, "I", "a session that somebody else tries to complete is over, for everybody"
    )
    refusal_status: int = assumed(
        400, "I", "status when the authorization server refuses; 500 without answer"
    )
    web_identity_token_type: str = assumed(
        "urn:ietf:params:oauth:token-type:jwt", "I", "type of an actor token AWS_IAM_ID_TOKEN_JWT"
    )
    subject_token_type: str = assumed(
        "urn:ietf:params:oauth:token-type:access_token", "I", "type of the person's token in an exchange"
    )

    def rows(self) -> list[Row]:
        """The table."""
        return [
            Row(item.name, getattr(self, item.name), item.metadata["mark"], item.metadata["what"])
            for item in fields(self)
        ]
