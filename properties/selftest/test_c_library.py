"""Where no compiler works numpy enumerates; what is kept of a compiler's work is whole and of this machine."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import zoo
from zoo import c_library
from zoo.c_library import library
from zoo.distill.native import Compiled
from zoo.enumeration import native, paths
from zoo.errors import UnavailableError

try:
    c_library.find_compiler()
except UnavailableError as lacking:
    pytest.skip(str(lacking), allow_module_level=True)

# A library of something else.
ANOTHER = """while [ "$1" != -o ]; do shift; done; echo 'int other;' > other.c; cc -shared -fPIC -o "$2" other.c"""
SOURCE = "int answer(void) { return 42; }\n"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Path]]:
    """What is in a cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return lambda: sorted((tmp_path / "handmade-zoo").iterdir())


def compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> Path:
    """A program of the shell in the place of the compiler."""
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o700)
    monkeypatch.setenv("CC", str(path))
    return path


def test_a_library_is_compiled_once(kept: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert library(SOURCE).answer() == 42
    [first] = kept()
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    monkeypatch.setattr(c_library, "_compile", lambda *_: pytest.fail("it is kept"))
    assert library(SOURCE).answer() == 42
    for changed in (SOURCE + "\n", SOURCE):
        if changed == SOURCE:
            monkeypatch.setattr(c_library, "_machine", lambda: ["another"])
        with pytest.raises(pytest.fail.Exception):
            library(changed)


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_damaged_library_is_compiled_again(left: int, kept: Callable[[], list[Path]]) -> None:
    library(SOURCE)
    [path] = kept()
    content = path.read_bytes()
    path.unlink()  # it is loaded
    path.write_bytes(content[:left])
    assert library(SOURCE).answer() == 42
    assert path.read_bytes() == content or len(kept()) == 2


def test_a_cache_that_others_write_to_is_not_used(tmp_path: Path, kept: Callable[[], list[Path]]) -> None:
    folder = tmp_path / "handmade-zoo"
    folder.mkdir()
    folder.chmod(0o777)
    assert library(SOURCE).answer() == 42
    assert not kept()


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("echo no such thing >&2; exit 1", "no such thing"),
        ("exit 3", "status 3"),
        ("exit 0", "it makes no file"),
        ('while [ "$1" != -o ]; do shift; done; echo junk > "$2"', "should be a library"),
        ("printf half > handmade-half; kill -9 $$", "status -9"),
        ("printf '\\344\\033 in another encoding' >&2; exit 1", "\ufffd in another encoding"),
        (ANOTHER, "undefined symbol"),
    ],
)
def test_a_compiler_that_does_not_work_costs_time_alone(
    does: str,
    says: str,
    tmp_path: Path,
    kept: Callable[[], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    compiler(tmp_path, monkeypatch, does)
    monkeypatch.setattr(native, "FEWEST", 1)
    native._library.cache_clear()
    try:
        transformer = zoo.load("induction", n_ctx=4).transformer
        assert not any(len(one.doubtful) for _ in range(2) for one in paths.answers(transformer).values())
    finally:
        native._library.cache_clear()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "by numpy, which takes longer" in said
    assert says in said


@pytest.mark.parametrize(
    "does", ["exit 0", 'while [ "$1" != -o ]; do shift; done; echo junk > "$2"', "printf '\\344' >&2; exit 1", ANOTHER]
)
def test_such_a_compiler_times_nothing(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compiler(tmp_path, monkeypatch, does)
    with pytest.raises(UnavailableError, match=r"but should (be|compile C to) a library"):
        Compiled()


def test_a_cache_that_would_be_below_any_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert library(SOURCE).answer() == 42
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_without_a_compiler_numpy_does_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(native, "FEWEST", 1)
    native._library.cache_clear()
    try:
        assert len(paths.answers(zoo.load("aab", n_ctx=4).transformer)) == 4
    finally:
        native._library.cache_clear()
    assert "no C compiler is found, but cc, gcc or clang should be on the path" in capsys.readouterr().err
