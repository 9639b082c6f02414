"""What a rule reaches counts by its value, wherever it stands; what has none is kept nothing of."""

import subprocess
import sys
from pathlib import Path

import pytest

from properties.command.main import main
from zoo import registry
from zoo.errors import RuleError
from zoo.shards.digest import digest

MODEL = """
import json, numpy as np
from pathlib import Path
from zoo import Model, Transformer
def table():
    return json.loads((Path(__file__).parent / "t.json").read_text())
{}
MODEL = Model("m", "ab", Transformer(np.eye(2), np.zeros((4, 2)), [], None, np.eye(2)), rule=rule)
"""
SUBMODULE = "from sub.h import said\ndef rule(context): return said(context)"
OF_A_FILE = {
    "closure": "def of(t):\n  return lambda context: set(t[context[-1]])\nrule = of(table())",
    "variable": "T = table()\ndef rule(context): return set(T[context[-1]])",
    "object": "class T:\n  t = 1\nT.t = table()\ndef rule(context): return set(T.t[context[-1]])",
    "default": "def rule(context, t=table()): return set(t[context[-1]])",
    "keyword": "def rule(context, *, t=table()): return set(t[context[-1]])",
    "partial": "import functools\ndef f(t, context): return set(t[context[-1]])\nrule = functools.partial(f, table())",
    "cached": "import functools\nT = table()\n@functools.cache\ndef rule(context): return frozenset(T[context[-1]])",
    "slot": "class B:\n  __slots__ = 't',\nclass R(B):\n  def __init__(self): self.t, self.x = table(), 1\n"
    "  def __call__(self, context): return set(self.t[context[-1]])\nrule = R()",
    "method": "class R:\n  def __init__(self): self.t = table()\n"
    "  def said(self, context): return set(self.t[context[-1]])\nrule = R().said",
    "array": "T = table()\nA = np.array([[*T[token]][0] == 'a' for token in 'ab'])\n"
    "def rule(context): return {'a' if A['ab'.index(context[-1])] else 'b'}",
    "function within": "T = table()\ndef rule(context):\n  def within(token): return T[token]\n"
    "  return set(within(context[-1]))",
    "another function": "T = table()\ndef f(token): return T[token]\ndef rule(context): return set(f(context[-1]))",
    "bound": "look = table().get\ndef rule(context): return set(look(context[-1]))",
    "base class": "class B:\n  t = table()\nclass C(B): pass\ndef rule(context): return set(C.t[context[-1]])",
    "dataclass": "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass R:\n  t: dict\n"
    "  def __call__(self, context): return set(self.t[context[-1]])\nrule = R(table())",
    "nested": "T = [({'t': table()},)]\ndef rule(context): return set(T[0][0]['t'][context[-1]])",
    "a mapping that is called": "class R(dict):\n  def __call__(self, context): return set(self.t[context[-1]])\n"
    "rule = R()\nrule.t = table()",
    "documented": "def rule(context): return set(rule.__doc__)\nrule.__doc__ = str(table())",
    "a class's text": "class C: __doc__ = str(table())\ndef rule(context): return set(C.__doc__)",
    "vectorized": "T = table()\nF = np.vectorize(lambda t: T[t])\ndef rule(context): return set(F(context[-1]))",
    "pretended": "class R:\n  __module__ = 'collections'\n  t = table()\n"
    "  def __call__(self, context): return set(self.t[context[-1]])\nrule = R()",
}  # fmt: skip
UNKNOWN = {
    "open": "def rule(context): return set(open('t.json').read(1))",
    "pathlib.Path": "def rule(context): return set(Path('t.json').read_text()[:1])",
    "os._Environ": "import os\ndef rule(context): return set(os.environ.get('A', 'a'))",
    "os.getenv": "import os\ndef rule(context): return set(os.getenv('A', 'a'))",
    "os.getenv ": "def rule(context):\n  import os\n  return set(os.getenv('A', 'a'))",
    "time.time": "import time\ndef rule(context): return set('ab'[int(time.time()) % 1])",
    "random.Random.choice": "import random\ndef rule(context): return set(random.choice('a'))",
    "numpy.random": "def rule(context): return set('ab'[np.random.randint(1)])",
    "numpy.load": "def rule(context): return set('ab'[np.load('t')])",
    "open ": "class R:\n  def __init__(self): self.t = open('t')\ndef rule(context): return R().t",
    "open  ": "class R:\n  def __init__(self, t=0): self.t = t and open(t)\n"
    "  def __call__(self, context): return type(self)('t').t\nrule = R()",
    "open   ": "class R:\n  def __init__(self, t=0): self.t = t and open(t)\n"
    "  def __call__(self, context): return self.__class__('t').t\nrule = R()",
    "getattr": "def rule(context): return getattr(context, 'x', {'a'})",
    "__globals__": "def rule(context): return rule.__globals__['T']",
    "globals": "def rule(context): return globals()['T']",
    "zoo.registry.load": "import zoo\ndef rule(context): return set(zoo.load('ab').predict(context))",
    "import nowhere": "def rule(context):\n  import nowhere\n  return nowhere.x",
    "numpy.ufunc": "F = np.frompyfunc(lambda token: token, 1, 1)\ndef rule(context): return F(context[-1])",
    "an array of objects": "T = np.array([None])\ndef rule(context): return T[0]",
    "a set of what has no order": "T = {rule for rule in [len, Path]} | {lambda: 0}\ndef rule(context): return T",
}
FINE = """
import collections, enum, functools, itertools, math, operator, re
from dataclasses import dataclass, field
from typing import NamedTuple
class Kind(enum.Enum):
    ONE = "a"
class Two(NamedTuple):
    one: str
@dataclass(order=True)
class Three:
    two: Two
    more: list = field(default_factory=list)
class Text(str):
    pass
SETS, WORDS, PICK = {("a", frozenset("ab")): 1}, re.compile("[ab]+"), operator.itemgetter(0)
def rule(context):
    from collections import Counter
    most = Counter(context).most_common(1)[0][0]
    kinds = {Kind.ONE.value, PICK(Two("b")), Three(Two("a")).two.one, Text("b")} | {most}
    return kinds if WORDS.match("".join(context)) and np.zeros(2).sum() < math.pi and len(SETS) else set()
"""


