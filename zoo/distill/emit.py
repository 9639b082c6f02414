"""A distilled program written out: as Python, as C, as x86-64.

The default answer is hoisted in x86-64: it is set first, and the tests jump over what would change it. rax is the
address of the context, rcx its length, dl the answer, as in the source's eight instructions. A token is its character
where all tokens are letters or digits of ASCII, else its number, one byte either way; `legend` says whose.
"""

import itertools
import re
from collections.abc import Iterator

from zoo.distill import Branch, Node, Program, Test

TRIED = 24  # orders of the answers that are tried out for the shortest listing


def code(vocab: tuple[str, ...], token: int) -> int:
    """The byte that stands for a token in C and x86-64."""
    return ord(vocab[token]) if _characters(vocab) else token


def literal(vocab: tuple[str, ...], token: int) -> str:
    return f"'{vocab[token]}'" if _characters(vocab) else str(code(vocab, token))


def legend(vocab: tuple[str, ...], width: int = 100) -> list[str]:
    """Lines that say which token each number stands for, for a comment; none where tokens stand as characters.

    A token that is no word of ASCII is written as Python writes it, quoted and escaped: it neither ends a comment nor
    goes on in the next line.
    """
    if _characters(vocab):
        return []
    words = (token if token.isascii() and token.isalnum() else ascii(token) for token in vocab)
    lines: list[str] = []
    for entry in (f"{i} = {word}" for i, word in enumerate(words)):
        if lines and len(lines[-1]) + len(entry) + 2 <= width:
            lines[-1] += f", {entry}"
        else:
            lines.append(entry)
    return [f"{line}," for line in lines[:-1]] + lines[-1:]


def identifier(name: str) -> str:
    """The function of a model with this name, in Python and in C: the prefix keeps it apart from every other name."""
    return "predict_" + re.sub(r"[^A-Za-z0-9_]", "_", name)


def _characters(vocab: tuple[str, ...]) -> bool:
    return all(len(token) == 1 and token.isascii() and token.isalnum() for token in vocab)


def python(program: Program) -> str:
    """A function of a context; parts that are come to more than once are functions of their own."""
    uses = _uses(program.root)
    shared = {node: f"_tail_{i}" for i, node in enumerate((n for n in uses if uses[n] > 1), start=1)}

    def condition(test: Test, yes: bool) -> str:
        if test.back:
            return f"context[-{test.back}] {'==' if yes else '!='} {program.vocab[test.value]!r}"
        if test.value == 1:
            return f"len(context) {'==' if yes else '!='} 1"
        return f"len(context) {'<=' if yes else '>'} {test.value}"

    def body(node: Node, indent: str, top: bool = False) -> Iterator[str]:
        if not isinstance(node, Branch):
            yield f"{indent}return {program.vocab[node]!r}"
        elif node in shared and not top:
            yield f"{indent}return {shared[node]}(context)"
        else:
            yes = isinstance(node.yes, int) or not isinstance(node.no, int)
            yield f"{indent}if {condition(node.test, yes)}:"
            yield from body(node.yes if yes else node.no, indent + "    ")
            yield from body(node.no if yes else node.yes, indent)

    parts = [[f"def {name}(context):", *body(node, "    ", top=True), "", ""] for node, name in shared.items()]
    main = [f"def {identifier(program.name)}(context):", *body(program.root, "    ", top=True)]
    return "\n".join([*itertools.chain(*parts), *main]) + "\n"


