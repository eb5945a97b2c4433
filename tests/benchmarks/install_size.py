"""Size of a recipient's installation and of a full one: packages and MiB of a fresh virtual environment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from side_by_side import console

ROOT = Path(__file__).parents[2]


def main() -> None:
    for extra in ("", "[mlflow]", "[provider]", "[all]"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
            pip = [sys.executable, "-m", "pip", "--python", f"{folder}/bin/python"]
            install = [*pip, "install", "--quiet", "--no-compile", f"{ROOT}{extra}"]
            subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
            listed = subprocess.run(
                [*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True
            )
            size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
            packages = len(listed.stdout.split())
            console.print(
                f"model-sharing{extra:12} {packages:4} packages {size / 2**20:8.0f} MiB", markup=False
            )


if __name__ == "__main__":
    main()
