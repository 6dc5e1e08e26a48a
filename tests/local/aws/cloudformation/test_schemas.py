import subprocess
import sys

import pytest

from skerry.local.aws.cloudformation.kinds import KINDS
from skerry.local.aws.cloudformation.schemas import PREFIX, alternatives, registered, schema


def test_every_emulated_type_is_one_of_aws():
    assert KINDS.keys() <= registered().keys()
    assert all(name.startswith(PREFIX) for name in registered())


@pytest.mark.parametrize("name", KINDS)
def test_schemas_name_properties_that_they_have(name):
    known = schema(name)
    assert {*known.identifier, *known.read_only, *known.create_only} <= set(known.properties)
    assert not known.read_only & set(known.writable)


def test_attributes_are_read_only_properties_and_members_of_them():
    runtime = schema(f"{PREFIX}Runtime")
    assert runtime.has_attribute("AgentRuntimeArn")
    assert runtime.has_attribute("WorkloadIdentityDetails.WorkloadIdentityArn")
    assert not runtime.has_attribute("WorkloadIdentityDetails.Other")
    assert not runtime.has_attribute("AgentRuntimeName")
    assert not runtime.has_attribute("Nothing")


def test_a_part_comes_with_what_it_refers_to_and_combines():
    root = {
        "definitions": {
            "A": {"anyOf": [{"type": "string"}, {"$ref": "#/definitions/B"}]},
            "B": {"type": "null"},
        }
    }
    found = list(alternatives({"$ref": "#/definitions/A"}, root))
    assert ["string", "null"] == [part["type"] for part in found if "type" in part]


@pytest.mark.behaviour("CFN-LAZY")
def test_the_process_of_moto_reads_no_schema_before_there_is_a_stack():
    program = (
        "import sys, skerry.local.aws.moto_server as s; s.Application('x');"
        "print([n for n in sys.modules if n.split('.')[0] in ('jsonschema', 'cfnlint')"
        " or n.startswith('skerry.local.aws.cloudformation.') or n == 'moto.cloudformation.parsing'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = set(done.stdout.strip(" []\n").replace("'", "").split(", "))
    assert {
        f"skerry.local.aws.cloudformation.{name}" for name in ("acting", "requests", "responses", "wsgi")
    } == found
