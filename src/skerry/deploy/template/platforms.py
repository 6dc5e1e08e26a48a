"""What code is packaged for."""

from __future__ import annotations

from dataclasses import dataclass

ARM, INTEL = "arm64", "x86_64"
ARCHITECTURES = (ARM, INTEL)
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""Versions that AgentCore and Lambda both run."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Version of Python and architecture; `here` is a stack on this machine, AgentCore runs arm64 only."""

    python: str = "3.13"
    architecture: str = ARM
    here: bool = False