THERE = """
import sys
from zoo import registry
from zoo.shards.digest import digest
print(digest(registry.load_file(sys.argv[1]).rule, kept=True))
"""


def of(folder: Path, rule: str, kept: bool = True) -> str:
    (folder / "m.py").write_text(MODEL.replace("{}", rule))
    return digest(registry.load_file(folder / "m.py").rule, kept=kept)


@pytest.mark.parametrize("name", OF_A_FILE)
def test_values_of_all_that_is_reached_count(name: str, tmp_path: Path) -> None:
    found = []
    for said in ('{"a": "a", "b": "b"}', '{"a": "a", "b": "a"}', '{"a": "a", "b": "b"}'):
        (tmp_path / "t.json").write_text(said)
        found.append(of(tmp_path, OF_A_FILE[name]))
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_read_as_it_runs_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=rf"reaches .*{name.strip()}, which may be another the next time, but should"):
        of(tmp_path, UNKNOWN[name])


def test_what_stands_in_a_package_beside_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "keptsub").mkdir()
    found = []
    for said in "ab":
        (tmp_path / "keptsub/h.py").write_text(f"def said(context): return {{{said!r}}}  # {'x' * ord(said)}\n")
        found.append(of(tmp_path, SUBMODULE.replace("sub.h", "keptsub.h")))
        for module in ("keptsub", "keptsub.h"):
            del sys.modules[module]
    assert found[0] != found[1]


def test_it_is_the_same_in_another_process(tmp_path: Path) -> None:
    here = of(tmp_path, FINE)
    command = [sys.executable, "-c", THERE, str(tmp_path / "m.py")]
    there = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    assert there.stdout.strip() == here


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text(MODEL.replace("{}", OF_A_FILE["closure"]))
    command = ["verify", "m.py", "--method", "enumerate", "--check", "rule", "--keep", "kept"]
    for said, status in (("b", 0), ("b", 0), ("a", 2)):
        Path("t.json").write_text(f'{{"a": "a", "b": "{said}"}}')
        assert main(command) == status
    assert "kept is of another rule (" in capsys.readouterr().err
    Path("kept").unlink()
    assert main(command) == 1
    Path("m.py").write_text(MODEL.replace("{}", UNKNOWN["open"]))
    assert main([*command[:-1], "other"]) == 2
    assert "rule reaches open, which may be another the next time" in capsys.readouterr().err
