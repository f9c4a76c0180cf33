"""Files whole or not at all; pipes, devices and links kept what they are."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from auroral_stats.errors import ArchiveError
from auroral_stats.whole_file import check_target, is_own_output, write_whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def text(content):
    return lambda file: file.write_text(content)


def test_a_pipe_gets_the_content_and_stays(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
    reader.start()
    assert write_whole(pipe, text("whole")) == pipe
    reader.join(10)
    assert got == ["whole"]
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe.csv"]


def test_a_device_stays_a_device():
    check_target(os.devnull)
    write_whole(os.devnull, text("whole"))
    assert Path(os.devnull).is_char_device()
    with pytest.raises(ArchiveError, match=r"^/dev/full: cannot be written \(No space left"):
        write_whole("/dev/full", text("whole"))
    assert Path("/dev/full").is_char_device()


def test_what_fails_sends_nothing(tmp_path):
    """A reader of a pipe must not take half a table for a whole one."""

    def fail(file):
        file.write_text("half")
        raise OSError(28, "No space left on device")

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Held open at both ends, so that anything sent would be waiting in it.
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(ArchiveError, match="pipe: cannot be written"):
            write_whole(pipe, fail)
        with pytest.raises(BlockingIOError):
            os.read(end, 10)
    finally:
        os.close(end)


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1", "out.txt"])
def test_our_own_output_is_not_written_over(tmp_path, target):
    """``--csv /dev/stdout > out.txt``: what is printed before and after must stay."""
    code = (
        "import sys; from auroral_stats.whole_file import write_whole\n"
        "print('before')\n"
        "write_whole(sys.argv[1], lambda file: file.write_text('table\\n'))\n"
        "print('after')"
    )
    out = tmp_path / "out.txt"
    # Printed lines wait in a buffer, as they do wherever output is no terminal.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with out.open("w") as stdout:
        subprocess.run(
            [sys.executable, "-c", code, target],
            stdout=stdout,
            cwd=tmp_path,
            env=environment,
            check=True,
        )
    assert out.read_text() == "before\ntable\nafter\n"
    assert names(tmp_path) == ["out.txt"]


def test_only_standard_output_is_our_own(tmp_path):
    assert not is_own_output(os.devnull)
    assert not is_own_output(tmp_path / "nothing.csv")
    (tmp_path / "other.csv").touch()
    assert not is_own_output(tmp_path / "other.csv")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "scratch").mkdir()
    link = tmp_path / "rates.csv"
    link.symlink_to(tmp_path / "scratch" / "real.csv")
    write_whole(link, text("one"))
    write_whole(link, text("two"))
    assert link.is_symlink()
    assert (tmp_path / "scratch" / "real.csv").read_text() == "two"
    assert names(tmp_path / "scratch") == ["real.csv"]


def test_what_is_in_the_way_is_told_beforehand(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    check_target(tmp_path / "new" / "folders" / "rates.csv")
    check_target(tmp_path / "file")
    faults = {
        tmp_path / "folder": "it is a folder",
        tmp_path / "file" / "rates.csv": "Not a directory",
        tmp_path / "file" / "sub" / "rates.csv": "Not a directory",
        tmp_path / ("x" * 300): "File name too long",
    }
    if os.geteuid():
        faults[closed / "rates.csv"] = "Permission denied"
    for path, reason in faults.items():
        with pytest.raises(ArchiveError) as caught:
            check_target(path)
        assert str(caught.value) == f"{path}: cannot be written ({reason}); choose another place."
        with pytest.raises(ArchiveError, match="cannot be written"):
            write_whole(path, text("x"))
    assert names(tmp_path) == ["closed", "file", "folder"]
    assert (tmp_path / "file").read_text() == "kept"
