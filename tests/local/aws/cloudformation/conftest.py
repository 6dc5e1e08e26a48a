"""What tests of stacks share: a whole endpoint in a process of its own for each module, and its CloudFormation."""

from __future__ import annotations

import uuid

import pytest

from tests.kit.local_endpoint import endpoint_process


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("stacks")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def cloud(running):
    return running.client("cloudformation")


@pytest.fixture
def name():
    """For a stack or a resource of one test."""
    return "s" + uuid.uuid4().hex[:10]
