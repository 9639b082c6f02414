"""Machine code: what is assembled, and read back by a disassembler."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties.selftest.distill.programs import TARGETS, own_answers, tables_of
from properties.selftest.models import NAMES
from reference.assembly import parse
from zoo.distill import checked_program, emit, native
from zoo.distill.checked_program import Target
from zoo.distill.diagram import Program, distill
from zoo.errors import ModelError, UnavailableError


def test_tokens_that_are_words_are_numbers_in_machine_code() -> None:
    program = Program("words", ("yes", "no"), tables_of({1: np.array([1, 0])}, 2).program(), 1, 2)
    run = checked_program.runnable(program, "python", emit.python(program))
    assert checked_program.held(program, run, own_answers(program)) == 2
    assert [answer for answer, _ in native.executed(emit.x86(program), [b"\0", b"\1"], emulated=False)] == [1, 0]


@pytest.mark.parametrize("target", TARGETS)
def test_a_byte_holds_two_hundred_tokens(target: Target) -> None:
    """Each says the next one: what may be known of the token is one of 2^200 sets, so that no search is made."""
    answers = np.roll(np.arange(200), -1)
    program = Program("while", tuple(f"t{i}" for i in range(200)), tables_of({1: answers}, 200).program(), 1, 200)
    text = {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](program)
    try:
        run = checked_program.runnable(program, target, text)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    assert checked_program.held(program, run, own_answers(program)) == 200


def test_a_model_of_too_many_tokens_is_refused() -> None:
    wide = zoo.Transformer(np.ones((257, 1)), np.zeros((1, 1)), [])
    with pytest.raises(ModelError, match="wide has 257 tokens, but should have at most 256 to be distilled"):
        distill(zoo.Model("wide", [f"t{i}" for i in range(257)], wide))


def disassembled(code: bytes, folder: Path) -> list[tuple[int, str, str]]:
    """Address, operation and operands of each instruction, as objdump reads them."""
    tool = shutil.which("objdump")
    if tool is None:
        pytest.skip("objdump is not installed")
    (folder / "code").write_bytes(code)
    read = ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn", str(folder / "code")]
    done = subprocess.run([tool, *read], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"objdump reads no x86-64: {done.stderr.strip()}")
    lines = [re.match(r" *([0-9a-f]+):\s+(\w+)\s+(.*)", line) for line in done.stdout.splitlines()]
    return [(int(line[1], 16), line[2], line[3].strip()) for line in lines if line]


def far() -> str:
    """Tokens further back than a byte says, and jumps further than a byte says."""
    return "mov dl,1\n" + "cmp [rax+rcx-200],7\nje done\n" * 40 + "cmp rcx,300\njbe done\nmov dl,2\ndone:\n"


@pytest.mark.parametrize("name", [*NAMES, "far"])
def test_a_disassembler_reads_what_was_assembled(name: str, tmp_path: Path) -> None:
    listing = far() if name == "far" else emit.x86(distill(zoo.load(name)))
    instructions, labels = parse(listing)
    code = native.assemble(listing)
    found = disassembled(code, tmp_path)
    addresses = [*(address for address, *_ in found), len(code)]

    def theirs(operand: str) -> str:
        if operand.startswith("["):
            back = int(operand.rpartition("-")[2][:-1])
            return f"BYTE PTR [rax+rcx*1-{back:#x}]"
        if operand in labels:
            return f"{addresses[labels[operand]]:#x}"
        return operand if operand in ("dl", "rcx") else f"{native._number(operand):#x}"

    expected = [(one.operation, ",".join(map(theirs, one.operands))) for one in instructions]
    assert [tuple(instruction) for _, *instruction in found] == expected


def test_far_tokens_and_far_jumps() -> None:
    listing = far()
    code = native.assemble(listing)
    assert code[:2] == b"\xb2\x01"
    assert code[2:10] == b"\x80\xbc\x08" + (-200).to_bytes(4, "little", signed=True) + b"\x07"
    assert code[10:12] == b"\x0f\x84"
    try:
        machine = native.MachineCode(listing)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    assert (machine(bytes(300)), machine(bytes(301)), machine(b"\7" * 301)) == (1, 2, 1)
    assert parse(listing)[1] == {"done": 84}
