"""What dynamic references stand for, read at the endpoint as whoever the stack acts as."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from skerry.local.aws.cloudformation.calls import Calls, ResourceError
from skerry.local.aws.cloudformation.references import Reference


class StoredValues:
    """Reads Secrets Manager and Parameter Store; `calls` gives the calls of one of them by botocore's name.

    That asks for `secretsmanager:GetSecretValue` and `ssm:GetParameters`, as CloudFormation needs them.
    """

    def __init__(self, calls: Callable[[str], Calls]) -> None:
        self._calls = calls

    def read(self, reference: Reference) -> str:
        """The value. Raises ResourceError, whose text never has it."""
        if reference.service == "secretsmanager":
            return self._secret(reference)
        return self._parameter(reference)

    def _secret(self, reference: Reference) -> str:
        given = {"SecretId": reference.name}
        given |= {"VersionStage": reference.stage} if reference.stage else {}
        given |= {"VersionId": reference.version} if reference.version else {}
        text = self._calls("secretsmanager")("GetSecretValue", given).get("SecretString")
        if not isinstance(text, str):
            raise ResourceError("InvalidRequest", f"The secret {reference.name} has no SecretString.")
        if not reference.key:
            return text
        try:
            document: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise ResourceError("InvalidRequest", "Could not parse SecretString JSON") from None
        if not isinstance(document, dict) or document.get(reference.key) is None:
            raise ResourceError(
                "InvalidRequest",
                f"Could not find a value associated with JSONKey in SecretString: {reference.key}",
            )
        value = document[reference.key]
        return value if isinstance(value, str) else json.dumps(value)

    def _parameter(self, reference: Reference) -> str:
        name = f"{reference.name}:{reference.version}" if reference.version else reference.name
        secure = reference.service == "ssm-secure"
        answer = self._calls("ssm")("GetParameters", {"Names": [name], "WithDecryption": secure})
        found = answer.get("Parameters") or []
        if not found:
            raise ResourceError("NotFound", f"Parameters: [{reference.service}:{name}] cannot be found.")
        if (found[0].get("Type") == "SecureString") is not secure:
            wanted = "ssm" if secure else "ssm-secure"
            kind = found[0].get("Type")
            raise ResourceError(
                "InvalidRequest",
                f"The parameter {name} is a {kind}; refer to it as {{{{resolve:{wanted}:…}}}}.",
            )
        return str(found[0]["Value"])
