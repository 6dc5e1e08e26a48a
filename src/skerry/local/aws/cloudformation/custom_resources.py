"""Custom resources as moto's CloudFormation sees them: what a function makes, changes and removes.

The function is invoked as whoever acts, and may answer after it has ended; the stack waits for that. One that
ends with an error and has not answered fails at once: AWS would wait until the time-out.
"""

from __future__ import annotations

import functools
import threading
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from moto.cloudformation.exceptions import ValidationError

from skerry.local.aws.cloudformation import custom, responses
from skerry.local.aws.cloudformation.calls import ResourceError
from skerry.local.aws.cloudformation.custom import Answer, CustomResourceError, RequestType
from skerry.local.aws.cloudformation.resources import StackResource, Work, work_now
from skerry.local.aws.cloudformation.validation import failed


class LeftError(CustomResourceError):
    """A resource was not made, but its function ran: a rollback has it remove what it may have left."""

    def __init__(self, message: str, left: StackResource) -> None:
        super().__init__(message)
        self.left = left


class CustomResource(StackResource):
    """One custom resource; its subclasses are the types."""

    type_name: ClassVar[str] = custom.TYPE
    deleted_again: ClassVar[bool] = False

    def __init__(
        self, logical_id: str, properties: Mapping[str, Any], physical_id: str, data: Mapping[str, Any]
    ) -> None:
        super().__init__(logical_id, properties)
        self._physical_id = physical_id
        self._data = data

    @property
    def physical_resource_id(self) -> str:
        """What the function calls it, and `Ref` gives."""
        return self._physical_id

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether `Fn::GetAtt` knows it, which only the function's answer shows."""
        del attr
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """A member of `Data`. Raises moto's error for what the function has not given."""
        if attribute_name not in self._data:
            raise ValidationError(
                self.logical_resource_id,
                message=f"CustomResource attribute error: Vendor response doesn't contain {attribute_name} "
                f"attribute in object {self.logical_resource_id}",
            )
        return self._data[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> CustomResource:
        """Has it made. Raises CustomResourceError, and LeftError when the function ran."""
        del account_id, region_name
        logical_id = str(kwargs["LogicalId"])
        properties = cls.checked(logical_id, cloudformation_json.get("Properties") or {})
        planned = cls(logical_id, properties, resource_name, {})
        exchange = _Exchange(work_now(), planned)
        try:
            found = exchange.ask("Create", properties)
        except CustomResourceError as error:
            if not error.ran:
                raise
            name = exchange.named or resource_name
            raise LeftError(error.message, cls(logical_id, properties, name, {})) from error
        return cls(logical_id, properties, found.physical_id, found.data)

    @classmethod
    def checked(cls, logical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """Properties as functions get them. Raises ResourceError."""
        found = custom.mistakes(cls.type_name, properties)
        if found:
            raise ResourceError("InvalidRequest", failed(logical_id, found))
        whole: Mapping[str, Any] = custom.texts(properties)
        return whole

    def replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Never: the answer to an update tells. Raises CustomResourceError for another function."""
        if properties["ServiceToken"] != self.properties["ServiceToken"]:
            raise CustomResourceError("Modifying service token is not allowed.")
        return False

    def changed(self, properties: Mapping[str, Any]) -> CustomResource:
        """Has it changed; with another physical id it is another one. Raises CustomResourceError."""
        return self.updated(properties, self.properties)

    def restored(self, now: StackResource, attempted: Mapping[str, Any]) -> CustomResource:
        """Has it changed back. Raises CustomResourceError."""
        assert isinstance(now, CustomResource)
        return now.updated(self.properties, attempted)

    def delete(self, account_id: str, region_name: str) -> None:
        """Has it removed. Raises CustomResourceError."""
        del account_id, region_name
        _Exchange(work_now(), self).ask("Delete", self.properties)

    def updated(self, properties: Mapping[str, Any], old: Mapping[str, Any]) -> CustomResource:
        """Has it changed from what it was, or was to be, to other properties. Raises CustomResourceError."""
        found = _Exchange(work_now(), self).ask("Update", properties, old)
        return type(self)(self.logical_resource_id, properties, found.physical_id, found.data)


class _Exchange:
    """One request to a function and its answer. `named` is the physical id in it, also when it is FAILED."""

    def __init__(self, work: Work, resource: CustomResource) -> None:
        self._work = work
        self._resource = resource
        self.named = ""

    def ask(
        self, kind: RequestType, properties: Mapping[str, Any], old: Mapping[str, Any] | None = None
    ) -> Answer:
        """The answer of success. Raises CustomResourceError."""
        resource, token = self._resource, str(properties["ServiceToken"])
        seconds = int(properties.get("ServiceTimeout", custom.LONGEST))
        with responses.awaited(self._work.stack_id, self._work.invoke.url) as waiting:
            event: dict[str, Any] = {
                "RequestType": kind,
                "ServiceToken": token,
                "ResponseURL": waiting.url,
                "StackId": self._work.stack_id,
                "RequestId": str(uuid.uuid4()),
                "LogicalResourceId": resource.logical_resource_id,
                "ResourceType": resource.type_name,
                "ResourceProperties": properties,
            }
            if kind != "Create":
                event["PhysicalResourceId"] = resource.physical_resource_id
            if old is not None:
                event["OldResourceProperties"] = old
            threading.Thread(target=self._invoke, args=(token, event, waiting), daemon=True).start()
            body = waiting.wait(seconds)
        if body is None:
            raise CustomResourceError(
                f"CloudFormation did not receive a response from your Custom Resource in {seconds} seconds. "
                f"Please check your logs for requestId [{event['RequestId']}]."
            )
        found = custom.answer(body, event)
        self.named = found.physical_id
        if not found.succeeded:
            raise custom.refused(found, event["RequestId"])
        return found

    def _invoke(self, token: str, event: Mapping[str, Any], waiting: responses.Awaited) -> None:
        ended = False
        try:
            self._work.invoke(token, event)
            ended = True
        except CustomResourceError as error:
            waiting.settle(error)
            ended = True
        finally:
            if not ended:  # nobody may wait for a thread that is gone
                waiting.settle(CustomResourceError(f"{token} could not be asked: skerry's log says why."))


@functools.cache
def custom_model(type_name: str) -> type[CustomResource]:
    """The class of a type."""
    return type(type_name.rpartition("::")[2], (CustomResource,), {"type_name": type_name})
