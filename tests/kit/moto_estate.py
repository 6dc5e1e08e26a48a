"""moto on a loopback port, filled with a small estate: what the AWS tools read in tests."""

from __future__ import annotations

import contextlib
import functools
import importlib
import urllib.request
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import moto.settings
from moto.server import ThreadedMotoServer

from tests.kit.estates import AWAY, HOME

__all__ = ["AWAY", "HOME", "Estate", "running_estate"]


@dataclass
class Estate:
    """Where moto listens, the environment that points there, and the ids of what it holds.

    EC2 and S3 are filled from the start, every other service by the first test that needs it.
    """

    url: str
    environment: Mapping[str, str]
    ids: ChainMap[str, Any] = field(default_factory=ChainMap)
    filled: dict[str, dict[str, Any]] = field(default_factory=dict)

    def need(self, service: str) -> dict[str, Any]:
        """Fills a service (`tests/kit/estates/SERVICE.py`) once, and gives its ids."""
        if service not in self.filled:
            module = importlib.import_module(f"tests.kit.estates.{service}")
            self.filled[service] = module.fill(functools.partial(writer, self.url))
        return self.filled[service]


@contextlib.contextmanager
def _without_images() -> Iterator[None]:
    """What MOTO_EC2_LOAD_DEFAULT_AMIS=false says, for this process and not for the programs that tests start."""
    usual = moto.settings.ec2_load_default_amis
    moto.settings.ec2_load_default_amis = lambda: False
    try:
        yield
    finally:
        moto.settings.ec2_load_default_amis = usual


@contextlib.contextmanager
def running_estate() -> Iterator[Estate]:
    """A seeded moto server in a thread; it forgets everything when the block ends.

    It does not know Amazon's own images: for every region that is asked moto would keep hundreds.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with _without_images():
        server.start()
        try:
            host, port = server.get_host_and_port()
            url = f"http://{host}:{port}"
            urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()
            environment = {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_REGION": HOME,
                "AWS_DEFAULT_REGION": HOME,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            estate = Estate(url, environment)
            estate.ids = ChainMap(estate.need("ec2"), estate.need("s3"))
            yield estate
        finally:
            server.stop()


def writer(url: str, service: str, region: str = HOME, **more: Any) -> Any:
    """A boto3 client that may do everything; the tools' own clients cannot write."""
    key = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", **more}
    return boto3.client(service, region, endpoint_url=url, **key)
