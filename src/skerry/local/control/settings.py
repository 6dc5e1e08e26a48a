"""Settings of the control plane."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """How long a change of status takes at least, in seconds: `transition`.

    With 0 a status in between is over when the work behind it is. AWS takes seconds to minutes; a larger
    value here shows a program that does not wait.

    `writes` and `reads` are what is allowed a second, 0 for any number; reads are Get and List operations.
    `target_operations` is how many targets of a gateway may be in transition at a time, 0 for any number.
    """

    transition: float = 0.0
    writes: float = 0.0
    reads: float = 0.0
    target_operations: int = 0
