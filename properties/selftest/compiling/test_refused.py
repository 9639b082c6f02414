"""What is wrong with a compiled model's files is said, in a sentence that names one of them; nothing of them is run."""

import json
import random
import shutil
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties.command.main import main
from properties.selftest.compiling.programs import FILES
from zoo import FileError, compiling

UNEMBED, EMBED = "unembed", "token_embed.embeddings"
QUERY = "transformer.layer_0.attn.query.w"


def configured(**more: Any) -> Callable[[Path], None]:
    """Other values in the JSON file; `...` takes a key out."""

    def edit(path: Path) -> None:
        about = path.with_suffix(".json")
        fields = json.loads(about.read_text()) | more
        about.write_text(json.dumps({name: value for name, value in fields.items() if value is not ...}))

    return edit


def arrays(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        with np.load(path) as loaded:
            found = dict(loaded)
        change(found)
        np.savez_compressed(path, **found)

    return edit


def changed(name: str, how: Callable[[Any], Any]) -> Callable[[Path], None]:
    return arrays(lambda found: found.update({name: how(found[name])}))


def with_nan(array: Any) -> Any:
    array[0, 0] = np.nan
    return array


def archived(name: str, content: bytes) -> Callable[[Path], None]:
    """One more file in the archive, deflated."""

    def edit(path: Path) -> None:
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)

    return edit


def npy(shape: str, descr: str = "<f4", order: str = "False", size: int = 0, pad: int = 118) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode().ljust(pad - 1) + b"\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(size)


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return edit


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def bomb(path: Path) -> None:
    archived("bomb.npy", npy("(8388608,)", size=2**25))(path)  # zeros, which take a thousandth


