"""botocore's service models, as far as the tools talk about calls that they do not make."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def service(name: str) -> Any:
    """Botocore's model of a service; read from a local file on first use."""
    import botocore.session

    return botocore.session.Session().get_service_model(name)


def operation(name: str, api: str) -> Any:
    """The model of an API call."""
    return service(name).operation_model(api)
