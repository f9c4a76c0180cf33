"""What all figures share: sizes, colours and markers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Panels = dict[tuple[str, str], Axes]

#: Colour (Okabe and Ito, told apart by colour-blind readers) and marker of each class.
CLASS_STYLE = {
    "arc": ("#0072B2", "o"),
    "diffuse": ("#D55E00", "s"),
    "discrete": ("#009E73", "^"),
    "cloudy": ("#56B4E9", "v"),
    "moon": ("#E69F00", "P"),
    "clear": ("#CC79A7", "D"),
}

#: What ``band`` takes for the rate that pools all latitude bands.
ALL_BANDS = "all"

SINGLE, DOUBLE = 86.0, 178.0  # column widths, mm
TEXT, NAME, TITLE = 7.0, 7.5, 8.5  # points; nothing is smaller than TEXT
LINE = 1.3  # line spacing
MARGIN = 5.0  # points
GREY, DARK, ALERT = "0.6", "0.2", "#A50026"
#: Drivers that come round again, and after how much.
PERIOD = {"mlt": 24.0, "hour": 24.0, "clock_angle": 360.0}

MOON = {"down": "Moon down or < 30 % lit", "any": "moonlit minutes included"}


#: Heights of the panels below the rates, mm.
SUPPORT_HEIGHT = {"exposure": 15.0, "availability": 9.0}
