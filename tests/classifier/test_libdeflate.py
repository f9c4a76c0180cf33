"""libdeflate's functions: where a member ended, and nothing written beyond what was offered."""

from __future__ import annotations

import gzip
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from classifier import libdeflate
from classifier.libdeflate import gunzip_member, is_available

MEMBER = gzip.compress(random.Random(0).randbytes(5000) + bytes(5000), mtime=0)
CONTENT = gzip.decompress(MEMBER)

pytestmark = pytest.mark.skipif(not is_available(), reason="no libdeflate on this platform")


def test_the_package_that_is_required_brings_the_functions() -> None:
    """Without this, labelling on Linux would silently take twice as long."""
    pytest.importorskip("deflate")
    if sys.platform != "linux":
        pytest.skip("exported symbols are sure on Linux alone")
    assert any("deflate" in path for path in libdeflate._candidates())


def test_it_says_where_a_member_ends() -> None:
    out = np.empty(len(CONTENT), np.uint8)
    for behind in (b"", b"rubbish", MEMBER, MEMBER[-8:]):
        assert gunzip_member(MEMBER + behind, out) == (len(MEMBER), len(CONTENT))
        assert out.tobytes() == CONTENT


def test_memory_beyond_what_is_offered_stays_as_it_is() -> None:
    whole = np.full(len(CONTENT) + 4096, 7, np.uint8)
    assert gunzip_member(memoryview(bytearray(MEMBER)), whole[: len(CONTENT)])
    assert (whole[len(CONTENT) :] == 7).all()
    whole[:] = 7
    assert gunzip_member(MEMBER, whole[: len(CONTENT) - 1]) is None
    assert (whole[len(CONTENT) - 1 :] == 7).all()


@pytest.mark.parametrize("cut", [0, 1, 9, 17, 100, len(MEMBER) - 1])
def test_what_is_not_whole_gives_nothing(cut: int) -> None:
    assert gunzip_member(MEMBER[:cut], np.empty(len(CONTENT), np.uint8)) is None


def test_a_wrong_checksum_gives_nothing() -> None:
    for at in (-8, -4):
        damaged = bytearray(MEMBER)
        damaged[at] ^= 1
        assert gunzip_member(bytes(damaged), np.empty(len(CONTENT), np.uint8)) is None


def test_threads_do_not_disturb_each_other() -> None:
    members = [gzip.compress(random.Random(seed).randbytes(60_000), 1) for seed in range(8)]

    def content(which: int) -> bytes:
        out = np.empty(60_000, np.uint8)
        assert gunzip_member(members[which % 8], out)
        return out.tobytes()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(content, range(400)))
    assert found == [random.Random(which % 8).randbytes(60_000) for which in range(400)]


def test_no_memory_is_lost() -> None:
    memory = Path("/proc/self/statm")
    if not memory.exists():
        pytest.skip("no /proc here")

    def pages() -> int:
        return int(memory.read_text().split()[1])

    out = np.empty(len(CONTENT), np.uint8)
    for _ in range(500):
        gunzip_member(MEMBER, out)
    before = pages()
    for _ in range(20_000):
        gunzip_member(MEMBER, out)
    # An engine takes some 3 pages: 60,000 if none were given back.
    assert pages() - before < 2000


def test_the_lock_of_python_is_free_meanwhile() -> None:
    member = gzip.compress(random.Random(1).randbytes(30_000_000), 1)
    out = np.empty(30_000_000, np.uint8)
    ticks = 0
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: [gunzip_member(member, out) for _ in range(20)])
        while not work.done():
            ticks += 1
            time.sleep(0.001)
    assert all(work.result())
    assert ticks > 3
