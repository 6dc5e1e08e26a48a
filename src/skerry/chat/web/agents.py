"""The runtimes that can be picked: ListAgentRuntimes of the running stack or of AWS.

Source: botocore service model of bedrock-agentcore-control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from skerry.auth.aws.sigv4 import Credentials
from skerry.chat.agents import MAX_LISTED, Agent
from skerry.errors import RemoteError

SERVICE = "bedrock-agentcore-control"


class Runtimes:
    """Lists runtimes with a profile's keys, or with `keys` at the endpoint of a stack."""

    def __init__(self, *, profile: str = "", endpoint_url: str = "", keys: Credentials | None = None) -> None:
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._keys = keys

    def of(self, region: str) -> Sequence[Agent]:
        """The runtimes of a region by name. Raises RemoteError."""
        try:
            client = self._session().create_client(
                SERVICE,
                region_name=region,
                endpoint_url=self._endpoint_url or None,
                config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2}),
                aws_access_key_id=self._keys.access_key_id if self._keys else None,
                aws_secret_access_key=self._keys.secret_access_key if self._keys else None,
            )
            pages = client.get_paginator("list_agent_runtimes").paginate(
                PaginationConfig={"MaxItems": MAX_LISTED}
            )
            found = [_agent(item) for page in pages for item in page["agentRuntimes"]]
            client.close()
        except ClientError as error:
            problem = error.response.get("Error", {})
            raise RemoteError(
                f"the agents of {region} cannot be listed: {problem.get('Code', 'error')}.",
                hint="Allow bedrock-agentcore:ListAgentRuntimes, or name one with --agent.",
            ) from error
        except (BotoCoreError, ValueError) as error:
            raise RemoteError(
                f"the agents of {region} cannot be listed ({type(error).__name__}).",
                hint="Check the region, the profile and the network, or name one with --agent.",
            ) from error
        return sorted(found, key=lambda agent: (agent.name, agent.arn))

    def regions(self, near: str) -> Sequence[str]:
        """The regions of the partition of `near`; botocore does not know which of them have agents."""
        session = self._session()
        try:
            partition = session.get_partition_for_region(near)
        except BotoCoreError:
            return ()
        return sorted(session.get_available_regions("ec2", partition_name=partition))

    def _session(self) -> botocore.session.Session:
        return botocore.session.Session(profile=self._profile or None)


def _agent(item: Mapping[str, Any]) -> Agent:
    return Agent(
        name=str(item.get("agentRuntimeName", "")),
        arn=str(item.get("agentRuntimeArn", "")),
        version=str(item.get("agentRuntimeVersion", "")),
        status=str(item.get("status", "")),
    )
