"""Files of results: the columns promised, whole or not at all."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.errors import ArchiveError
from auroral_stats.occurrence import occurrence
from auroral_stats.tables import CSV_COLUMNS, to_table, write_csv, write_json, write_netcdf

ONE = (
    "driver,bin,lower,upper,label,rate,ci_low,ci_high,events,exposure,nights,availability,masked,"
    "simulated"
)
TWO = ONE.replace("upper,", "upper,driver2,bin2,lower2,upper2,")


@pytest.fixture(scope="module")
def result(joined):
    return occurrence(joined, "Bz")


def test_columns_in_the_order_promised(joined, result, tmp_path):
    assert ",".join(CSV_COLUMNS) == ONE
    path = write_csv(result, tmp_path / "one.csv")
    assert path.read_text().splitlines()[0] == ONE
    path = write_csv(occurrence(joined, ["Bz", "Kp"]), tmp_path / "two.csv")
    assert path.read_text().splitlines()[0] == TWO


def test_csv_holds_what_the_result_holds(result, tmp_path):
    table = pd.read_csv(write_csv(result, tmp_path / "rates.csv"))
    assert len(table) == result.sizes["bin"] * result.sizes["label"]
    for row in table.itertuples():
        cell = result.sel(bin=row.bin, label=row.label)
        np.testing.assert_allclose(row.rate, cell["rate"])
        assert row.events == int(cell["events"])
        assert row.exposure == int(cell["exposure"])
        assert row.masked == bool(cell["masked"])
        assert row.simulated
    assert set(table["driver"]) == {"Bz"}


def test_edges_are_numbers_or_empty(joined, result, tmp_path):
    path = write_csv(result, tmp_path / "rates.csv")
    for row in csv.DictReader(path.open()):
        if row["bin"] == "missing":
            assert row["lower"] == row["upper"] == ""
        else:
            assert float(row["lower"]) < float(row["upper"])
    path = write_csv(occurrence(joined, "site"), tmp_path / "sites.csv")
    assert {row["lower"] + row["upper"] for row in csv.DictReader(path.open())} == {""}


def test_masked_rows_keep_every_number(result):
    table = to_table(result)
    held = table[table["exposure"] > 0]
    assert held["masked"].all()
    assert held[["rate", "availability"]].notna().all().all()


def test_json_carries_everything_and_is_strict(result, tmp_path):
    path = write_json(result, tmp_path / "rates.json")

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["provenance"]["simulated"] == "true"
    assert content["provenance"]["lag_minutes"] == "10"
    assert content["units"]["exposure"] == "frames"
    row = next(r for r in content["rows"] if r["bin"] == "[0, 2)" and r["label"] == "arc")
    for name in ("rate", "lift", "risk_ratio_low", "rate_standardised", "rate_moon_any"):
        np.testing.assert_allclose(row[name], result[name].sel(bin="[0, 2)", label="arc"))
    assert {r["band"] for r in content["bands"]} == {"62-70", ">70"}
    assert len(content["overall"]) == 4


def test_netcdf_round_trip(result, tmp_path):
    with xr.open_dataset(write_netcdf(result, tmp_path / "rates.nc")) as back:
        xr.testing.assert_equal(back.load(), result)
        assert back.attrs["simulated"] == "true"
        assert back.attrs["software"].startswith("auroral_stats ")


@pytest.mark.parametrize("write", [write_csv, write_json, write_netcdf])
def test_nothing_half_written_is_left(result, tmp_path, write):
    (tmp_path / "taken").mkdir()
    with pytest.raises(ArchiveError, match=r"taken: cannot be written .* choose another place"):
        write(result, tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
    path = tmp_path / "old"
    write(result, path)
    before = path.read_bytes()
    broken = result.assign(rate=result["rate"].astype(object))
    broken["rate"][0, 0] = {1, 2}
    with pytest.raises((TypeError, ValueError, KeyError, ArchiveError)):
        write(broken, path) if write is not write_csv else write(broken.drop_vars("events"), path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old", "taken"]