PAIRS = [["1", 0], ["2", 1], ["3", 2], ["compiler_bos", 3]]
CASES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no json": (lambda path: path.with_suffix(".json").unlink(), "hist.json is missing, but should be a file"),
    "no npz": (lambda path: path.unlink(), "hist.npz is missing, but should be a file"),
    "a link": (link, "is a symbolic link, but should be a file"),
    "broken json": (lambda path: path.with_suffix(".json").write_text("{"), "is no JSON"),
    "a key twice": (lambda path: path.with_suffix(".json").write_text('{"bos": 1, "bos": 2}'), "a key is there twice"),
    "no heads": (configured(num_heads=...), "num_heads is missing, but should be a whole number"),
    "half a head": (configured(num_heads=0.5), "num_heads is 0.5, but should be a whole number"),
    "heads: 0": (configured(num_heads=0), "num_heads is 0, but should be a whole number from 1 on"),
    "heads that do not divide": (configured(num_heads=2), "'transformer.layer_0.attn.query.w' has shape [18, 5], but"),
    "keys of another size": (configured(key_size=4), "has shape [18, 5], but should have [18, 4] by its configuration"),
    "fewer layers": (configured(num_layers=2), "has no array 'transformer.layer_1.attn.query.w'"),
    "layers without end": (configured(num_layers=10**5), "num_layers is 100000, but should be that of"),
    "too many of all": (configured(num_layers=2**60), "num_layers is 1152921504606846976, but should be"),
    "another length": (configured(max_seq_len=9), "'pos_embed.embeddings' has shape [6, 18], but should have [10, 18]"),
    "no mask": (configured(causal=...), "causal is missing, but should be true or false"),
    "causal: 1": (configured(causal=1), "causal is 1, but should be true or false"),
    "another bos": (configured(bos="start"), "bos is 'start', but should be a token of input_encoding, or null"),
    "bos: 3": (configured(bos=3), "bos is 3, but should be a string or null"),
    "no bos": (configured(bos=None), "'pos_embed.embeddings' has shape [6, 18], but should have [5, 18]"),
    "a gap": (configured(input_encoding=[*PAIRS, ["x", 5]]), "input_encoding has the numbers 0, 1, 2, 3, 5], but"),
    "a number twice": (configured(input_encoding=[*PAIRS, ["x", 3]]), "but should have each from 0 on once"),
    "a negative one": (configured(input_encoding=[*PAIRS, ["x", -1]]), "but should have each from 0 on once"),
    "a token twice": (configured(input_encoding=[*PAIRS, ["1", 4]]), "token '1' is in the vocabulary twice"),
    "an empty one": (
        configured(input_encoding=[*PAIRS, ["", 4]]),
        "has ['', 4], but should have pairs of a name",
    ),
    "no pair": (configured(input_encoding=[*PAIRS, "x"]), "has 'x', but should have pairs of a name and a number"),
    "a number for a name": (configured(input_encoding=[*PAIRS, [4, 4]]), "should have pairs of a name and a number"),
    "no inputs": (configured(input_encoding=[["compiler_bos", 0], ["compiler_pad", 1]]), "has no token but"),
    "fewer tokens": (configured(input_encoding=PAIRS), f"'{EMBED}' has shape [5, 18], but should have [4, 18]"),
    "no outputs": (configured(output_decoding=None), "output_decoding is None, but should be a list"),
    "fewer outputs": (
        configured(output_decoding=[[0, "0"]]),
        "has shape [18, 6], but should have [18, 1]",
    ),
    "an output twice": (
        configured(output_decoding=[[i, "x"] for i in range(6)]),
        "token 'x' is in outputs twice, but should be there once",
    ),
    "names for a number": (configured(categorical=False), "output_decoding is there, but should be null where"),
    "a number": (configured(categorical=False, output_decoding=None), "has shape [18, 6], but should have [18, 1]"),
    "no unembed": (arrays(lambda found: found.pop(UNEMBED)), "has no array 'unembed'"),
    "no embedding": (arrays(lambda found: found.pop(EMBED)), f"has no array '{EMBED}'"),
    "no bias": (arrays(lambda found: found.pop("transformer.layer_0.mlp.linear_1.b")), "has no array 'transformer"),
    "an Mlp without weights": (
        arrays(lambda found: found.pop("transformer.layer_0.mlp.linear_1.w")),
        "has no array 'transformer.layer_0.mlp.linear_1.w'",
    ),
    "one more": (arrays(lambda found: found.update(more=found[UNEMBED])), "has an array 'more', but should have none"),
    "turned": (changed(QUERY, lambda array: array.T), "has shape [5, 18], but should have [18, 5]"),
    "without numbers": (changed(EMBED, lambda array: array[:, :0]), "but should have [6, 0]"),
    "a single number": (changed(EMBED, lambda array: array[0, 0]), "has shape [], but should have [5]"),
    "a NaN": (changed(UNEMBED, with_nan), "hist.npz: "),
    "an infinity": (changed(QUERY, lambda array: array * np.float32(1e38) * 1e10), "should be"),
    "whole numbers": (changed(UNEMBED, lambda array: array.astype(int)), "has dtype '<i8', but should have one of <f4"),
    "other byte order": (changed(UNEMBED, lambda array: array.astype(">f4")), "has dtype '>f4', but should have"),
    "two types": (
        changed(UNEMBED, lambda array: array.astype("<f8")),
        "has arrays of <f4 and <f8, but should have",
    ),
    "a pickle": (changed(UNEMBED, lambda array: array.astype(object)), "has dtype '|O', but should have one of"),
    "no archive": (rewritten(lambda content: b"\x93NUMPY" + content[6:-30]), "is no .npz file, but should be one as"),
    "nothing": (rewritten(lambda content: b""), "is no .npz file, but should be one as numpy writes it"),
    "a part": (rewritten(lambda content: content[len(content) // 2 :]), "cannot be read"),
    "a comment": (rewritten(lambda content: content[:-2] + b"\1\0x"), "is no .npz file"),
    "a directory of 1 GB": (
        rewritten(lambda content: content[:-10] + (2**30).to_bytes(4, "little") + content[-6:]),
        "has a directory of 1073741824 bytes, but should have at most 1048576",
    ),
    "a bomb": (bomb, "has an array 'bomb', but should have none of that name"),
    "no array": (archived("x.npy", b"import os"), "'x.npy' is no array, but should be one as numpy writes it"),
    "twice": (archived("unembed", npy("()", size=4)), "has 'unembed' twice, but should have it once"),
    "a lie": (archived("x.npy", npy("(3, 4)", size=40)), "'x.npy' has 40 bytes, but should have 48 by its shape"),
    "a long shape": (archived("x.npy", npy("(" + "1, " * 9 + ")")), "but should have at most 8 sizes below 10^15"),
    "a large shape": (
        archived("x.npy", npy("(100000000000000, 10)")),
        "should have 4000000000000000 by its shape",
    ),
    "a long header": (archived("x.npy", npy("(1,)", size=4, pad=60000)), "is no array, but should be one as numpy"),
    "code in a header": (archived("x.npy", npy("(1, *[])", size=4)), "is no array, but should be one as numpy"),
    "packed otherwise": (
        lambda path: zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA).writestr("x.npy", npy("()", size=4)),
        "should be stored or deflated",
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for name in ("hist.npz", "hist.json"):
        shutil.copy(FILES / name, tmp_path)
    return tmp_path / "hist.npz"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::UserWarning")  # zipfile says that a name is there twice
def test_what_is_wrong_is_said(case: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit, sentence = CASES[case]
    with np.errstate(all="ignore"):
        edit(path)
    with pytest.raises(FileError) as raised:
        compiling.read(path)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)
    assert main(["show", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_bomb_takes_no_memory(path: Path) -> None:
    """Not where it stands in an array that belongs there, either."""
    with np.load(path) as loaded:
        found = dict(loaded)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in found.items():
            large = name == UNEMBED
            content = npy("(8388608,)", size=2**25) if large else npy(str(array.shape), size=array.nbytes)
            archive.writestr(f"{name}.npy", content)
            del content
    tracemalloc.start()
    with pytest.raises(FileError, match="has shape"):
        compiling.read(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_another_name_is_refused(path: Path) -> None:
    for name in ("hist", "hist.json", ""):
        with pytest.raises(FileError, match=r"is no \.npz file, but should be one"):
            compiling.read(path.with_name(name) if name else "")


def test_any_bytes_are_read_or_refused(path: Path) -> None:
    """One to four bytes of the archive or of its configuration changed, or its end cut off."""
    whole, outcomes, draw = path.read_bytes(), Counter[str](), random.Random(0)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            content[draw.randrange(draw.choice([0, len(whole) - 1500]), len(whole))] = draw.randrange(256)
        path.write_bytes(content[: len(content) - draw.choice([0, 0, 0, draw.randrange(400)])])
        try:
            compiling.read(path)
        except FileError as error:
            outcomes["refused" if "\n" not in str(error) else "in several lines"] += 1
        else:
            outcomes["read"] += 1
    assert not outcomes["in several lines"]
    assert outcomes["read"] > 5, outcomes
    assert outcomes["refused"] > 100, outcomes