def c(program: Program) -> str:
    """A function `char predict_NAME(const char *context, long length)`; what is come to from elsewhere has a label."""
    labels: dict[Branch, str] = {}
    placed: set[Branch] = set()
    lines: list[str] = []

    def condition(test: Test, yes: bool) -> str:
        if test.back:
            return f"context[length - {test.back}] {'==' if yes else '!='} {value(test.value)}"
        return f"length {'<=' if yes else '>'} {test.value}"

    def value(token: int) -> str:
        text = literal(program.vocab, token)
        return f"(char){text}" if text.isdecimal() and int(text) > 127 else text  # char may be signed

    def goto(node: Node) -> str:
        if not isinstance(node, Branch):
            return f"return {value(node)};"
        waiting.append(node)
        return f"goto {labels.setdefault(node, f'test_{len(labels) + 1}')};"

    waiting: list[Node] = [program.root]
    while waiting:
        node = waiting.pop()
        while isinstance(node, Branch) and node not in placed:
            placed.add(node)
            yes = isinstance(node.yes, int) or not isinstance(node.no, int)
            lines.append(f"@{id(node)}")  # becomes its label, if anything jumps here
            lines.append(f"    if ({condition(node.test, yes)}) {goto(node.yes if yes else node.no)}")
            node = node.no if yes else node.yes
            if not isinstance(node, Branch) or node in placed:
                lines.append(f"    {goto(node)}")
        if not isinstance(node, Branch) and not lines:
            lines.append(f"    {goto(node)}")
    names = {f"@{id(node)}": f"{name}:" for node, name in labels.items()}
    kept = [names.get(line, line) for line in lines if not line.startswith("@") or line in names]
    head = f"char {identifier(program.name)}(const char *context, long length)"
    return "\n".join([head, "{", "    (void)context, (void)length;", *kept, "}"]) + "\n"


def x86(program: Program) -> str:
    """The shortest listing over the choice of the default answer and the order of the others."""
    uses = _answers(program.root)
    orders = itertools.islice(itertools.permutations(sorted(uses, key=lambda answer: -uses[answer])), TRIED)
    listings = [_x86(program, *order) for order in orders]
    return "\n".join(min(listings, key=lambda lines: sum(not line.endswith(":") for line in lines))) + "\n"


def _x86(program: Program, default: int, *others: int) -> list[str]:
    names: dict[Node, str] = {default: "done"}
    for other in others:
        names[other] = f"return_{program.vocab[other] if _characters(program.vocab) else other}"
    lines = [f"mov dl,{literal(program.vocab, default)}"]
    placed: set[Node] = set()
    waiting: list[Node] = [program.root]
    while waiting:
        node = waiting.pop()
        if node in placed:
            continue
        while isinstance(node, Branch) and node not in placed:
            placed.add(node)
            lines.append(f"{names.setdefault(node, f'test_{len(names)}')}:")
            lines.append(_compare(program, node.test))
            # Jump to an answer, preferably the default, and go on with the other; a branch that is jumped to waits.
            jumps = min((node.yes, node.no), key=lambda n: (isinstance(n, Branch), n not in placed, n != default))
            follows = node.no if jumps is node.yes else node.yes
            lines.append(f"{_jump(node.test, jumps is node.yes)} {names.setdefault(jumps, f'test_{len(names)}')}")
            if isinstance(jumps, Branch):
                waiting.append(jumps)
            node = follows
        lines.append(f"jmp {names[node]}")
    for other in others:
        lines += [f"{names[other]}:", f"mov dl,{literal(program.vocab, other)}", "jmp done"]
    return _without_needless([*lines, "done:"])


def _without_needless(lines: list[str]) -> list[str]:
    """Jumps to the next instruction and labels that nothing jumps to are left out."""
    kept: list[str] = []
    for i, line in enumerate(lines):
        after = itertools.takewhile(lambda one: one.endswith(":"), lines[i + 1 :])
        if not (line.startswith("jmp ") and f"{line[4:]}:" in after):
            kept.append(line)
    targets = {line.split()[1] for line in kept if line.startswith("j")}
    return [line for line in kept if not line.endswith(":") or line[:-1] in targets]


def _compare(program: Program, test: Test) -> str:
    if test.back:
        return f"cmp [rax+rcx-{test.back}],{literal(program.vocab, test.value)}"
    return f"cmp rcx,{test.value}"


def _jump(test: Test, yes: bool) -> str:
    if test.back or test.value == 1:  # no context is shorter than 1
        return "je" if yes else "jne"
    return "jbe" if yes else "ja"


def _uses(root: Node) -> dict[Branch, int]:
    """How often each branch is come to from others."""
    uses: dict[Branch, int] = {}

    def visit(node: Node) -> None:
        if isinstance(node, Branch):
            uses[node] = uses.get(node, 0) + 1
            if uses[node] == 1:
                visit(node.yes)
                visit(node.no)

    visit(root)
    return uses


def _answers(root: Node) -> dict[int, int]:
    """How often each answer is come to."""
    ends = [root] if not isinstance(root, Branch) else [end for n in _uses(root) for end in (n.yes, n.no)]
    return {end: ends.count(end) for end in ends if not isinstance(end, Branch)}
