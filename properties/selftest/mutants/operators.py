"""Which changes are made: of cosmic-ray's those that differ, one for each place, and two of our own."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from cosmic_ray.plugins import OPERATOR_PROVIDERS

Position = tuple[int, int]  # line, column

KEPT = re.compile(
    r"own/.*|core/(ReplaceBinaryOperator_"
    r"(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul|Pow_Mul|BitOr_BitAnd|BitAnd_BitOr|LShift_RShift|RShift_LShift)"
    r"|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_Delete_(USub|Not|Invert)|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue"
    r"|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue|ReplaceContinueWithBreak"
    r"|ExceptionReplacer|NumberReplacer|ZeroIterationForLoop)"
)
PAIRS = [
    ("max", "min"),
    ("maximum", "minimum"),
    ("any", "all"),
    ("floor", "ceil"),
    ("fmax", "fmin"),
    ("lower", "upper"),
]
OTHER = dict(PAIRS) | {b: a for a, b in PAIRS}


class DropTerm:
    """A sum without one of its terms, a product without one of its factors, a condition without one of its parts."""

    KINDS = ("arith_expr", "term", "and_test", "or_test")

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        if node.type in self.KINDS:
            for child in node.children[::2]:
                yield child.start_pos, child.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        if index:
            del node.children[2 * index - 1 : 2 * index + 1]
        else:  # of "a - b" "- b" is left
            del node.children[: 1 if node.children[1] == "-" else 2]
        return node

    @classmethod
    def arguments(cls) -> tuple[()]:
        return ()


class OtherEnd:
    """The minimum for the maximum, the lower end for the upper one, and so on."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        if node.type == "name" and node.value in OTHER and node.parent.type in ("atom_expr", "trailer"):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = OTHER[node.value]
        return node

    @classmethod
    def arguments(cls) -> tuple[()]:
        return ()


OPERATOR_PROVIDERS["own"] = {"DropTerm": DropTerm, "OtherEnd": OtherEnd}


def untouched(text: str) -> list[tuple[Position, Position]]:
    """Where nothing is changed: types, which do nothing, and what is raised, which is a message."""
    spans: list[ast.AST | None] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            spans.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            spans.append(node.returns)
        elif isinstance(node, ast.Raise):
            spans.append(node)
    return [
        ((span.lineno, span.col_offset), (span.end_lineno or span.lineno, span.end_col_offset or 0))
        for span in spans
        if isinstance(span, ast.expr | ast.stmt)
    ]


def wanted(mutation: Any, spans: list[tuple[Position, Position]]) -> bool:
    """Whether a change of cosmic-ray's is made here. Of a number, only one less: one more is mostly only looser."""
    if not KEPT.fullmatch(mutation.operator_name):
        return False
    if mutation.operator_name == "core/NumberReplacer" and mutation.occurrence % 2 == 0:
        return False
    return not any(start <= mutation.start_pos and mutation.end_pos <= end for start, end in spans)
