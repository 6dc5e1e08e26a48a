"""Where a provider's secret is kept: by the service (`MANAGED`), or in Secrets Manager (`EXTERNAL`).

Source: botocore service model, `SecretSourceType` and `SecretReference`. An EXTERNAL secret is read by the
plane that needs it, when it needs it; that it exists is not looked at before, so it may be made later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.errors import validation
from skerry.local.state.resources import Place


def external(given: Mapping[str, Any], member: str, where: str = "") -> Mapping[str, Any] | None:
    """The reference to a secret outside; None for a secret that the service keeps.

    `member` is `apiKey` or `clientSecret`, `where` the path of the structure that has it. Raises
    ValidationException (400) for members that do not go together.
    """
    prefix = "apiKeySecret" if member == "apiKey" else "clientSecret"
    source, reference = given.get(f"{prefix}Source"), given.get(f"{prefix}Config")
    if source == "EXTERNAL":
        if reference is None:
            message = f"{prefix}Config is required when {prefix}Source is EXTERNAL."
            raise validation(message, (f"{where}{prefix}Config", message))
        if given.get(member):
            message = f"{member} cannot be given when {prefix}Source is EXTERNAL: it is in Secrets Manager."
            raise validation(message, (f"{where}{member}", message))
        return dict(reference)
    if reference is not None:
        message = f"{prefix}Config needs {prefix}Source EXTERNAL."
        raise validation(message, (f"{where}{prefix}Source", message))
    return None


def arn_of(reference: Mapping[str, Any], place: Place) -> str:
    """The ARN of a secret that is named by its ARN or name. A name gives it without AWS's random suffix."""
    given = str(reference["secretId"])
    if given.startswith("arn:"):
        return given
    return f"arn:aws:secretsmanager:{place.region}:{place.account}:secret:{given}"
