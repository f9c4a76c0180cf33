"""Inflating: the same from every library, and nothing that a checksum does not vouch for."""

from __future__ import annotations

import bz2
import gzip
import random
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.errors import UsageError
from classifier import inflate as room
from classifier.inflate import BACKENDS, Inflated, available_backends, inflate

BACKEND = [
    pytest.param(name, marks=pytest.mark.skipif(name not in available_backends(), reason="absent"))
    for name in BACKENDS
]


def text(seed: int, size: int = 3000) -> bytes:
    """Bytes that compress, but not to nothing: blocks with Huffman codes of their own."""
    return bytes(random.Random(seed).choices(range(64), weights=range(1, 65), k=size))


A, B = text(1), text(2, 1700)
GZ_A, GZ_B = gzip.compress(A, mtime=0), gzip.compress(B, mtime=0)


def plain(found: Inflated) -> tuple[bytes, str, bool]:
    return bytes(found.data), found.fault, found.cut


def with_header(flags: int, extra: bytes) -> bytes:
    """Return A as a gzip member with optional fields in its header."""
    return GZ_A[:3] + bytes([flags]) + GZ_A[4:10] + extra + GZ_A[10:]


def header_crc(flags: int, extra: bytes) -> bytes:
    head = GZ_A[:3] + bytes([flags]) + GZ_A[4:10] + extra
    return extra + struct.pack("<H", zlib.crc32(head) & 0xFFFF)


SOUND = {
    "one member": (GZ_A, A),
    "two members": (GZ_A + GZ_B, A + B),
    "the same member twice": (GZ_A + GZ_A, A + A),
    "first and last alike": (GZ_A + GZ_B + GZ_A, A + B + A),
    "alike, but compressed differently": (
        gzip.compress(A, 1) + GZ_B + gzip.compress(A, 9),
        A + B + A,
    ),
    "zeros behind": (GZ_A + bytes(512), A),
    "an empty member": (gzip.compress(b""), b""),
    "an empty member behind": (GZ_A + gzip.compress(b""), A),
    "an empty member in front": (gzip.compress(b"") + GZ_A, A),
    "stored, not compressed": (gzip.compress(A, 0), A),
    "a name": (with_header(8, b"a name\0"), A),
    "a long name": (with_header(8, b"n" * 5000 + b"\0"), A),
    "all fields": (with_header(31, header_crc(31, b"\5\0extra" + b"name\0" + b"remark\0")), A),
}


@pytest.mark.parametrize("backend", BACKEND)
@pytest.mark.parametrize("case", SOUND)
def test_sound_files(backend: str, case: str) -> None:
    raw, expected = SOUND[case]
    assert gzip.decompress(raw) == expected
    assert plain(inflate(raw, backend=backend)) == (expected, "", False)
    assert plain(inflate(memoryview(bytearray(raw)), backend=backend)) == (expected, "", False)


FAULTY = {
    "wrong CRC": (GZ_A[:-8] + b"\0\0\0\0" + GZ_A[-4:], b"", "CRC-32 mismatch"),
    "wrong length": (GZ_A[:-4] + b"\1\0\0\0", A, "length stored behind"),
    "length zero": (GZ_A[:-4] + bytes(4), A, "length stored behind"),
    "length of gigabytes": (GZ_A[:-4] + b"\xff\xff\xff\xff", A, "length stored behind"),
    "rubbish behind": (GZ_A + b"rubbish", A, "7 bytes behind"),
    "its own end behind": (GZ_A + b"rubbish" + GZ_A[-8:], A, "15 bytes behind"),
    "its own end twice": (GZ_A + GZ_A[-8:], A, "8 bytes behind"),
    "second member damaged": (GZ_A + GZ_B[:-8] + bytes(8), A, "CRC-32 mismatch"),
    "first member damaged": (GZ_A[:-8] + bytes(8) + GZ_B, b"", "CRC-32 mismatch"),
    "reserved flag": (with_header(0x20, b""), b"", "header is damaged"),
    "other method": (GZ_A[:2] + b"\7" + GZ_A[3:], b"", "header is damaged"),
    "wrong checksum of the header": (with_header(2, b"ab"), b"", "header is damaged"),
    "header without end": (with_header(8, b"n" * 50)[:40], b"", "header is damaged"),
    "only the magic number": (b"\x1f\x8b", b"", "header is damaged"),
}


@pytest.mark.parametrize("backend", BACKEND)
@pytest.mark.parametrize("case", FAULTY)
def test_faulty_files(backend: str, case: str) -> None:
    raw, expected, fault = FAULTY[case]
    found = inflate(raw, backend=backend)
    assert found.data == expected
    assert fault in found.fault
    assert not found.cut


def is_whole(size: int) -> bool:
    return size in {len(A), len(B)}


