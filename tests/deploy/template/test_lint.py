"""Every template keeps to AWS's registry schemas, as cfn-lint has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.deploy.declared import load
from skerry.deploy.template import write
from skerry.deploy.template.platforms import Platform
from tests.deploy.kit import EVERYTHING

ROOT = Path(__file__).parents[3]
FILES = [
    EVERYTHING,
    ROOT / "src/skerry/desk/skerry.toml",
    *sorted((ROOT / "examples").glob("*/skerry.toml")),
]


@pytest.mark.behaviour("DEPLOY-SCHEMAS")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("write_as", [write.as_json, write.as_yaml])
def test_a_template_keeps_to_the_schemas_of_aws(file: Path, write_as):
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    text = write_as(load(file, Platform()).template)
    found = lint(text, config=ManualArgs(regions=["us-east-1", "eu-central-1"]))
    assert [] == [f"{one.rule.id} {one.message} {one.path}" for one in found]


def test_what_breaks_the_schema_is_found():
    """The check above can fail: a property that AWS does not know."""
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    template = load(ROOT / "examples/own_team/skerry.toml", Platform()).template
    template["Resources"]["RuntimeWeather"]["Properties"]["Protocol"] = "MCP"
    found = lint(write.as_json(template), config=ManualArgs(regions=["us-east-1"]))
    assert ["E3002"] == [one.rule.id for one in found]


@pytest.mark.behaviour("DEPLOY-SAME-BYTES")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_same_file_gives_the_same_bytes(file: Path):
    first, second = (write.as_json(load(file, Platform()).template) for _ in range(2))
    assert first == second
    assert str(ROOT) not in first
