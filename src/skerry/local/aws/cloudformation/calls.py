"""Calls of services at the endpoint by a stack, with botocore; errors as CloudFormation tells them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from skerry.errors import RemoteError
from skerry.local.aws.cloudformation.acting import Acting

MODEL = "bedrock-agentcore-control"
_CODES: Mapping[str, str] = {
    "AccessDeniedException": "AccessDenied",
    "ConflictException": "ResourceConflict",
    "ResourceNotFoundException": "NotFound",
    "InvalidParameterValueException": "InvalidRequest",
    "ResourceConflictException": "AlreadyExists",
    "ServiceQuotaExceededException": "ServiceLimitExceeded",
    "ThrottlingException": "Throttling",
    "UnknownOperationException": "InvalidRequest",
    "ValidationException": "InvalidRequest",
}
"""Handler error codes of CloudFormation by the APIs' exceptions."""
_VALUE = re.compile(r", value: .*?(?=, (?:type|valid))")
TRIES = 8
READ_TIMEOUT = 120


class ResourceError(RemoteError):
    """A resource could not be made, changed or removed; `reason` is CloudFormation's handler error code."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def told(self) -> str:
        """The ResourceStatusReason."""
        return f'Resource handler returned message: "{self.message}" (HandlerErrorCode: {self.reason})'


class Calls(Protocol):
    """A service, as the resources of a stack use it."""

    def __call__(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an operation. Raises ResourceError."""
        ...

    def shape(self, operation: str) -> Any:
        """Botocore's shape of what an operation takes."""
        ...

    def pause(self, seconds: float) -> None:
        """Lets time pass before something is looked at again."""
        ...


class ServiceCalls:
    """Implements `Calls` over HTTP, signed by the stack's principal; the client is made when it is needed.

    `service` is botocore's name of it, `region` the stack's own region where that counts.
    """

    def __init__(
        self,
        acting: Acting,
        service: str,
        *,
        region: str = "",
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._acting = acting
        self._service = service
        self._region = region or acting.region
        self._client: Any = None
        self._pause = pause

    def __call__(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises ResourceError, also when the call does not fit botocore's model."""
        import botocore.exceptions
        from botocore import xform_name

        try:
            answer: dict[str, Any] = getattr(self._made(), xform_name(operation))(**given)
        except botocore.exceptions.ClientError as error:
            shown = error.response.get("Error", {})
            code = shown.get("Code", "")
            raise ResourceError(
                _CODES.get(code, "GeneralServiceException"), shown.get("Message", code)
            ) from error
        except botocore.exceptions.ParamValidationError as error:
            told = _VALUE.sub("", " ".join(str(error).split()))  # a value may be a secret
            raise ResourceError("InvalidRequest", told) from None
        except botocore.exceptions.BotoCoreError as error:
            raise ResourceError("ServiceInternalError", f"{operation}: {error}") from error
        answer.pop("ResponseMetadata", None)
        return answer

    def shape(self, operation: str) -> Any:
        """Botocore's shape of what an operation takes."""
        return self._made().meta.service_model.operation_model(operation).input_shape

    def pause(self, seconds: float) -> None:
        """Lets time pass."""
        self._pause(seconds)

    def _made(self) -> Any:
        if self._client is None:
            import botocore.session
            from botocore.config import Config

            acting = self._acting
            self._client = botocore.session.Session().create_client(
                self._service,
                region_name=self._region,
                endpoint_url=acting.url,
                aws_access_key_id=acting.access_key_id,
                aws_secret_access_key=acting.secret,
                aws_session_token=acting.token or None,
                config=Config(
                    proxies={},  # it is on this machine, whatever the environment says of proxies
                    read_timeout=READ_TIMEOUT,
                    retries={"total_max_attempts": TRIES, "mode": "standard"},
                ),
            )
        return self._client


class ControlPlaneCalls(ServiceCalls):
    """The control plane of AgentCore, which is in the endpoint's region."""

    def __init__(self, acting: Acting, *, pause: Callable[[float], None] = time.sleep) -> None:
        super().__init__(acting, MODEL, pause=pause)
