import os

import pytest

from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings
from tests.kit.fixture_plane import FixturePlane
from tests.kit.moto_estate import running_estate


@pytest.fixture(scope="session")
def seeded():
    with running_estate() as found:
        yield found


@pytest.fixture(scope="module")
def estate(seeded):
    """The estate of this worker, with the environment of this module pointing at it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in seeded.environment.items():
            patch.setenv(name, value)
        yield seeded


@pytest.fixture(scope="module")
def registry(estate):
    return Registry(AwsOpsSettings.from_env(estate.environment))


@pytest.fixture(scope="module")
def ask(registry):
    """`ask("ec2")` is a function that calls that tool with its keyword arguments."""
    return lambda tool: lambda **arguments: registry.call(f"{tool}_read_operations", arguments)


@pytest.fixture(scope="module")
def ec2(ask):
    return ask("ec2")


@pytest.fixture(scope="module")
def s3(ask):
    return ask("s3")


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """The labelled data of the embedded cloud, on 10 December 2026, and the environment of this module pointing
    at it; not together with `estate`."""
    with (
        FixturePlane(tmp_path_factory.mktemp("plane")).running() as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in running.environment().items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def made_up(plane):
    """A registry on that data, with its clock."""
    return Registry(AwsOpsSettings.from_env(plane.environment()), clock=plane.clock.time)
