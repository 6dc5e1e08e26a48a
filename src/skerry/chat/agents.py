"""Which agents there are: the runtimes of the running stack, or those of an account (ListAgentRuntimes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skerry.auth import local
from skerry.chat.target import Wanted, is_agent
from skerry.errors import ConfigurationError, RemoteError

MAX_LISTED = 500


@dataclass(frozen=True, slots=True)
class Agent:
    """A runtime in a list."""

    name: str
    arn: str
    version: str = ""
    status: str = ""


def agents(wanted: Wanted, region: str = "") -> Sequence[Agent]:
    """The runtimes of the stack, or of the account in `region` when no stack runs or a profile is named.

    Raises SkerryError with the next move when they cannot be listed.
    """
    stack = None if wanted.profile else local.read(wanted.state)
    if stack is not None:
        return [
            Agent(name, str(entry["arn"]))
            for name, entry in stack.get("runtimes", {}).items()
            if is_agent(entry)
        ]
    return _of_account(wanted, region or wanted.region)


def _of_account(wanted: Wanted, region: str) -> Sequence[Agent]:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import Session

    session = Session(profile=wanted.profile or None)
    try:
        client = session.create_client("bedrock-agentcore-control", region_name=region or None)
        pages = client.get_paginator("list_agent_runtimes").paginate(
            PaginationConfig={"MaxItems": MAX_LISTED, "PageSize": 100}
        )
        found = [item for page in pages for item in page["agentRuntimes"]]
    except ClientError as error:
        said = error.response.get("Error", {})
        raise RemoteError(
            f"the agents cannot be listed: {said.get('Code')}: {said.get('Message')}.",
            hint="Listing needs bedrock-agentcore:ListAgentRuntimes; an ARN works without: /agent ARN.",
        ) from error
    except BotoCoreError as error:
        raise ConfigurationError(
            f"the agents cannot be listed: {error}.", hint="Check --profile and the region (/region NAME)."
        ) from error
    return [
        Agent(
            str(item["agentRuntimeName"]),
            str(item["agentRuntimeArn"]),
            str(item.get("agentRuntimeVersion", "")),
            str(item.get("status", "")),
        )
        for item in found
    ]
