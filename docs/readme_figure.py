"""Draw the figure of the README again: ``python docs/readme_figure.py``.

It is the one that ``auroral_stats demo`` draws, with fewer colours, so that it is small enough to
be kept with the source. It needs Pillow, which the documentation brings.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

OUT = Path(__file__).resolve().parent / "_static" / "demo-Bz.png"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "Bz.png"
        command = [sys.executable, "-m", "auroral_stats", "occurrence", "--by", "Bz"]
        subprocess.run([*command, "--plot", str(drawn)], check=True, stdout=subprocess.DEVNULL)
        with Image.open(drawn) as image:
            # Title, software and options stay in the file.
            kept = PngInfo()
            for key in ("Title", "Software", "Description"):
                kept.add_itxt(key, image.info[key])
            few = image.convert("RGB").quantize(64, dither=Image.Dither.NONE)
            few.save(OUT, optimize=True, pnginfo=kept, dpi=image.info["dpi"])
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
