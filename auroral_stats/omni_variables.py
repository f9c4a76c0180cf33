"""The registry of OMNI variables: our names, theirs, units, fills and ranges.

One line a variable, under a heading that it shares with its like. The fill and the stated range
are what the archive's own files carry in FILLVAL, VALIDMIN and VALIDMAX; a reader uses those of
the file at hand and this table as the cross-check. The stated ranges date from 2006 and real
values pass them (Vz beyond 100 km/s, AU below -200 nT, years after 2020), hence the wider
``limits``: a value is dropped only where it lies outside both.

Sources: HRO_format.txt and omni2.text of NASA OMNIWeb; attributes of the CDFs at
https://spdf.gsfc.nasa.gov/pub/data/omni/omni_cdaweb/. See King and Papitashvili 2005,
doi:10.1029/2004JA010649.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from auroral_stats.errors import UsageError

__all__ = ["OMNI_VARIABLES", "Cadence", "OmniVariable", "omni_variables"]

Cadence = Literal["1min", "5min", "hourly"]


@dataclass(frozen=True)
class OmniVariable:
    """One variable of one family of OMNI files.

    Attributes
    ----------
    name : str
        Ours; the same in all families where the quantity is the same.
    cdf_name : str
        Theirs. Hourly files from some services append ``1800``.
    long_name : str
    units : str
        Empty for a pure number.
    cdf_type : str
        CDF_INT4 or CDF_REAL4.
    decimals : int
        With which the archive publishes it.
    fill : float
        Stands for missing in the file.
    valid_min, valid_max : float
        Range that the files state.
    limits : tuple of float
        Range beyond which no value is believed, whatever the file states.
    products : tuple of str
        The cadences that have it.
    coordinate_system : str
        ``GSE``, ``GSM``, ``GSE, GSM`` (both share X) or empty.
    scale : float
        What the file's number is divided by.
    """

    name: str
    cdf_name: str
    long_name: str
    units: str
    cdf_type: str
    decimals: int
    fill: float
    valid_min: float
    valid_max: float
    limits: tuple[float, float]
    products: tuple[Cadence, ...]
    coordinate_system: str = ""
    scale: float = 1.0


# [units | type and decimals | fill | stated range | limits], then, a line each:
# our name, name in the file, coordinate system, meaning
_HRO = """
[- | I0 | 99 | 1 98 | 0 98]
imf_spacecraft      IMF            -        spacecraft of the IMF
plasma_spacecraft   PLS            -        spacecraft of the plasma
[- | I0 | 999 | 0 998 | 0 998]
imf_points          IMF_PTS        -        points in IMF averages
plasma_points       PLS_PTS        -        points in plasma averages
[percent | I0 | 999 | 0 100 | 0 100]
percent_interp      percent_interp -        interpolated phase fronts
[s | I0 | 999999 | -10000 10000 | -50000 50000]
timeshift           Timeshift      -        time shift, already applied
rms_timeshift       RMS_Timeshift  -        RMS of time shift
[- | F2 | 99.99 | 0 90 | 0 99]
rms_phase           RMS_phase      -        RMS of phase front normal
[s | I0 | 999999 | -10000 10000 | -50000 50000]
time_between_obs    Time_btwn_obs  -        time between observations
[nT | F2 | 9999.99 | 0 100 | 0 500]
B                   F              -        IMF magnitude
[nT | F2 | 9999.99 | -99.9 99.9 | -500 500]
Bx                  BX_GSE         GSE+GSM  IMF Bx
By_gse              BY_GSE         GSE      IMF By
Bz_gse              BZ_GSE         GSE      IMF Bz
By                  BY_GSM         GSM      IMF By
Bz                  BZ_GSM         GSM      IMF Bz
[nT | F2 | 9999.99 | 0 100 | 0 500]
rms_sd_b            RMS_SD_B       -        RMS of IMF magnitude
rms_sd_field_vector RMS_SD_fld_vec -        RMS of IMF vector
[km/s | F1 | 99999.9 | 0 1200 | 0 4000]
flow_speed          flow_speed     -        solar wind speed
[km/s | F1 | 99999.9 | -2000 2000 | -4000 4000]
Vx                  Vx             GSE      solar wind Vx
[km/s | F1 | 99999.9 | -1000 1000 | -4000 4000]
Vy                  Vy             GSE      solar wind Vy
[km/s | F1 | 99999.9 | -100 100 | -4000 4000]
Vz                  Vz             GSE      solar wind Vz
[cm^-3 | F2 | 999.99 | -100 100 | 0 900]
proton_density      proton_density -        proton density
[K | F0 | 9999999 | 0 9999980 | 0 9999980]
temperature         T              -        proton temperature
[nPa | F2 | 99.99 | 0 100 | 0 99.98]
pressure            Pressure       -        flow pressure
[mV/m | F2 | 999.99 | -50 100 | -900 900]
E                   E              GSM      electric field -V Bz
[- | F2 | 999.99 | 0 500 | 0 999.98]
beta                Beta           -        plasma beta
[- | F1 | 999.9 | 0 500 | 0 999.8]
Mach_num            Mach_num       -        Alfven Mach number
[R_E | F2 | 9999.99 | -100 1000 | -1000 1000]
spacecraft_x        x              GSE      spacecraft X
spacecraft_y        y              GSE      spacecraft Y
spacecraft_z        z              GSE      spacecraft Z
[R_E | F2 | 9999.99 | -100 100 | -1000 1000]
bsn_x               BSN_x          GSE      bow shock nose X
bsn_y               BSN_y          GSE      bow shock nose Y
bsn_z               BSN_z          GSE      bow shock nose Z
[nT | I0 | 99999 | 0 7000 | 0 20000]
AE                  AE_INDEX       -        AE index
[nT | I0 | 99999 | -5000 300 | -20000 2000]
AL                  AL_INDEX       -        AL index
[nT | I0 | 99999 | -200 3000 | -2000 20000]
AU                  AU_INDEX       -        AU index
[nT | I0 | 99999 | -1000 1000 | -3000 3000]
SYM_D               SYM_D          -        SYM-D index
SYM_H               SYM_H          -        SYM-H index
ASY_D               ASY_D          -        ASY-D index
ASY_H               ASY_H          -        ASY-H index
[mV/m | F2 | 999.99 | -5 25 | -99 99]
PC_N                PC_N_INDEX     -        polar cap index, north
[- | F1 | 99.9 | 0 30 | 0 99.8]
Mgs_mach_num        Mgs_mach_num   -        magnetosonic Mach number
[cm^-2 s^-1 sr^-1 | F2 | 99999.99 | 0 90000 | 0 99999]
proton_flux_10      PR-FLX_10      -        proton flux above 10 MeV
proton_flux_30      PR-FLX_30      -        proton flux above 30 MeV
proton_flux_60      PR-FLX_60      -        proton flux above 60 MeV
"""

_HOURLY = """
[- | I0 | 9999 | 1700 9998 | 1000 9998]
bartels_rotation    Rot#           -        Bartels rotation number
[- | I0 | 99 | 1 98 | 0 98]
imf_spacecraft      IMF            -        spacecraft of the IMF
plasma_spacecraft   PLS            -        spacecraft of the plasma
[- | I0 | 999 | 0 998 | 0 998]
imf_points          IMF_PTS        -        points in IMF averages
plasma_points       PLS_PTS        -        points in plasma averages
[nT | F1 | 999.9 | 0 100 | 0 500]
B                   ABS_B          -        IMF magnitude
B_vector            F              -        magnitude of the mean IMF vector
[degree | F1 | 999.9 | -90 90 | -90 90]
B_latitude          THETA_AV       GSE      IMF latitude
[degree | F1 | 999.9 | 0 360 | 0 360]
B_longitude         PHI_AV         GSE      IMF longitude
[nT | F1 | 999.9 | -99.9 99.9 | -500 500]
Bx                  BX_GSE         GSE+GSM  IMF Bx
By_gse              BY_GSE         GSE      IMF By
Bz_gse              BZ_GSE         GSE      IMF Bz
By                  BY_GSM         GSM      IMF By
Bz                  BZ_GSM         GSM      IMF Bz
[K | F0 | 9999999 | 0 9999980 | 0 9999980]
temperature         T              -        proton temperature
[cm^-3 | F1 | 999.9 | 0 150 | 0 900]
proton_density      N              -        proton density
[km/s | F0 | 9999 | 0 1200 | 0 4000]
flow_speed          V              -        solar wind speed
[degree | F1 | 999.9 | -90 90 | -90 90]
flow_latitude       THETA-V        GSE      flow latitude
[degree | F1 | 999.9 | -90 90 | -180 180]
flow_longitude      PHI-V          GSE      flow longitude
[- | F3 | 9.999 | 0 1 | 0 9.9]
alpha_ratio         Ratio          -        alpha to proton ratio
[nPa | F2 | 99.99 | 0 99 | 0 99.98]
pressure            Pressure       -        flow pressure
[mV/m | F2 | 999.99 | -50 100 | -900 900]
E                   E              GSM      electric field -V Bz
[- | F2 | 999.99 | 0 500 | 0 999.98]
beta                Beta           -        plasma beta
[- | F1 | 999.9 | 0 500 | 0 999.8]
Mach_num            Mach_num       -        Alfven Mach number
[- | F1 | 99.9 | 0 30 | 0 99.8]
Mgs_mach_num        Mgs_mach_num   -        magnetosonic Mach number
[cm^-2 s^-1 sr^-1 | F2 | 99999.99 | 0 90000 | 0 99999]
proton_flux_10      PR-FLX_10      -        proton flux above 10 MeV
proton_flux_30      PR-FLX_30      -        proton flux above 30 MeV
proton_flux_60      PR-FLX_60      -        proton flux above 60 MeV
[- | I0 | 999 | 0 500 | 0 998]
sunspot_number      R              -        sunspot number
[sfu | F1 | 999.9 | 30 500 | 30 999.8]
F10_7               F10_INDEX      -        F10.7 solar radio flux
[- | I0 | 99 | 0 90 | 0 90]
Kp                  KP             -        Kp index
[nT | I0 | 99999 | -800 500 | -3000 3000]
Dst                 DST            -        Dst index
[nT | I0 | 9999 | 0 7000 | 0 9998]
AE                  AE             -        AE index
[nT | I0 | 99999 | -5000 300 | -20000 2000]
AL                  AL_INDEX       -        AL index
[nT | I0 | 99999 | -200 3000 | -2000 20000]
AU                  AU_INDEX       -        AU index
[nT | I0 | 999 | 0 350 | 0 400]
ap                  AP_INDEX       -        ap index
[mV/m | F1 | 999.9 | -5 25 | -99 99]
PC_N                PC_N_INDEX     -        polar cap index, north
"""


def _pair(text: str) -> tuple[float, float]:
    low, high = text.split()
    return float(low), float(high)


def _rows(table: str, products: tuple[Cadence, ...]) -> tuple[OmniVariable, ...]:
    variables: list[OmniVariable] = []
    for line in table.strip().splitlines():
        if line.startswith("["):
            units, form, fill, stated, limits = (cell.strip() for cell in line[1:-1].split("|"))
            continue
        name, cdf_name, system, long_name = line.split(None, 3)
        low, high = _pair(stated)
        variables.append(
            OmniVariable(
                name=name,
                cdf_name=cdf_name,
                long_name=long_name,
                units="" if units == "-" else units,
                cdf_type="CDF_INT4" if form[0] == "I" else "CDF_REAL4",
                decimals=int(form[1]),
                fill=float(fill),
                valid_min=low,
                valid_max=high,
                limits=_pair(limits),
                # GOES proton fluxes come at 5 min and hourly, not at 1 min.
                products=("5min",) if len(products) > 1 and "PR-FLX" in cdf_name else products,
                coordinate_system=system.replace("+", ", ").strip("-"),
                # The hourly files hold Kp x 10: 33 stands for 3+.
                scale=10.0 if cdf_name == "KP" else 1.0,
            )
        )
    return tuple(variables)


#: Every variable: the 45 of the high-resolution files (42 at 1 min), then those of hourly OMNI2.
OMNI_VARIABLES: tuple[OmniVariable, ...] = _rows(_HRO, ("1min", "5min")) + _rows(
    _HOURLY, ("hourly",)
)


def omni_variables(
    cadence: Cadence, names: Sequence[str] | None = None
) -> tuple[OmniVariable, ...]:
    """Return the variables of one cadence, all or by name.

    Parameters
    ----------
    cadence : {"1min", "5min", "hourly"}
    names : sequence of str, optional
        Our names. Default: all.

    Returns
    -------
    tuple of OmniVariable
        In the order asked for; each once.

    Raises
    ------
    UsageError
        If a name is not known at this cadence; the message has the nearest names.

    Examples
    --------
    >>> len(omni_variables("1min")), len(omni_variables("5min"))
    (42, 45)
    >>> [v.cdf_name for v in omni_variables("hourly", ["Bz", "flow_speed"])]
    ['BZ_GSM', 'V']
    """
    known = {v.name: v for v in OMNI_VARIABLES if cadence in v.products}
    if not known:
        raise UsageError(f"cadence {cadence!r} is unknown; expected 1min, 5min or hourly.")
    if names is None:
        return tuple(known.values())
    if isinstance(names, str):
        names = [names]
    for name in names:
        if name not in known:
            lower = {key.lower(): key for key in known}
            near = [lower[k] for k in difflib.get_close_matches(name.lower(), lower, 3, 0.5)]
            elsewhere = [c for v in OMNI_VARIABLES if v.name == name for c in v.products]
            hint = f" {name} comes with {' and '.join(elsewhere)}." if elsewhere else ""
            nearest = f" Nearest: {', '.join(near)}." if near else ""
            raise UsageError(
                f"{cadence} OMNI has no variable {name!r}.{hint}{nearest} "
                f"It has {', '.join(sorted(known, key=str.lower))}."
            )
    return tuple(known[name] for name in dict.fromkeys(names))
