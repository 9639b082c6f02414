"""Ctrl-C: one line, status 130, and no file that is half there."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

import zoo
from properties.command import look
from properties.command.main import main
from zoo import files
from zoo.distill import native
from zoo.files import directories
from zoo.writing import check_room, write_whole

# Two tokens vote, and the rule looks at every one: there are as many cases as contexts.
SLOW = """
import numpy as np
from zoo import Attention, Basis, Model, Transformer, move

def rule(context):
    a = sum(token == "a" for token in context)
    return {"a"} if 2 * a > len(context) else {"b"} if 2 * a < len(context) else {"a", "b"}

basis = Basis(tok="ab", vote=1)
tok, vote = basis["tok"], basis["vote"][0]
votes = Attention(np.zeros((1, 3, 1)), np.zeros((1, 3, 1)), [move(tok, [[1], [-1]])], [move(np.ones(1), vote)])
MODEL = Model("votes", "ab", Transformer(tok, np.zeros((N, 3)), [votes], unembedding=[vote, -vote]), rule=rule)
print("loaded", flush=True)
"""
# A parent that runs in the background may have been told to ignore it.
START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from handmade_zoo import main; sys.exit(main())"
)


def interrupted(folder: Path, n_ctx: int, *arguments: str, after: Callable[[], bool] = lambda: True) -> str:
    """What the command says on the error stream where it is interrupted a quarter of a second after that."""
    (folder / "slow.py").write_text(SLOW.replace("N,", f"{n_ctx},"))
    command = [sys.executable, "-c", START, *arguments]
    run = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == "loaded\n"
        while not after():
            assert run.poll() is None
            time.sleep(0.01)
        time.sleep(0.25)
        run.send_signal(signal.SIGINT)
        _, error = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130
    return error


@pytest.mark.parametrize(
    "arguments", [["verify", "--method", "prove"], ["verify", "--certificate", "c"], ["show", "--robustness"]]
)
def test_a_proof_that_is_interrupted(arguments: list[str], tmp_path: Path) -> None:
    assert interrupted(tmp_path, 40, arguments[0], "slow.py", *arguments[1:]) == "zoo: interrupted\n"
    assert {path.name for path in tmp_path.iterdir()} <= {"slow.py", "__pycache__"}


def test_an_export_that_is_interrupted(tmp_path: Path) -> None:
    """While its answers are compared, and it has no name."""

    def written() -> bool:
        return any(path.name.startswith(".out") for path in tmp_path.iterdir())

    said = interrupted(tmp_path, 17, "export", "slow.py", "out", "--format", "gpt2", after=written)
    assert said == "zoo: interrupted\n"
    assert {path.name for path in tmp_path.iterdir()} <= {"slow.py", "__pycache__"}


@pytest.mark.parametrize("command", [["verify", "ab", "--certificate"], ["inspect", "ab", "--svg"]])
@pytest.mark.parametrize("at", ["write_text", "replace", "touch"])
@pytest.mark.parametrize("before", ["before", None])
def test_a_file_that_is_interrupted(
    command: list[str],
    at: str,
    before: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is as it was; and what was written of the new one is gone."""
    path = tmp_path / "file.svg"
    if before is not None:
        path.write_text(before)
    interrupts = 0

    def interrupt(self: Path, *_: object, **__: object) -> None:
        nonlocal interrupts
        if self.parent == tmp_path:
            interrupts += 1
            self.write_bytes(b"half")
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, at, interrupt)
        status = main([*command, str(path)])
    assert interrupts == 1
    assert (status, capsys.readouterr().err) == (130, "zoo: interrupted\n")
    assert [one.read_text() for one in tmp_path.iterdir()] == [before] * (before is not None)


# Interrupts as soon as a module of that name is looked for.
AT = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupt:
    def find_spec(self, name, *_):
        if name == MODULE:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.argv = ["zoo", "list"]
runpy.run_module("handmade_zoo", run_name="__main__")
"""


@pytest.mark.parametrize(
    "module",
    ["properties", "numpy", "numpy._core._multiarray_umath", "zoo.models", "properties.command.look"],
)
def test_imports_that_are_interrupted(module: str) -> None:
    run = subprocess.run([sys.executable, "-c", AT.replace("MODULE", repr(module))], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "zoo: interrupted\n")


def test_what_the_command_imports_before_it_can_be_interrupted() -> None:
    [script] = metadata.entry_points(group="console_scripts", name="zoo")
    code = f"import sys; before = set(sys.modules); import {script.module}; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in run.stdout.split()} - sys.stdlib_module_names == {"handmade_zoo"}


def test_the_status_where_python_itself_runs_text(tmp_path: Path) -> None:
    """As it does to make a dataclass, in an import that is interrupted."""
    (tmp_path / "run.py").write_text(
        "import sys\nfrom properties.command import look, main\n"
        "look.list_models = lambda options: exec('raise KeyboardInterrupt')\nsys.exit(main(['list']))\n"
    )
    path = os.pathsep.join([*sys.path, str(tmp_path)])
    environment = os.environ | {"PYTHONPATH": path}
    run = subprocess.run([sys.executable, "-m", "run"], env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (130, "zoo: interrupted\n")


def test_an_interrupt_that_python_drops_comes_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it drops what is raised in a generator that is closed because nothing needs its next value."""

    def closed() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise KeyboardInterrupt

    def run(options: object) -> int:
        next(closed())  # it is freed here
        time.sleep(20)
        return 0

    monkeypatch.setattr(look, "list_models", run)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have told this to ignore it
    try:
        assert main(["list"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "zoo: interrupted\n"


def test_what_is_written_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "x", "é")
    write_whole(tmp_path / "x", "é\n")
    check_room(tmp_path / "y")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"\xc3\xa9\n")]
    for function in (check_room, lambda path: write_whole(path, "")):
        with pytest.raises(FileNotFoundError):
            function(tmp_path / "absent" / "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "x"]


@pytest.mark.parametrize("when", ["_fill", "_compare"])
def test_a_directory_that_is_interrupted(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = getattr(directories, when)

    def interrupt(*arguments: object) -> None:
        done(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(directories, when, interrupt)
    for write in (files.write_zoo, files.write_gpt2):
        with pytest.raises(KeyboardInterrupt):
            write(zoo.load("ab"), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is as it is for the command."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_a_function_that_c_calls_is_not_lost() -> None:
    called: list[str] = []

    def function() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        called.append("to its end")

    with pytest.raises(KeyboardInterrupt), native.undisturbed():
        ctypes.CFUNCTYPE(None)(function)()  # which prints what is raised in it, and goes on
    assert called == ["to its end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with native.undisturbed():
        pass


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(find_spec("unicorn") is None, reason="unicorn is not installed: pip install handmade-zoo[emulator]")
def test_the_emulator_calls_from_c() -> None:
    emulator, handlers = native.Emulator("mov dl,'a'"), []

    def look(*_: object) -> None:
        handlers.append(signal.getsignal(signal.SIGINT))
        os.kill(os.getpid(), signal.SIGINT)

    emulator._machine.hook_add(4, look, begin=emulator._at, end=emulator._end - 1)  # for each instruction
    with pytest.raises(KeyboardInterrupt):
        emulator.run(b"a")
    assert handlers != [signal.default_int_handler]
    assert len(handlers) == 1
