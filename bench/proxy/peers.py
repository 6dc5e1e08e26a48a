"""Installs the tools that skerry is measured against, one environment each, because their pins conflict.

    python -m bench.proxy.peers [FOLDER]

The versions stand in peers.json; without npm the Node tools are left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.proxy.commands import PEERS, TABLE


def install(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    packages = json.loads(TABLE.read_text())["packages"]
    node = packages.pop("npm")
    for name, requirement in packages.items():
        home = folder / name
        if not (home / "bin/python").exists():
            venv.create(home, with_pip=True)
        print(f"{name}: {requirement}", flush=True)
        pip = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, requirement], check=True)
    if npm := shutil.which("npm"):
        print(f"npm: {' '.join(node)}", flush=True)
        quiet = ["--no-audit", "--no-fund", "--silent"]
        subprocess.run([npm, "install", "--prefix", str(folder / "npm"), *quiet, *node], check=True)
    else:
        print(f"npm was not found; left out: {' '.join(node)}", file=sys.stderr)
    print(f"The peers are in {folder}.")


if __name__ == "__main__":
    install(Path(sys.argv[1]) if len(sys.argv) > 1 else PEERS)
