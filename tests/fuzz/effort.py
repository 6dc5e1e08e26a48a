"""How many examples a property takes: a few in a normal run, many in `make fuzz`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

FACTOR = float(os.environ.get("FUZZ_FACTOR") or 1)
"""Set by `python -m tests.fuzz`, or by hand for the properties of the whole suite; 1 in a normal run."""


def scaled(normal: int) -> int:
    """The number of examples where a normal run takes `normal`."""
    return max(1, round(normal * FACTOR))


def examples(normal: int, *, shrink: bool = True) -> Callable[[Any], Any]:
    """Decorates a property with the number of examples of a normal run.

    A fixture is shared by all examples: processes are started once, and each example checks that they live.
    Without `shrink` a failing example is shown as it is: where waiting for what never comes is the failure,
    making it smaller takes for ever.
    """
    phases = [Phase.explicit, Phase.generate, *([Phase.shrink] if shrink else [])]
    return settings(
        max_examples=scaled(normal),
        phases=phases,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )
