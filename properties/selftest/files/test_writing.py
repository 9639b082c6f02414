"""Whatever the project writes into one file is there whole or not at all, and nothing but a file is replaced by it."""

import os
from pathlib import Path

import pytest

from properties.proof import certificate
from zoo.cost import picture
from zoo.errors import FileError, ModelError
from zoo.writing import check_room, write_whole


def test_a_file_is_written_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    check_room(path)
    assert list(tmp_path.iterdir()) == []
    write_whole(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "two \ud800")  # fails half way
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "one")]


def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    for name in ("certificate.json", "picture.svg"):
        target, link = tmp_path / f"target {name}", tmp_path / name
        link.symlink_to(target)
        if name == "picture.svg":
            picture.write(link, "<svg/>")
        else:
            certificate.check_path(link)
            certificate.write({}, link)
        assert link.is_symlink()
        assert target.read_text() in ("<svg/>", "{}\n")


def test_a_certificate_takes_the_place_of_no_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="pipe cannot be written: it is a device"):
        certificate.check_path(tmp_path / "pipe")


def test_what_cannot_be_written_is_said_before_anything_is_spent_on_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be written: File name too long"):
        certificate.check_path(tmp_path / ("x" * 300))
    with pytest.raises(FileError, match=r"cannot be written \(File name too long\)"):
        picture.check(tmp_path / f"{'x' * 300}.svg")


def test_a_link_to_itself_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "picture.svg"
    link.symlink_to(link)
    picture.write(link, "<svg/>")
    assert link.read_text() == "<svg/>"
