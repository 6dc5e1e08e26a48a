"""No module of skerry imports itself by way of others, not even for its types or late, inside a function.

The parts' directions are contracts in `pyproject.toml`; this is about what stands inside a part.
"""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_there_are_no_circles():
    graph = grimp.build_graph("skerry", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 100
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(reversed(error.args[1]))}")
