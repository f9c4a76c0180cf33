"""The simulated flag in every form that files give it, and fingerprints."""

import json

import pytest

from auroral_stats.errors import DataError
from auroral_stats.provenance import (
    combine_simulated,
    describe,
    fingerprint,
    is_simulated,
    simulated_attr,
)


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        ("true", True),
        ("True", True),
        (1, True),
        (["true"], True),
        ("yes", True),
        (False, False),
        ("false", False),
        (0, False),
        ("", False),
        ([], False),
    ],
)
def test_flag_in_every_form(value, flag):
    assert is_simulated({"simulated": value}) is flag
    assert is_simulated({"simulated": simulated_attr(flag)}) is flag


def test_unclear_flag_is_refused():
    with pytest.raises(DataError, match="expected 'true' or 'false'"):
        is_simulated({"simulated": "partly"})


def test_no_mixture():
    assert combine_simulated({}) is False
    assert combine_simulated({"a": True, "b": True}) is True
    with pytest.raises(DataError, match="simulated OMNI, real the labels"):
        combine_simulated({"the labels": False, "OMNI": True})


def test_attributes_are_strings_that_can_be_read_back():
    attrs = describe("x", parameters={"bins": [1, 2]}, simulated=False, omni_level=None, more=3)
    assert all(isinstance(value, str) for value in attrs.values())
    assert json.loads(attrs["parameters"]) == {"bins": [1, 2]}
    assert "omni_level" not in attrs
    assert {"python", "numpy", "xarray"} <= set(json.loads(attrs["versions"]))


def test_fingerprint_follows_content_order_and_limits():
    whole = fingerprint([b"Bz", b"12"])
    assert whole == fingerprint(iter([b"Bz", b"12"]))
    assert (
        len({whole, *map(fingerprint, ([b"Bz", b"13"], [b"12", b"Bz"], [b"Bz12"], [b"Bz1", b"2"]))})
        == 5
    )
    assert len(whole) == 16
