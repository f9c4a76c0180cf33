"""What the demo prints and draws, made by running it while the documentation is built.

The tutorial shows this output, so that it is always that of the software described.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

FIGURE = Path("output/demo/Bz.png")


def run_demo(app: Sphinx, _config: object) -> None:
    generated = Path(app.srcdir) / "reference" / "generated"
    generated.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"COLUMNS": "80", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "auroral_stats", "demo"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env=environment,
            check=False,
        )
        figure = Path(folder) / FIGURE
        if done.returncode or not figure.is_file():
            logger.warning("auroral_stats demo failed: %s", done.stderr.strip()[-500:])
            return
        shutil.copyfile(figure, generated / "demo.png")
    lines = [line.rstrip() for line in done.stdout.replace(str(Path.home()), "~").splitlines()]
    (generated / "demo.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", run_demo)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
