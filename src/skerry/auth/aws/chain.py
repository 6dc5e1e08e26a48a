"""botocore's credential chain as a source of keys: profiles, SSO, process, container, instance, roles.

botocore is imported here and only where it is used, so that a process with plain keys in its environment
never loads it; everything here runs in a thread. Roles that the AWS CLI assumed, with an MFA code for
example, are taken from its cache; nothing is written there.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from skerry.auth.aws.environment_keys import EnvironmentSource
from skerry.auth.aws.signing import Credentials
from skerry.auth.keeper import Lease
from skerry.auth.ports import Origin
from skerry.errors import ConfigurationError, SkerryError

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials
    from botocore.session import Session

SESSION_NAME = "mcpAgentCoreProxy"
"""The role session's name where none is given."""
_CLI_CACHE = Path("~", ".aws", "cli", "cache")


@dataclass(frozen=True, slots=True)
class Role:
    """A role to assume with what the chain finds. Without a `session_name` it is that of the proxy."""

    arn: str
    session_name: str = ""


class ChainSource:
    """The chain of `profile`, or the default one, in `region`, and `role` on top.

    `session` is for callers that configured one; it cannot be made anew.
    """

    blocks = True

    def __init__(
        self,
        *,
        profile: str = "",
        region: str = "",
        role: Role | None = None,
        session: Session | None = None,
    ) -> None:
        self._profile = profile
        self._region = region
        self._role = role
        self._given = session
        self._session: Session | None = session
        self._found: BotocoreCredentials | None = None
        self._method = ""

    def find(self, *, anew: bool) -> Lease[Credentials]:
        """What the chain gives now; with a fresh session when the present one has nothing any more.

        Raises ConfigurationError when there is nothing or a person must log in, RemoteError when a service
        does not give it.
        """
        if anew:
            self._forget()
        first = self._found is None
        try:
            return self._ask(anew=anew)
        except SkerryError:
            self._forget()
            if first:
                raise
        return self._ask(anew=True)

    def region(self) -> str | None:
        """The region of the environment or profile, if one is set."""
        from botocore.exceptions import BotoCoreError

        from skerry.auth.aws import chain_errors

        try:
            value = self._open(anew=False).get_config_variable("region")
        except (BotoCoreError, *chain_errors.UNEXPECTED) as error:
            raise chain_errors.explained(error, self._origin()) from error
        return value if isinstance(value, str) else None

    def _forget(self) -> None:
        self._session, self._found, self._method = self._given, None, ""

    def _ask(self, *, anew: bool) -> Lease[Credentials]:
        from botocore.exceptions import BotoCoreError, ClientError

        from skerry.auth.aws import chain_errors

        try:
            if self._found is None:
                self._found = self._chain(self._open(anew=anew), anew=anew)
            found = self._found
            frozen = found.get_frozen_credentials() if found is not None else None
        except (BotoCoreError, ClientError, *chain_errors.UNEXPECTED) as error:
            role = self._role.arn if self._role is not None else ""
            raise chain_errors.explained(error, self._origin(), role=role) from error
        if found is None or frozen is None:
            raise ConfigurationError("No AWS credentials were found.", hint=chain_errors.NONE_FOUND)
        if not frozen.access_key or not frozen.secret_key:
            raise ConfigurationError("The AWS credentials are incomplete.", hint=chain_errors.NONE_FOUND)
        ends = getattr(found, "_expiry_time", None)  # no public name tells when they end
        return Lease(
            Credentials(frozen.access_key, frozen.secret_key, frozen.token),
            self._origin(),
            ends.timestamp() if ends is not None else None,
        )

    def _open(self, *, anew: bool) -> Session:
        if self._session is None:
            from botocore.credentials import create_credential_resolver
            from botocore.session import Session

            session = Session(profile=self._profile or None)
            resolver = create_credential_resolver(
                session, cache=_cache(anew=anew), region_name=self._region or None
            )
            roles: Any = resolver.get_provider("assume-role")
            roles._prompter = _no_prompt  # noqa: SLF001  (the code would be read from stdin, the protocol's)
            session.register_component("credential_provider", resolver)
            self._session = session
        return self._session

    def _chain(self, session: Session, *, anew: bool) -> BotocoreCredentials | None:
        found = session.get_credentials()
        self._method = found.method if found is not None else ""
        if found is None or self._role is None:
            return found
        from botocore.config import Config
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        def client(service: str, **named: Any) -> Any:
            retries: Any = {"mode": "standard", "total_max_attempts": 3}
            options = Config(connect_timeout=5, read_timeout=15, retries=retries)
            return session.create_client(service, region_name=self._region or None, config=options, **named)

        name = self._role.session_name or SESSION_NAME
        fetcher = AssumeRoleCredentialFetcher(
            client, found, self._role.arn, extra_args={"RoleSessionName": name}, cache=_cache(anew=anew)
        )
        return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")

    def _origin(self) -> Origin:
        origin = _origin(self._session, self._profile, self._method)
        if self._role is None:
            return origin
        return Origin("sigv4", f"the role {self._role.arn}, assumed with {origin.name}", origin.renew)


