"""Tables of effects and epochs: every number is that of the result, and files are whole."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.effect_tables import (
    EFFECT_COLUMNS,
    EPOCH_COLUMNS,
    effect_table,
    epoch_table,
    is_effect,
    is_epoch,
    masked_reasons,
    write_csv,
    write_json,
    write_netcdf,
)
from auroral_stats.epochs import epochs
from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.gate import Gate
from auroral_stats.geoeffectiveness import geoeffectiveness
from auroral_stats.onsets import onsets_from_labels

LOOSE = Gate(min_nights=6, min_hours=1, min_winters=1, min_sites=1)

#: Columns of the CSV that have another name in the result.
LONG = {
    "ci_low": "exceedance_low",
    "ci_high": "exceedance_high",
    "rr_low": "risk_ratio_low",
    "rr_high": "risk_ratio_high",
    "crude_rr_low": "crude_risk_ratio_low",
    "crude_rr_high": "crude_risk_ratio_high",
}


@pytest.fixture(scope="module")
def data(ground_data) -> xr.Dataset:
    return ground_data


@pytest.fixture(scope="module")
def effects(data) -> xr.Dataset:
    made = geoeffectiveness(data, "dB", match=("site", "mlt", "newell"), gate=LOOSE)
    assert 0 < int(made["masked"].sum()) < made["masked"].size
    return made


@pytest.fixture(scope="module")
def superposed(data) -> xr.Dataset:
    onsets = onsets_from_labels(data)
    return epochs(data, onsets, ("dBdt", "SYM_H"), before=20, after=30, resamples=40)


def same(text, expected) -> bool:
    return (pd.isna(text) and pd.isna(expected)) or text == pytest.approx(expected)


def test_the_csv_has_these_columns_and_a_row_for_each_class_and_threshold(effects, tmp_path):
    path = write_csv(effects, tmp_path / "effects.csv")
    assert not path.read_text().startswith("#")
    table = pd.read_csv(path)
    assert tuple(table.columns) == EFFECT_COLUMNS
    assert EFFECT_COLUMNS[0] == "measure"
    assert EFFECT_COLUMNS[-1] == "simulated"
    assert len(table) == effects["masked"].size
    assert list(table["label"].unique()) == ["arc", "diffuse", "discrete"]
    constants = {"measure": "dB", "units": "nT", "control": "auroral", "simulated": True}
    for name, value in constants.items():
        assert (table[name] == value).all()
    assert table["mediator"].isna().all()
    # masked rows keep every number, and say why
    hidden = table[table["masked"]]
    assert hidden["exceedance"].notna().all()
    assert hidden["reason"].str.contains("<").all()
    assert table[~table["masked"]]["reason"].isna().all()


def test_every_number_of_the_csv_is_that_of_the_result(effects, tmp_path):
    table = pd.read_csv(write_csv(effects, tmp_path / "effects.csv"), keep_default_na=True)
    checked = 0
    for row in table.to_dict("records"):
        cell = effects.sel(label=row["label"], threshold=row["threshold"])
        for name, value in row.items():
            known = LONG.get(name, name)
            if known in effects.data_vars and known != "reason":
                assert same(value, cell[known].item()), (row["label"], row["threshold"], name)
                checked += 1
        assert row["share_retained"] == pytest.approx(row["matched_minutes"] / row["minutes"])
        assert row["events"] == pytest.approx(row["exceedance"] * row["matched_minutes"])
    assert checked == len(table) * 28


def test_a_mediator_analysis_is_marked_in_every_row(data, tmp_path):
    made = geoeffectiveness(data, match=("site", "newell"), mediator="AE", gate=LOOSE)
    table = pd.read_csv(write_csv(made, tmp_path / "m.csv"))
    assert (table["mediator"] == "AE").all()
    assert (effect_table(made, everything=True)["mediator"] == "AE").all()


def test_json_holds_everything(effects, tmp_path):
    text = write_json(effects, tmp_path / "effects.json").read_text()
    content = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert content["provenance"]["simulated"] == "true"
    assert content["provenance"]["statement"].startswith("An association")
    assert content["units"]["median_difference"] == "nT"
    assert len(content["rows"]) == effects["masked"].size
    for row in content["rows"]:
        cell = effects.sel(label=row["label"], threshold=row["threshold"])
        for name in ("risk_ratio", "risk_ratio_low", "effective_nights", "crude_exceedance_high"):
            expected = cell[name].item()
            assert row[name] is None if np.isnan(expected) else row[name] == expected
        assert row["population"] == cell["population"].item()
    sizes = {name: len(content[name]) for name in ("balance", "curves", "baselines")}
    assert sizes == {"balance": 3 * 5 * 2, "curves": 3 * effects.sizes["x"], "baselines": 3 * 12}
    for row in content["balance"]:
        where = {key: row[key] for key in ("label", "covariate", "when")}
        assert row["balance"] == effects["balance"].sel(where).item()
    for row in content["curves"][::37]:
        one = effects.sel(label=row["label"], x=row["x"])
        assert row["control_curve"] == one["control_curve"].item()


def test_netcdf_is_the_result(effects, superposed, tmp_path):
    for name, made in (("effects", effects), ("epochs", superposed)):
        with xr.open_dataset(write_netcdf(made, tmp_path / f"{name}.nc")) as back:
            xr.testing.assert_allclose(back.load(), made)
            assert back.attrs == made.attrs


def test_epochs_have_a_row_for_each_quantity_and_lag(superposed, tmp_path):
    table = pd.read_csv(write_csv(superposed, tmp_path / "epochs.csv"))
    assert tuple(table.columns) == EPOCH_COLUMNS
    assert len(table) == 2 * 51
    assert table.groupby("of")["units"].first().to_dict() == {"SYM_H": "nT", "dBdt": "nT/s"}
    assert table["simulated"].all()
    long = {"ci_low": "mean_low", "ci_high": "mean_high"}
    for row in table.to_dict("records"):
        cell = superposed.sel(of=row["of"], lag=row["lag"])
        for name in EPOCH_COLUMNS[3:-1]:
            assert same(row[name], cell[long.get(name, name)].item()), name
    rows = json.loads(write_json(superposed, tmp_path / "epochs.json").read_text())["rows"]
    assert [row["mean"] for row in rows] == epoch_table(superposed)["mean"].tolist()


def test_without_a_band_its_columns_are_empty(data, tmp_path):
    made = epochs(data, onsets_from_labels(data), ("SYM_H",), before=5, after=5, resamples=0)
    table = pd.read_csv(write_csv(made, tmp_path / "epochs.csv"))
    assert tuple(table.columns) == EPOCH_COLUMNS
    assert table[["band_low", "band_high", "random_mean"]].isna().all(axis=None)
    assert table["mean"].notna().all()


def test_reasons_are_named_once(effects):
    hidden, reasons = masked_reasons(effects)
    assert hidden == int(effects["masked"].sum())
    assert reasons == sorted(set(reasons))
    named = {p for t in effects["reason"].to_numpy().ravel() for p in str(t).split("; ") if p}
    assert set(reasons) == named
    assert masked_reasons(effects.assign(masked=effects["masked"] & False)) == (0, [])


def test_something_else_is_refused_and_nothing_is_left(effects, superposed, joined, tmp_path):
    assert is_effect(effects)
    assert not is_effect(superposed)
    assert is_epoch(superposed)
    assert not is_epoch(effects)
    for write in (write_csv, write_json):
        with pytest.raises(UsageError, match=r"neither geoeffectiveness nor .* auroral_stats\.tab"):
            write(joined, tmp_path / "x.csv")
        with pytest.raises(ArchiveError, match=r"/dev/null/x\.csv: cannot be written"):
            write(effects, "/dev/null/x.csv")
    assert list(tmp_path.iterdir()) == []


def test_an_infinite_limit_is_text_in_json(effects, tmp_path):
    """One event on either side can have no upper limit, and JSON has no number for that."""
    open_ended = effects.assign(
        risk_ratio_high=effects["risk_ratio_high"].where(effects["threshold"] < 0, np.inf)
    )
    rows = json.loads(write_json(open_ended, tmp_path / "open.json").read_text())["rows"]
    assert {row["risk_ratio_high"] for row in rows} == {"inf"}
