import os

import pytest

from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings
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
def ec2(registry):
    return lambda **arguments: registry.call("ec2_read_operations", arguments)


@pytest.fixture(scope="module")
def s3(registry):
    return lambda **arguments: registry.call("s3_read_operations", arguments)