@pytest.mark.parametrize("backend", BACKEND)
def test_a_file_cut_anywhere_gives_what_came_before(backend: str) -> None:
    for length in range(30, len(GZ_A)):
        found = inflate(GZ_A[:length], backend=backend, believable=is_whole)
        assert found.cut, length
        assert found.fault == "the gzip data are cut short"
        assert A.startswith(bytes(found.data))
    # Nearly all of what went in comes out: codes take about six bits a byte.
    assert len(inflate(GZ_A[: len(GZ_A) // 2], believable=is_whole).data) > 0.4 * len(A)
    found = inflate((GZ_A + GZ_B)[:-100], backend=backend, believable=is_whole)
    assert found.data.startswith(A)
    assert found.cut


@given(
    st.integers(12, len(GZ_A) - 15), st.integers(1, 255), st.sampled_from([1, 2, 7]), st.booleans()
)
@settings(max_examples=300)
def test_altered_data_never_pass(at: int, change: int, length: int, lengthen: bool) -> None:
    """A byte changed, or some lost or repeated, in front of an intact end."""
    changed = GZ_A[:at] + bytes([GZ_A[at] ^ change]) + GZ_A[at + 1 :]
    moved = GZ_A[:at] + (GZ_A[at : at + length] * 2 if lengthen else b"") + GZ_A[at + length :]
    for raw in (changed, moved):
        results = {
            plain(inflate(raw, backend=b, believable=is_whole)) for b in available_backends()
        }
        assert len(results) == 1
        ((data, fault, _),) = results
        assert data in {b"", A}
        assert fault or data == A


@given(
    st.sampled_from([raw for raw, _ in SOUND.values()]),
    st.lists(
        st.tuples(
            st.sampled_from(["flip", "drop", "insert", "repeat", "cut"]),
            st.floats(0, 1, exclude_max=True),
            st.binary(min_size=1, max_size=12),
        ),
        max_size=3,
    ),
)
@settings(max_examples=300)
def test_all_libraries_give_the_same(raw: bytes, changes: list[tuple[str, float, bytes]]) -> None:
    for kind, where, what in changes:
        at, size = int(where * len(raw)), len(what)
        if kind == "flip":
            raw = raw[:at] + what[: len(raw) - at] + raw[at + size :]
        elif kind == "cut":
            raw = raw[:at]
        else:
            middle = {"drop": b"", "insert": what, "repeat": raw[at : at + size] * 2}[kind]
            raw = raw[:at] + middle + raw[at + (0 if kind == "insert" else size) :]
    results = {plain(inflate(raw, backend=name)) for name in available_backends()}
    assert len(results) == 1


def test_whole_files_do_not_take_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Inflated:
        raise AssertionError("slow way")

    monkeypatch.setattr(room, "_members", never)
    for backend in set(available_backends()) - {"zlib"}:
        assert inflate(GZ_A, backend=backend).data == A


def test_bzip2() -> None:
    big = text(3, 400_000) + bytes(700_000) + text(4, 400_000)
    raw = bz2.compress(big, 1)
    assert plain(inflate(raw)) == (big, "", False)
    assert plain(inflate(raw + bz2.compress(A))) == (big + A, "", False)
    for share in (0.3, 0.6, 0.95):
        found = inflate(raw[: int(share * len(raw))])
        assert found.cut
        assert found.fault == "the bzip2 data are cut short"
        assert big.startswith(bytes(found.data))
    assert len(found.data) > len(big) // 2
    for at in range(0, len(raw), len(raw) // 23):
        altered = raw[:at] + bytes([raw[at] ^ 16]) + raw[at + 1 :]
        found = inflate(altered)
        if at < 4:
            continue
        assert found.fault == "the bzip2 data are damaged"
        assert big.startswith(bytes(found.data))
    assert "damaged" in inflate(raw + b"rubbish").fault


@pytest.mark.parametrize("raw", [b"", b"P", b"P5\n and so on", bytes(20)])
def test_anything_else_is_returned_as_it_is(raw: bytes) -> None:
    assert plain(inflate(raw)) == (raw, "", False)


@pytest.mark.parametrize("backend", BACKEND)
def test_more_than_the_limit_is_not_inflated(backend: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    found = inflate(bomb, backend=backend, limit=1_000_000)
    assert plain(found) == (b"", "the file holds more than 1,000,000 bytes", False)
    assert len(inflate(bomb, backend=backend, limit=10_000_000).data) == 10_000_000
    found = inflate(GZ_A + bomb, backend=backend, limit=1_000_000)
    assert (found.data, found.fault) == (A, "the file holds more than 1,000,000 bytes")
    assert "more than" in inflate(bz2.compress(bytes(10_000_000)), limit=1_000_000).fault


def test_unknown_and_absent_libraries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="expected one of libdeflate, isal, zlib"):
        inflate(GZ_A, backend="pigz")
    monkeypatch.setattr(room, "available_backends", lambda: ("zlib",))
    assert inflate(GZ_A).data == A
    with pytest.raises(UsageError, match="pip install deflate"):
        inflate(GZ_A, backend="libdeflate")
