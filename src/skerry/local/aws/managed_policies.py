"""AWS's own managed policies, such as AdministratorAccess: moto has them, and leaves them out unless told.

They are brought in when somebody names one or lists policies: few do, and everybody would pay for it at the
start. This module runs in moto's process.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend

_SCOPE = re.compile(r"Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]*)/iam/aws4_request", re.IGNORECASE)
_NAMED = re.compile(
    rb"(:|%3A)aws(:|%3A)policy|Action=(ListPolicies|GetAccountAuthorizationDetails)", re.IGNORECASE
)
_OF_AWS = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/")

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]


def serve(environ: Environ, start_response: Any, moto: Wsgi) -> Iterable[bytes]:
    """Moto's answer, which knows the policies when the request is about them."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is not None:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if _NAMED.search(body) or _NAMED.search(environ.get("QUERY_STRING", "").encode()):
            bring(_backend(*scope.groups()))
    return moto(environ, start_response)


def is_of_aws(arn: str) -> bool:
    """Whether a policy is AWS's own."""
    return _OF_AWS.match(arn) is not None


def bring(iam: IAMBackend) -> None:
    """Gives an account AWS's policies, unless it has them."""
    if iam.aws_managed_policies:
        return
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy

    found: list[Any] = [
        AWSManagedPolicy.from_data(name, iam.account_id, iam.region_name, data)
        for name, data in json.loads(aws_managed_policies_data).items()
    ]
    iam.managed_policies = {**{policy.arn: policy for policy in found}, **iam.managed_policies}
    iam.aws_managed_policies = found


def _backend(access_key_id: str, region: str) -> IAMBackend:
    from moto.iam.models import get_account_id_from, iam_backends
    from moto.utilities.utils import get_partition

    return iam_backends[get_account_id_from(access_key_id)][get_partition(region)]
