"""AWS keys of the environment itself, so that a process that has them starts without botocore."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.auth.aws.signing import Credentials
from skerry.auth.keeper import Lease
from skerry.auth.ports import Origin
from skerry.errors import ConfigurationError


class EnvironmentSource:
    """AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the session token of an environment.

    botocore prefers them to AWS_PROFILE too; only a profile that is named in code comes before them. They
    cannot change while a process runs.
    """

    blocks = False
    ORIGIN = Origin(
        "sigv4",
        "the environment (AWS_ACCESS_KEY_ID)",
        "Give the program that starts this one new AWS_... variables, or none of them and a profile.",
    )

    def __init__(self, env: Mapping[str, str]) -> None:
        key, secret = env.get("AWS_ACCESS_KEY_ID", "").strip(), env.get("AWS_SECRET_ACCESS_KEY", "").strip()
        token = env.get("AWS_SECURITY_TOKEN", "").strip() or env.get("AWS_SESSION_TOKEN", "").strip()
        self.present = bool(key)
        self._complete = bool(secret)
        self._credentials = Credentials(key, secret, token or None)

    def find(self, *, anew: bool) -> Lease[Credentials]:  # noqa: ARG002  (the same again)
        """The keys. Raises ConfigurationError when one half is missing."""
        if not self.present:
            raise ConfigurationError("The environment holds no AWS credentials.")
        if not self._complete:
            raise ConfigurationError(
                "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not.", hint="Set both, or neither."
            )
        return Lease(self._credentials, self.ORIGIN)
