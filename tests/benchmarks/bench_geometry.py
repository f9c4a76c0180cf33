"""Sun, Moon and magnetic coordinates: site_geometry against astropy and aacgmv2 called straight.

``python tests/benchmarks/bench_geometry.py [--rounds 5] [--winters 1]`` prints a Markdown table.
The straight way computes 14,400 site-minutes (24 sites, 10 hours), ours the same ones and then
whole winters; the contenders alternate round by round, so that ratios are between neighbours in
time. ``pytest tests/benchmarks/bench_geometry.py --benchmark-enable`` times the small case alone.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from auroral_stats.geometry import QUANTITIES, site_geometry
from auroral_stats.sites import load_sites

SITES = load_sites()
NIGHT = np.arange("2014-03-10T00:00", "2014-03-10T10:00", dtype="datetime64[m]")
SKY = ("sun_elevation", "sun_azimuth", "moon_elevation", "moon_azimuth")


def winters(count: int) -> np.ndarray:
    """Minutes of 150,000-minute winters: with 21 sites, 14 of them are 44 million site-minutes."""
    first = [np.datetime64(f"{2007 + k}-10-15T00:00", "m") for k in range(count)]
    return np.concatenate([start + np.arange(150_000) for start in first])


def straight(times: np.ndarray) -> np.ndarray:
    """Everything from astropy and aacgmv2, each used at its best: (site, 6, time)."""
    import aacgmv2
    import astropy.units as u
    from astropy.coordinates import AltAz, EarthLocation, get_body, solar_system_ephemeris
    from astropy.time import Time
    from astropy.utils import iers

    instants = times.astype("datetime64[s]").tolist()
    latitude, longitude = SITES["latitude"].to_numpy(), SITES["longitude"].to_numpy()
    found = np.empty((len(SITES), 6, times.size))
    with iers.conf.set_temp("auto_download", False), solar_system_ephemeris.set("builtin"):
        when = Time(times.astype("datetime64[s]"), scale="utc")
        bodies = [get_body(body, when) for body in ("sun", "moon")]
        for k in range(len(SITES)):
            place = EarthLocation.from_geodetic(longitude[k] * u.deg, latitude[k] * u.deg)
            horizon = AltAz(obstime=when, location=place)
            seen = [body.transform_to(horizon) for body in bodies]
            found[k, :4] = [angle.deg for body in seen for angle in (body.alt, body.az)]
    for minute, instant in enumerate(instants):
        mlat, mlon, _ = aacgmv2.convert_latlon_arr(latitude, longitude, 110.0, instant)
        found[:, 4, minute] = mlat
        found[:, 5, minute] = aacgmv2.convert_mlt(mlon, instant)
    return found


def ours(times: np.ndarray) -> np.ndarray:
    """Compute the same six quantities with site_geometry: (site, 6, time)."""
    names = [*SKY, "mlat", "mlt"]
    sky = site_geometry(times, quantities=names)
    return np.stack([sky[name].to_numpy().T for name in names], axis=1)


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def spread(values: list[float], form: str) -> str:
    """Median, and lowest to highest."""
    low, high = format(min(values), form), format(max(values), form)
    return f"{statistics.median(values):{form}} ({low} to {high})"


def compare(rounds: int, winter_count: int) -> str:
    """Run the contenders in turn and return the table."""
    long = winters(winter_count)
    codes = SITES.index[:21].tolist()
    small, large = NIGHT.size * len(SITES), long.size * len(codes)
    difference = np.abs(straight(NIGHT[::20]) - ours(NIGHT[::20]))
    worst = np.minimum(difference, np.array([360, 360, 360, 360, 360, 24])[:, None] - difference)

    contenders: dict[str, tuple[int, Callable[[], object]]] = {
        "astropy and aacgmv2, straight": (small, lambda: straight(NIGHT)),
        "`site_geometry`, the same": (small, lambda: ours(NIGHT)),
        "`site_geometry`, Sun and Moon elevation, MLT": (
            large,
            lambda: site_geometry(
                long, codes, quantities=["sun_elevation", "moon_elevation", "mlt"]
            ),
        ),
        f"`site_geometry`, all {len(QUANTITIES)} quantities": (
            large,
            lambda: site_geometry(long, codes),
        ),
    }
    for _, run in list(contenders.values())[1:2]:
        run()  # imports and coefficient files
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (cells, run) in contenders.items():
            rates[name].append(cells / seconds(run))

    baseline = next(iter(rates.values()))
    lines = [
        "| way | site-minutes | site-minutes/s | ratio, paired |",
        "|---|---:|---:|---:|",
    ]
    for name, values in rates.items():
        ratios = [value / base for value, base in zip(values, baseline, strict=True)]
        cells = contenders[name][0]
        lines.append(
            f"| {name} | {cells:,} | {spread(values, ',.0f')} | {spread(ratios, ',.0f')} |"
        )
    lines.append("")
    lines.append(
        f"{rounds} rounds, median (lowest to highest). Largest differences from the straight way in"
        f" {NIGHT[::20].size * len(SITES):,} site-minutes: {worst[:, :4].max():.4f} deg,"
        f" {worst[:, 4].max():.4f} deg of magnetic latitude, {worst[:, 5].max():.4f} h."
    )
    return "\n".join(lines)


def test_one_night_at_every_site(benchmark):
    found = benchmark(ours, NIGHT)
    assert found.shape == (len(SITES), 6, NIGHT.size)
    assert np.isfinite(found).all()


def test_the_straight_way_agrees():
    some = NIGHT[::100]
    difference = np.abs(straight(some) - ours(some))
    assert difference[:, :4].max() < 0.05
    assert difference[:, 5].max() < 0.02


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--winters", type=int, default=1)
    options = parser.parse_args()
    sys.stdout.write(compare(options.rounds, options.winters) + "\n")


if __name__ == "__main__":
    main()
