"""`python -m tests.contracts.operations`: which operations of AWS's models are emulated, and which are not."""

from __future__ import annotations

from itertools import groupby

from tests.contracts.operations import SERVICES, emulated, refused


def report() -> str:
    """The list as text: for each model what is emulated, by family, and what is refused with 501."""
    lines = []
    for service in SERVICES:
        known = sorted((family, name) for (of, name), family in emulated().items() if of == service)
        missing = [name for of, name in refused() if of == service]
        lines += [f"{service}: {len(known)} of {len(known) + len(missing)} operations are emulated", ""]
        for family, named in groupby(known, key=lambda item: item[0]):
            lines.append(f"  {family}")
            lines += [f"    {name}" for _, name in named]
        lines += ["", f"  refused with 501 ({len(missing)})", *(f"    {name}" for name in missing), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
