"""The truth is what many worlds give on average."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auroral_stats.bins import bins_from_edges
from auroral_stats.drivers import DRIVERS
from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.lagging import lagged
from auroral_stats.simulation import ground_field, truth
from auroral_stats.simulation.demo_plan import DemoPlan
from auroral_stats.simulation.forms_world import minute_forms
from auroral_stats.simulation.season import (
    simulate_season,
    site_forms,
    site_labels,
    station_field,
)
from auroral_stats.simulation.solar_wind import gap_mask

WORLDS = 36


@pytest.fixture(scope="module")
def plan():
    # Four nights, with the Moon down in the evening and up in the morning.
    made = DemoPlan(
        sites=("gill", "rank", "atha"),
        nights=4,
        margin_days=1,
        frame_seconds=20,
        field_seconds=60,
        fast_seconds=0,
        truth_runs=80,
    )
    return replace(made, winters=made.winters[:1])


@pytest.fixture(scope="module")
def tables(plan):
    return truth.truth_tables(plan, 7)


def one_world(plan, seed):
    """Frames by site, Bz bin and class, and minutes and exceedances by class, from drawn labels."""
    season = simulate_season(plan, seed, 0)
    calendar = season.calendar
    bins = bins_from_edges(DRIVERS["Bz"].edges)
    bz = np.where(
        gap_mask(np.random.default_rng([seed, 1]), calendar.time.size), np.nan, season.wind.bz
    )
    at = lagged(bz, calendar.time, calendar.time, cadence=1, lag=10, window=60)
    row = bins.index(at)
    frames = np.zeros((len(plan.sites), len(bins), len(CLASSES)))
    minutes = np.zeros((len(USABLE), 1 + len(truth.THRESHOLDS)))
    for site in range(len(plan.sites)):
        sequence = site_forms(plan, season, site)
        time, label = site_labels(plan, season, sequence, site)
        minute = ((time - calendar.time[0]) // np.timedelta64(1, "m")).astype(int)
        lit = (calendar.moon[:, site] > 0) & (calendar.illumination >= 0.3)
        keep = ((calendar.sun[:, site] <= -12) & ~lit)[minute]
        np.add.at(frames[site], (row[minute[keep]], label[keep]), 1)
        ((_, field),) = station_field(plan, season, sequence, site)
        rate = np.hypot(*np.diff(field[:, :2], axis=0, prepend=np.nan).T) / 60
        form = minute_forms(sequence.form, plan.frames_per_minute)
        seen = np.unique(minute[keep & np.isin(label, [CLASSES.index(c) for c in USABLE])])
        seen = seen[np.isfinite(rate[seen])]
        for k in range(len(USABLE)):
            mine = rate[seen[form[seen] == k]]
            minutes[k] += [mine.size, *((mine > x).sum() for x in truth.THRESHOLDS)]
    return frames, minutes


@pytest.fixture(scope="module")
def worlds(plan):
    frames, minutes = zip(*(one_world(plan, 100 + k) for k in range(WORLDS)), strict=True)
    return np.stack(frames), np.stack(minutes)


def test_rates_are_those_of_many_worlds(plan, tables, worlds):
    rates, _ = tables
    usable = worlds[0][..., [CLASSES.index(name) for name in USABLE]]
    compared = []
    for band, site in (("all", slice(None)), ("62-70", [0]), (">70", [1]), ("<62", [2])):
        inside = usable[:, site].sum(axis=1)
        part = rates[rates["band"] == band]
        shape = inside.shape[1:]
        assert part["label"].tolist() == list(USABLE) * shape[0]
        expected = part["rate"].to_numpy().reshape(shape)
        error = part["standard_error"].to_numpy().reshape(shape)
        total = inside.sum(axis=(0, 2))
        rate = inside.sum(axis=0) / total[:, None]
        left = inside - rate * inside.sum(axis=2, keepdims=True)
        spread = np.sqrt((left**2).sum(axis=0)) / total[:, None]
        # bins that a good part of the worlds fill: the others have no normal error
        common = (inside.sum(axis=2) > 200).sum(axis=0) > 0.6 * WORLDS
        compared.append(((rate - expected) / np.hypot(spread, error))[common])
    z = np.concatenate([part.ravel() for part in compared])
    assert z.size >= 4 * 4 * 4
    assert np.abs(z).max() < 4.5
    assert (z**2).mean() < 2.0


def test_crude_ratios_are_those_of_many_worlds(tables, worlds):
    _, ratios = tables
    minutes = worlds[1]
    total = minutes.sum(axis=0)
    for label in ("arc", "diffuse", "discrete"):
        own = USABLE.index(label)
        others = [k for k in range(3) if k != own]
        for column, threshold in enumerate(truth.THRESHOLDS[:2], start=1):
            share = total[own, column] / total[own, 0]
            control = total[others, column].sum() / total[others, 0].sum()
            leave = minutes.sum(axis=0) - minutes
            each = leave[:, own, column] / leave[:, own, 0]
            each /= leave[:, others, column].sum(axis=1) / leave[:, others, 0].sum(axis=1)
            error = np.sqrt((np.log(each / (share / control)) ** 2).sum())
            row = ratios.query(
                "label == @label and control == 'auroral' and threshold == @threshold"
            ).iloc[0]
            expected = np.log(row["crude_rr"])
            assert np.log(share / control) == pytest.approx(expected, abs=4 * error), (
                label,
                threshold,
            )


def test_ratios_are_what_they_should_be(tables):
    _, ratios = tables
    rr = ratios.set_index(["label", "control", "threshold"])["rr"]
    crude = ratios.set_index(["label", "control", "threshold"])["crude_rr"]
    for threshold in truth.THRESHOLDS:
        assert 1.4 < rr["discrete", "auroral", threshold] < 3.5
        assert 0.6 < rr["arc", "auroral", threshold] < 1.1
        assert 0.3 < rr["diffuse", "auroral", threshold] < 0.75
        # the driver brings both, so that a comparison that does not match is wrong
        assert crude["discrete", "auroral", threshold] > 1.2 * rr["discrete", "auroral", threshold]
        assert crude["discrete", "clear", threshold] > 1.5 * rr["discrete", "clear", threshold]


def test_forms_that_do_nothing_have_a_ratio_of_one(plan, monkeypatch):
    monkeypatch.setattr(ground_field, "FORM_SCALE", dict.fromkeys(USABLE, 1.0))
    _, ratios = truth.truth_tables(replace(plan, truth_runs=3), 0)
    np.testing.assert_allclose(ratios["rr"], 1.0)
    np.testing.assert_allclose(ratios["standard_error"], 0.0, atol=1e-12)
    assert (np.abs(ratios["crude_rr"] - 1) > 0.1).sum() >= 12


def test_tables_say_what_they_are(plan, tables):
    rates, ratios = tables
    assert rates["simulated"].all()
    assert ratios["simulated"].all()
    assert list(rates)[-1] == list(ratios)[-1] == "simulated"
    assert rates["band"].unique().tolist() == ["all", "<62", "62-70", ">70"]
    sums = rates.groupby(["band", "bin"])["rate"].sum()
    np.testing.assert_allclose(sums[sums > 0], 1.0)
    short = replace(plan, truth_runs=2)
    one, two, other = (truth.truth_tables(short, seed)[0] for seed in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


def test_more_realisations_make_the_truth_surer(plan, tables):
    few = truth.truth_tables(replace(plan, truth_runs=12), 3)[0]["standard_error"]
    many = tables[0]["standard_error"]
    assert np.nanmedian(few / many) == pytest.approx(np.sqrt(80 / 12), rel=0.35)