def _origin(session: Session | None, asked: str, method: str) -> Origin:
    """What a person calls the place that credentials are from, and the command that renews them there."""
    if method == "env":
        return EnvironmentSource.ORIGIN
    if method in _ELSEWHERE:
        return Origin("sigv4", *_ELSEWHERE[method])
    name, profiles = _profiles(session, asked)
    given = ""
    seen: list[str] = []
    while (
        name in profiles and name not in seen and "role_arn" in profiles[name]
    ):  # a role's own source renews it
        seen.append(name)
        given = f"the role of the profile '{seen[0]}'"
        name = profiles[name].get("source_profile", name)
    profile = profiles.get(name, {})
    option = "" if name == "default" else f" --profile {shlex.quote(name)}"
    shown = given or f"the profile '{name}'"
    if "sso_session" in profile or "sso_account_id" in profile:
        return Origin("sigv4", f"{shown} (AWS SSO)", f"Run: aws sso login{option}")
    if "login_session" in profile:
        return Origin("sigv4", f"{shown} (aws login)", f"Run: aws login{option}")
    if "credential_process" in profile:
        return Origin(
            "sigv4", f"{shown} (credential_process)", "Run that command by hand and see what it says."
        )
    if any("mfa_serial" in profiles[one] for one in seen):
        return Origin("sigv4", f"{shown} (MFA)", _by_cli(seen[0]))
    if method in ("", "explicit") and not profile:
        return Origin("sigv4", "the AWS credential chain", "Run: aws login, or aws sso login.")
    return Origin("sigv4", shown, f"Write new keys there (aws configure{option}), or run: aws login{option}")


_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "container-role": ("the role of this container", "Check the role of the task or runtime."),
    "iam-role": ("the role of this instance", "Check the instance profile."),
    "assume-role-with-web-identity": (
        "a web identity token",
        "Check AWS_WEB_IDENTITY_TOKEN_FILE and the role.",
    ),
}


def _profiles(session: Session | None, asked: str) -> tuple[str, Mapping[str, Mapping[str, str]]]:
    """The name of the profile in use, and all profiles; none when the files cannot be read."""
    if session is None:
        return asked or "default", {}
    from botocore.exceptions import BotoCoreError

    try:
        return asked or session.profile or "default", session.full_config.get("profiles", {})
    except BotoCoreError:
        return asked or "default", {}


def _by_cli(profile: str) -> str:
    return f"Run: aws sts get-caller-identity --profile {shlex.quote(profile)} (it asks for the code)."


def _no_prompt(_: str) -> NoReturn:
    raise ConfigurationError(
        "The role of this profile needs an MFA code, which nobody can be asked for here.",
        hint="Run aws sts get-caller-identity with the same profile; what it gets is used here too.",
    )


def _cache(*, anew: bool) -> dict[str, Any]:
    return {} if anew else _CliCache()


class _CliCache(dict[str, Any]):
    """What was assumed here, and, to read only, what the AWS CLI assumed for itself."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self._read(str(key))

    def _read(self, key: str) -> bool:
        try:
            value = json.loads((_CLI_CACHE.expanduser() / f"{key}.json").read_bytes())
        except (OSError, ValueError, RuntimeError):
            return False
        if not isinstance(value, dict) or "Expiration" not in value.get("Credentials", {}):
            return False
        self[key] = value
        return True
