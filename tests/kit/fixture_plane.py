"""The plane of the embedded cloud without moto: what the fixtures answer, at a time of the test's choice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import RemoteError
from skerry.local.aws.fixtures.fixtures import Fixtures
from skerry.local.aws.plane import AwsPlane
from skerry.local.aws.process import AwsProcess
from skerry.local.clock import SystemClock
from skerry.local.http.upstream import Upstream
from skerry.local.iam.access import Access, Key
from skerry.local.iam.permissions import PermissionChecks
from skerry.local.iam.principals import Principals
from skerry.local.iam.web_identity import WebIdentities
from skerry.local.state.recorder import HopRecorder
from skerry.local.state.records import RecordStore
from skerry.local.state.resources import Place, Resources
from tests.kit.asgi_thread import serve
from tests.kit.clock import FakeClock
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION, Keys

OTHER_ACCOUNT = "210987654321"
OTHER = Credentials("AKIAOTHERACCOUNT0000", "not a real secret " + "y" * 30)
NOW = datetime(2026, 12, 10, 15, 30, tzinfo=UTC).timestamp()


async def written() -> None:
    """Nothing waits to be written: no plane serves beside this one."""


async def nothing(url: str) -> bytes:
    """No issuer answers."""
    raise RemoteError(f"{url} is nowhere.")


@dataclass
class FixturePlane:
    """Signatures are checked against the real time; the data follows `clock`. `url` is where it listens."""

    folder: Path
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    without: frozenset[str] = frozenset()
    url: str = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[FixturePlane]:
        key = Key(arn=f"arn:aws:iam::{OTHER_ACCOUNT}:user/x", user_id="AIDA", secret=OTHER.secret_access_key)
        keys = Keys(**{OTHER.access_key_id: key})
        upstream, clock = Upstream(), SystemClock()
        process = AwsProcess(upstream, region=REGION, inherited={}, log=self.folder / "aws.log")
        resources = Resources(
            RecordStore(self.folder / "control.sqlite"), place=Place(REGION, ACCOUNT, ""), clock=clock
        )
        principals = Principals(process, clock)
        plane = AwsPlane(
            process=process,
            upstream=upstream,
            access=Access(DEVELOPER, account=ACCOUNT, clock=SystemClock(), source=keys),
            recorder=HopRecorder(),
            clock=SystemClock(),
            fixtures=Fixtures(account=ACCOUNT, region=REGION, clock=self.clock, without=self.without),
            permissions=PermissionChecks(
                principals, resources, clock, policies=process, region=REGION, administrator="", mode="off"
            ),
            web_identities=WebIdentities(principals, nothing, clock),
            place=(REGION, ACCOUNT),
            flush=written,
            url="",
        )
        with serve(plane, lifespan="off") as self.url:
            yield self

    def environment(self) -> dict[str, str]:
        """What points boto3 here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": DEVELOPER.access_key_id,
            "AWS_SECRET_ACCESS_KEY": DEVELOPER.secret_access_key,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
