"""AWS clients that can only read: made on first use, kept per service and region, and guarded.

The guard sits on botocore's events, below every client of the session: an API call that no tool lists
is refused before it is built, whatever code asked for it. Credentials come from a session of their own,
so that assuming a role or refreshing a login stays possible while no tool can do either.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.errors import RemoteError
from skerry.servers.aws_ops.arguments import wrong_arguments
from skerry.servers.aws_ops.failures import Call, explain
from skerry.servers.aws_ops.secrets import REFUSED, sentence
from skerry.settings import AwsOpsSettings
from skerry.wire import trace

Calls = frozenset[tuple[str, str]]

# Needed to say which account an answer is about, and which regions `all` means.
OWN_CALLS: Calls = frozenset({("sts", "GetCallerIdentity"), ("ec2", "DescribeRegions")})


class Guard:
    """Refuses API calls that are not listed. A handler of botocore's events."""

    def __init__(self, allowed: Calls) -> None:
        self._allowed = allowed

    def __call__(self, **event: Any) -> None:
        """Raises RemoteError unless (service, operation) of the event's `model` is listed."""
        model = event["model"]
        call = (str(model.service_model.service_name), str(model.name))
        if call in REFUSED:
            raise RemoteError(sentence(f"{call[0]}:{call[1]}", REFUSED[call]))
        if call not in self._allowed:
            raise RemoteError(
                f"{call[0]}:{call[1]} is not among the read operations of these tools.",
                hint="Tools only make the calls that their definitions list.",
            )


class _Credentials:
    """botocore's `credential_provider` component: asks another session."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self.load_credentials = load


@dataclass(frozen=True, slots=True)
class Who:
    """Whose eyes to read with: a profile (empty: the tool's own credentials), then a role (empty: none)."""

    profile: str = ""
    role: str = ""


OWN = Who()


class Cloud:
    """Guarded clients of one AWS environment. Safe for use by several threads."""

    def __init__(self, settings: AwsOpsSettings, allowed: Calls) -> None:
        self.settings = settings
        self._guard = Guard(allowed | OWN_CALLS)
        self._lock = threading.Lock()
        self._sessions: dict[Who, Any] = {}
        self._clients: dict[tuple[str, str, Who], Any] = {}
        self._accounts: dict[Who, str] = {}

    def client(self, service: str, region: str, who: Who = OWN) -> Any:
        """The boto3 client of a service in a region.

        Raises ServiceError when profile or role are not among those that the settings allow, and
        RemoteError when the profile does not exist.
        """
        self._check(who)
        key = (service, region, who)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session(who).client(
                    service, region_name=region, config=self._config()
                )
            return self._clients[key]

    def call(self, call: Call, *, who: Who = OWN, members: dict[str, Any]) -> dict[str, Any]:
        """One API call. Raises RemoteError that says what to do, with botocore's error as its cause."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            client = self.client(call.service, call.region, who)
            method = client.meta.method_to_api_mapping
            name = next(name for name, api in method.items() if api == call.api)
            answer: dict[str, Any] = getattr(client, name)(**members)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise explain(error, call) from error
        return answer

    def account(self, who: Who = OWN) -> str:
        """The account that the credentials belong to; asked once."""
        if who not in self._accounts:
            call = self.describe("sts", "GetCallerIdentity", self.settings.region)
            self._accounts[who] = str(self.call(call, who=who, members={})["Account"])
        return self._accounts[who]

    def enabled_regions(self, who: Who = OWN) -> Sequence[str]:
        """The regions that are enabled for the account: the own one first, then by name."""
        call = self.describe("ec2", "DescribeRegions", self.settings.region)
        answer = self.call(call, who=who, members={"AllRegions": False})
        names = {str(item["RegionName"]) for item in answer["Regions"]}
        return sorted(names, key=lambda name: (name != self.settings.region, name))

    def known_regions(self) -> frozenset[str]:
        """Every region that botocore knows, in all partitions; reads only local files."""
        with self._lock:
            session = self._session(OWN)
            return frozenset(
                name
                for partition in session.get_available_partitions()
                for name in session.get_available_regions("ec2", partition_name=partition)
            )

    def describe(self, service: str, api: str, region: str) -> Call:
        """A call with what an error message needs to know about it."""
        return Call(service, api, region, embedded=self.settings.embedded)

    def _check(self, who: Who) -> None:
        if who.profile and who.profile not in self.settings.profiles:
            raise wrong_arguments([("profile", "is not one that this server was told to allow")])
        if who.role and not self.settings.may_assume(who.role):
            raise wrong_arguments([("role_arn", "is not one that this server was told to allow")])

    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            connect_timeout=self.settings.connect_timeout,
            read_timeout=self.settings.read_timeout,
            retries={"total_max_attempts": 1 if self.settings.embedded else 3, "mode": "standard"},
            user_agent_extra="skerry-aws-ops",
        )

    def _session(self, who: Who) -> Any:
        if who not in self._sessions:
            import boto3
            import botocore.session

            own = botocore.session.Session(profile=who.profile or None)
            load = functools.partial(self._assumed, own, who.role) if who.role else own.get_credentials
            guarded = botocore.session.Session(profile=who.profile or None)
            guarded.register_component("credential_provider", _Credentials(load))
            for event in ("before-parameter-build", "before-call"):
                guarded.register(event, self._guard)
            guarded.register("before-send", trace.mark)
            self._sessions[who] = boto3.session.Session(botocore_session=guarded)
        return self._sessions[who]

    def _assumed(self, own: Any, role: str) -> Any:
        """Credentials of the role: taken with the own ones on first use, and anew before they end."""
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import NoCredentialsError

        source = own.get_credentials()
        if source is None:
            raise NoCredentialsError
        extra = {"RoleSessionName": self.settings.session_name}
        if self.settings.external_id:
            extra["ExternalId"] = self.settings.external_id
        # The region's own STS; botocore's default elsewhere is the one of us-east-1.
        creator = functools.partial(
            own.create_client, region_name=self.settings.region, config=self._config()
        )
        fetcher = AssumeRoleCredentialFetcher(creator, source, role, extra_args=extra)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
