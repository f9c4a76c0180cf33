"""The table of sites, the user's own sites, and the bands of magnetic latitude."""

import csv
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from auroral_stats.sites import BANDS, SITES_VARIABLE, band, check_sites, load_sites

QUANTITIES = ("name", "latitude", "longitude", "gmag_network", "gmag", "gmag_alternate")


@pytest.fixture(autouse=True)
def _only_packaged_sites(monkeypatch):
    monkeypatch.delenv(SITES_VARIABLE, raising=False)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_table_holds_the_24_themis_sites_with_names_and_places():
    sites = load_sites()
    assert len(sites) == 24
    assert sites.index.name == "site"
    assert sites.loc["gill", "name"] == "Gillam"
    assert sites.loc["nrsq", "name"] == "Narsarsuaq"
    assert sites["latitude"].between(49, 70).all()
    assert sites["longitude"].between(-180, -40).all()
    np.testing.assert_allclose(sites["longitude"] % 360, sites["longitude_east"])


def test_every_value_has_a_source():
    sites = load_sites()
    for quantity in QUANTITIES:
        present = sites[quantity].astype(str) != ""
        assert (sites.loc[present, f"{quantity}_source"].str.len() > 10).all(), quantity


def test_alternate_magnetometers_stand_beside_the_paired_one_and_never_replace_it():
    sites = load_sites()
    assert (sites["gmag"] == sites.index).all()
    alternates = sites.loc[sites["gmag_alternate"] != "", "gmag_alternate"]
    assert alternates.to_dict() == {"yknf": "ykc", "atha": "mea", "nrsq": "naq"}


def test_the_two_longitudes_of_ekati_are_noted():
    ekati = load_sites().loc["ekat"]
    assert ekati["longitude_east"] == 249.33
    assert "250.667" in ekati["note"]


def test_packaged_file_is_plain_csv_with_stable_columns():
    text = resources.files("auroral_stats").joinpath("data/sites.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({row["site"] for row in rows}) == len(rows) == 24
    assert all(None not in row and None not in row.values() for row in rows)


def test_a_copy_is_returned():
    sites = load_sites()
    sites.loc["gill", "latitude"] = 0.0
    assert load_sites().loc["gill", "latitude"] == 56.354


def test_codes_are_taken_in_any_case_and_once():
    assert check_sites("GILL, rank,gill") == ("gill", "rank")
    assert check_sites(["Rank", "GILL"]) == ("rank", "gill")
    assert check_sites(code for code in ()) == ()


def test_unknown_codes_are_all_named_with_the_nearest():
    with pytest.raises(UsageError) as error:
        check_sites(["gil", "rank", "zzzz"])
    message = str(error.value)
    assert "'gil' (nearest: gill" in message
    assert "'zzzz'" in message
    assert "rank" not in message
    assert "auroral_stats sites" in message
    with pytest.raises(UsageError, match="unknown site ''"):
        check_sites("")


def test_own_sites_are_added_by_argument(tmp_path):
    path = write(tmp_path / "mine.csv", "site,name,latitude,longitude\nKIR,Kiruna,67.84,20.41\n")
    sites = load_sites(path)
    assert len(sites) == 25
    assert sites.loc["kir", ["longitude", "longitude_east", "gmag"]].to_list() == [
        20.41,
        20.41,
        "",
    ]
    assert sites.loc["kir", "latitude_source"] == str(path)
    assert sites.loc["kir", "gmag_source"] == ""
    assert check_sites("kir,gill", path) == ("kir", "gill")
    assert len(load_sites()) == 24


def test_own_sites_are_added_by_environment_and_reread_when_they_change(tmp_path, monkeypatch):
    path = write(
        tmp_path / "mine.csv",
        "site,name,latitude,longitude_east,gmag,latitude_source\nkir,Kiruna,67.84,20.41,KIR,GPS\n",
    )
    monkeypatch.setenv(SITES_VARIABLE, str(path))
    assert load_sites().loc["kir", ["gmag", "latitude_source"]].to_list() == ["kir", "GPS"]
    write(path, "site,name,latitude,longitude\nlyr,Longyearbyen,78.15,16.04\n")
    assert check_sites("LYR") == ("lyr",)
    with pytest.raises(UsageError, match="kir"):
        check_sites("kir")


def test_western_longitudes_in_either_convention_are_the_same_place(tmp_path):
    header = "site,name,latitude,"
    west = write(tmp_path / "w.csv", header + "longitude\nxx,X,60,-94.656\n")
    east = write(tmp_path / "e.csv", header + "longitude_east\nxx,X,60,265.344\n")
    for path in (west, east):
        found = load_sites(path).loc["xx"]
        assert (found["longitude"], found["longitude_east"]) == pytest.approx((-94.656, 265.344))


def test_all_faults_of_a_file_are_listed_at_once(tmp_path):
    path = write(
        tmp_path / "bad.csv",
        "site,name,latitude,longitude\n"
        "a b,Nowhere,10,10\n"
        "gill,Gillam,56,-94\n"
        "kir,,91,20\n"
        "kir,Kiruna,67,east\n"
        "lyr,Longyearbyen,nan,400\n"
        "abc,A,1,2,3\n",
    )
    with pytest.raises(DataError) as error:
        load_sites(path)
    message = str(error.value)
    assert message.startswith(str(path))
    for fault in (
        "line 2: site 'a b' is not 2 to 8 letters or digits",
        "line 3: site 'gill' is already in the package",
        "line 4: the name is empty",
        "line 4: latitude '91'",
        "line 5: site 'kir' comes twice",
        "line 5: longitude 'east'",
        "line 6: latitude 'nan'",
        "line 6: longitude '400'",
        "line 7: more values than columns",
    ):
        assert fault in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 'site' is missing"),
        ("site,name,latitude,longitude\n", "there is no site"),
        ("site,name,latitude\nxx,X,1\n", "exactly one of the columns"),
        ("site,name,latitude,longitude,longitude_east\nxx,X,1,2,2\n", "exactly one"),
        ("site,name,latitude,longitude,colour\nxx,X,1,2,red\n", "'colour' is unknown"),
        ("site,name,latitude,latitude,longitude\nxx,X,1,1,2\n", "'latitude' is unknown or given"),
        ("site,name,latitude,longitude\nxx,X\n", "latitude '' is not a number"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, message):
    path = write(tmp_path / "bad.csv", text)
    with pytest.raises(DataError, match=message):
        load_sites(path)


def test_a_file_that_is_not_there_or_not_text(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="extra: there is no file"):
        load_sites(tmp_path / "none.csv")
    monkeypatch.setenv(SITES_VARIABLE, str(tmp_path / "none.csv"))
    with pytest.raises(UsageError, match=f"{SITES_VARIABLE}: there is no file"):
        check_sites("gill")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00site")
    with pytest.raises(DataError, match="cannot be read as UTF-8"):
        load_sites(tmp_path / "binary.csv")
    with pytest.raises(DataError, match="cannot be read"):
        load_sites(tmp_path)


@given(st.floats(-90, 90))
def test_band_of_any_latitude(mlat):
    name = band(mlat)
    assert name in BANDS
    assert band(-mlat) == name
    assert (name == "62-70") == (62 <= abs(mlat) <= 70)
    assert (name == "<62") == (abs(mlat) < 62)


def test_band_of_arrays_keeps_missing_apart():
    found = band(np.array([[59.3, np.nan], [62.0, 78.4]]))
    assert found.tolist() == [["<62", ""], ["62-70", ">70"]]
    assert band(float("nan")) == ""
