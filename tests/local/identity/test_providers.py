"""Where a credential provider's metadata and token endpoint may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from skerry.errors import RemoteError
from skerry.local.http.reach import Reach
from skerry.local.identity.providers import Providers
from skerry.local.ports.secrets import NoAuthorities
from tests.kit.clock import FakeClock
from tests.kit.identity_parts import ARN, PROVIDER

ISSUER = "https://i.example"
URL = f"{ISSUER}/.well-known/openid-configuration"
PRIVATE = {"privateEndpoint": {"selfManagedLatticeResource": {"resourceConfigurationIdentifier": "rcfg-1"}}}


class Records:
    """Implements the one method of `ports.Resources` that providers need."""

    def __init__(self, **configuration: Any) -> None:
        self.record = {
            **PROVIDER,
            "callbackUrl": "https://s.example/c/1",
            "configuration": {"oauthDiscovery": {"discoveryUrl": URL}, **configuration},
        }

    def credential_provider(self, arn: str) -> Mapping[str, Any] | None:
        return self.record if arn == ARN else None


class Web:
    """Implements `Http` with one document, without token endpoints; what was fetched is kept."""

    def __init__(self, **document: Any) -> None:
        self.document = {
            "issuer": ISSUER,
            "token_endpoint": f"{ISSUER}/t",
            "authorization_endpoint": f"{ISSUER}/a",
            **document,
        }
        self.fetched: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return json.dumps(self.document).encode()

    async def post(self, url: str, form: Any, headers: Any) -> tuple[int, bytes]:
        raise AssertionError("nobody asks for a token here")


async def none(_: Any) -> Any:
    raise AssertionError("nobody asks for this here")


def providers(records: Records, public: Web, private: Web) -> Providers:
    return Providers(
        resources=records,  # type: ignore[arg-type]
        reach=Reach(public, private, NoAuthorities()),
        fetch_secret=none,
        clock=FakeClock(),
    )


@pytest.mark.behaviour("ID-PROVIDER-OUTSIDE")
@pytest.mark.parametrize("member", ["token_endpoint", "authorization_endpoint"])
@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4700/t", "https://localhost/t", "https://[::1]/t", "http://i.example/t"]
)
async def test_a_document_from_outside_names_no_endpoint_on_this_machine(member, endpoint):
    public = Web(**{member: endpoint})
    with pytest.raises(RemoteError, match="endpoint"):
        await providers(Records(), public, Web()).get(ARN)


@pytest.mark.behaviour("ID-PROVIDER-OUTSIDE")
async def test_only_a_provider_with_a_private_endpoint_is_looked_for_in_a_private_network():
    public, private = Web(), Web()
    records = Records()
    found = providers(records, public, private)
    assert (await found.get(ARN)).http is public
    records.record = Records(**PRIVATE).record
    assert (await found.get(ARN)).http is private  # what was fetched elsewhere is not taken
    await found.get(ARN)
    assert (public.fetched, private.fetched) == ([URL], [URL])
    trusted = Records(**PRIVATE, certificateConfigurations=[{"s3": {"uri": "s3://a/b"}}])
    with pytest.raises(RemoteError, match="certificateConfigurations"):  # which this test has no cloud for
        await providers(trusted, public, private).get(ARN)
    private.document["token_endpoint"] = "http://127.0.0.1:1/t"
    with pytest.raises(RemoteError):
        await providers(records, public, private).get(ARN)
