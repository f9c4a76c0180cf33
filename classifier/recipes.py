"""How a frame is made ready for the encoder: the declared recipes, by the id that labels carry.

A recipe is a frozen declaration. Once labels were stored with its id it is never changed: another
choice is another recipe with another id. :mod:`classifier.preprocess` carries recipes out.

What the papers say, and what is decided here:

- Johnson et al. 2021 crop each image "by 15 % to remove pixels corresponding to very low elevation
  angles", then stretch x = max(min((x - m) / M, 1), 0), where m is the 1st percentile of x and M
  the 99th of x - m. They do not say which pixels the percentiles are taken over, nor how images
  are resized. The pictures of the OATH set settle the first: in every one examined the sky is the
  disc of radius 108.8 pixels = 0.85 x 128 about row 127, column 128 (the nearest pixel without
  data lies at 108.81, the farthest with data at 108.78), 1.01 to 1.05 % of its pixels are 255 and
  1.1 to 1.3 % are 0. That is the stretch with percentiles inside the cropped disc, cut to 8 bits
  by truncation. Percentiles over the whole frame would saturate at most 1.76 % of the disc.
- The pictures of the OATH set show the sky mirrored: in picture 4 (Inuvik, 7 January 2013,
  06:05:57 UT) Jupiter and nine bright stars from Vega to Procyon all lie within 3.5 pixels of their
  places if north is up and east to the right; with east to the left, as in raw frames with north
  up, no turn brings more than four of them so near. So raw frames are mirrored, about the disc that
  this makes of theirs (row 127, column 127). The pictures are not turned by the angle ``rotAng``
  of the OATH tables.
- Decided here: the square around the disc (217 x 217 pixels) is resized with an antialiasing
  triangle filter, so that the sky fills the input of the encoder at any size; what lies outside
  the disc is 0. Percentiles interpolate linearly, as ``numpy.percentile`` does by default.
- Kvammen et al. 2020 turn the picture so that the geomagnetic pole points up, mirror it along the
  east-west axis, apply a 3 x 3 median, average 2 x 2 pixels and keep the central 128 x 128. Their pictures are 8-bit JPEG of
  another camera and no scaling is stated. Decided here: borders of the median repeat the edge, and
  the result is stretched between its 1st and 99th percentiles, because 16-bit counts need some
  scale. A THEMIS frame has 256 x 256 pixels, so the averaged one already has 128 x 128 and the
  crop keeps all of it, down to the horizon, which theirs cut off.

References
----------
- Johnson et al. 2021, A Contrastive Learning Approach to Auroral Identification and
  Classification, section III-A.
- Clausen and Nickisch 2018, J. Geophys. Res. Space Physics 123, 5640 (the OATH set).
- Kvammen et al. 2020, J. Geophys. Res. Space Physics 125, e2020JA027808, section 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError

__all__ = ["DEFAULT_RECIPE", "FRAME_DISC", "OATH_DISC", "RECIPES", "Disc", "Recipe", "find_recipe"]


@dataclass(frozen=True)
class Disc:
    """The part of a frame that shows sky high enough to be used.

    Attributes
    ----------
    row, column : float
        Centre, pixels; whole numbers are centres of pixels.
    radius : float
        Pixels; a pixel belongs if its centre is no farther than this.

    Examples
    --------
    >>> OATH_DISC.box
    (slice(19, 236, None), slice(20, 237, None))
    >>> int(OATH_DISC.mask((256, 256)).sum())
    37177
    """

    row: float
    column: float
    radius: float

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the smallest rectangle of pixels around the disc."""
        rows, columns = (
            slice(int(np.ceil(c - self.radius)), int(np.floor(c + self.radius)) + 1)
            for c in (self.row, self.column)
        )
        return rows, columns

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which pixels of a frame of this shape belong, (row, column)."""
        row, column = np.ogrid[: shape[0], : shape[1]]
        inside: NDArray[np.bool_] = np.hypot(row - self.row, column - self.column) <= self.radius
        return inside


@dataclass(frozen=True)
class Recipe:
    """One way of making frames ready, in the order of its attributes.

    Attributes
    ----------
    id : str
        Stored with the labels.
    long_name : str
        For help texts and tables.
    source : str
        Who did it so.
    input_dtype : {"uint16", "uint8"}
        Raw counts, or pictures that are stretched already.
    shape : tuple of int, optional
        The only shape of frame that it takes; None if any large enough will do.
    median : int
        Width of the median filter, pixels; 1 for none.
    binning : int
        Pixels averaged along each side; 1 for none.
    centre : int, optional
        Side of the central square that is kept, pixels after binning.
    stretch : {"disc", "frame"}, optional
        Where the percentiles are taken; None if there is no stretch.
    percentiles : tuple of float
        Black and white, %.
    disc : Disc, optional
        What is kept: the square around it, with 0 outside; None keeps the whole frame.
    turns : bool
        Whether frames may be turned first.
    mirror : bool
        Whether columns are reversed at the end: raw frames have east to the left, this has it to
        the right.
    """

    id: str
    long_name: str
    source: str
    input_dtype: Literal["uint16", "uint8"] = "uint16"
    shape: tuple[int, int] | None = (256, 256)
    median: int = 1
    binning: int = 1
    centre: int | None = None
    stretch: Literal["disc", "frame"] | None = "disc"
    percentiles: tuple[float, float] = (1.0, 99.0)
    disc: Disc | None = None
    turns: bool = False
    mirror: bool = False


#: The sky of the OATH pictures, which have east to the right: the outer 15 % of a radius of 128 pixels cropped.
OATH_DISC = Disc(row=127.0, column=128.0, radius=0.85 * 128.0)

#: The same part of raw frames with north up, which have east to the left.
FRAME_DISC = Disc(row=127.0, column=255.0 - 128.0, radius=0.85 * 128.0)

#: The recipe of labels for which none is named.
DEFAULT_RECIPE = "disc-percentile-v1"

#: Recipes by id.
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.id: recipe
        for recipe in (
            Recipe(
                id=DEFAULT_RECIPE,
                long_name="outer 15 % cropped, stretched between percentiles 1 and 99 of the disc",
                source="Clausen and Nickisch 2018; Johnson et al. 2021",
                disc=FRAME_DISC,
                mirror=True,
            ),
            Recipe(
                id="frame-percentile-v1",
                long_name="outer 15 % cropped, stretched between percentiles 1 and 99 of the frame",
                source="as a later script of the authors of Johnson et al. 2021",
                stretch="frame",
                disc=FRAME_DISC,
                mirror=True,
            ),
            Recipe(
                id="kvammen-v1",
                long_name="magnetic north up, mirrored, 3x3 median, 2x2 mean, central 128x128, stretched",
                source="Kvammen et al. 2020; the stretch is ours",
                shape=None,
                median=3,
                binning=2,
                centre=128,
                stretch="frame",
                turns=True,
                mirror=True,
            ),
            Recipe(
                id="oath-png-v1",
                long_name="pictures of the OATH set, stretched already: outer 15 % cropped",
                source="Clausen and Nickisch 2018",
                input_dtype="uint8",
                stretch=None,
                disc=OATH_DISC,
            ),
        )
    }
)


def find_recipe(recipe: str | Recipe) -> Recipe:
    """Return a recipe by its id.

    Parameters
    ----------
    recipe : str or Recipe
        A recipe is returned as it is.

    Returns
    -------
    Recipe

    Raises
    ------
    UsageError
        If no recipe has this id.

    Examples
    --------
    >>> find_recipe("disc-percentile-v1").stretch
    'disc'
    """
    if isinstance(recipe, Recipe):
        return recipe
    try:
        return RECIPES[recipe]
    except (KeyError, TypeError):
        known = ", ".join(RECIPES)
        raise UsageError(f"recipe: {recipe!r} is not known; known are {known}.") from None
