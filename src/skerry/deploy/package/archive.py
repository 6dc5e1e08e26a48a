"""A zip that is the same for the same files, and how large it may be.

Sources: AgentCore developer guide, direct code deployment (250 MB zipped, 750 MB unzipped); Lambda developer
guide, quotas (250 MB unzipped).
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skerry.deploy.package.files import mode
from skerry.errors import ConfigurationError

MEGABYTE = 1_000_000
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""What a zip calls the beginning of time."""
_BLOCK = 1 << 20
_POSIX = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Megabytes of a package, zipped and unzipped; `service` is who sets them."""

    service: str
    zipped: int
    unzipped: int


LIMITS = {"runtime": Limits("AgentCore", 250, 750), "function": Limits("Lambda", 250, 250)}


def digest(files: Mapping[str, Path]) -> str:
    """A digest of names, permissions and contents: the same on every machine, whatever packs them."""
    whole = hashlib.sha256()
    for name, path in files.items():
        content = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                content.update(block)
        whole.update(f"{name}\0{mode(path):o}\0{content.hexdigest()}\n".encode())
    return whole.hexdigest()


def write(files: Mapping[str, Path], target: Path) -> None:
    """Writes the zip: sorted, without times, readable for everybody."""
    partial = target.with_name(f"{target.name}.part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in files.items():
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _POSIX
            entry.external_attr = (0o100000 | mode(path)) << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=False) as inside:
                while block := source.read(_BLOCK):
                    inside.write(block)
    partial.replace(target)


def check_size(what: str, limits: Limits, *, zipped: int, files: Mapping[str, Path]) -> int:
    """The size of a package unzipped. Raises ConfigurationError, which names the largest parts."""
    sizes = {name: path.stat().st_size for name, path in files.items()}
    unzipped = sum(sizes.values())
    for size, most, word in ((zipped, limits.zipped, "zipped"), (unzipped, limits.unzipped, "unzipped")):
        if size > most * MEGABYTE:
            raise ConfigurationError(
                f"the package of {what} has {size / MEGABYTE:.0f} MB {word}; {limits.service} takes {most}.",
                hint=f"Largest: {_largest(sizes)}. Leave out what it does not need: .skerryignore.",
            )
    return unzipped


def _largest(sizes: Mapping[str, int]) -> str:
    parts: dict[str, int] = {}
    for name, size in sizes.items():
        top = name.partition("/")[0]
        parts[top] = parts.get(top, 0) + size
    found = sorted(parts.items(), key=lambda one: -one[1])[:5]
    return ", ".join(f"{name} ({size / MEGABYTE:.1f} MB)" for name, size in found)
