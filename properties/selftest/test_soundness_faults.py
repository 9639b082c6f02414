"""Each property marked `soundness` has been seen to fail: faults are planted in the source of what it guards."""

import importlib
import inspect
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from properties.checks import black_boxes, right, running
from properties.checks.table import CHECKS
from properties.proof import bounds, counted, folds, judges, positions
from properties.proof.arithmetic import Arithmetic, linear, lost
from properties.proof.attention import Head
from properties.proof.bounds import Bounds
from properties.proof.boxes import Box
from properties.proof.counted import Together
from properties.proof.first_layer import FirstLayer
from properties.proof.folds import Ending, Table
from properties.proof.forward import Forward
from properties.proof.prices import Seen
from properties.proof.reading import lazy_count
from properties.proof.reading.lazy import LazyString, LazyToken
from properties.proof.reading.run import Run
from properties.proof.reduced import Reduction
from properties.proof.softmax import Weights
from properties.recheck import blindfold
from properties.robustness import number_types, tolerance
from properties.selftest.counting.seen import OF_COUNTING
from properties.selftest.examples import NIGHTLY
from properties.selftest.planted import SEEDS, Fault, first_failure_counts, plant
from properties.selftest.recheck.faults import CERTIFICATES
from zoo.black_box import BlackBox
from zoo.compiling import heads, number, tables
from zoo.distill.answers import Part
from zoo.enumeration import native, paths, tiles
from zoo.enumeration.rounding import Rounding
from zoo.errors import RuleError
from zoo.rule.numbers import near, whole_text
from zoo.transformer import arrays

forward: Any = importlib.import_module("zoo.transformer.forward")  # the package has a function of that name
EXAMPLES = 3000  # at most; how many it takes differs with the draws, and is far fewer mostly


def found_by(check: str) -> Callable[..., Any]:
    """The function behind a check."""
    found: Callable[..., Any] = inspect.getclosurevars(CHECKS[check].run).nonlocals["find"]
    return found


NO_ROUNDING = Fault(Arithmetic.rounding, "underflow = self.underflow(count)", "return np.zeros(np.shape(magnitude))")
NO_UNDERFLOW = Fault(Arithmetic.underflow, "8 * self.tiny * count", "0 * count")
NO_OVERFLOW = Fault(Arithmetic.check, "raise OutOfRangeError", "pass")
LOW_MEANS = Fault(bounds.Bounds._backward, "lower = lower - level", "lower = lower - level + 1e-3 * np.abs(level)")
NO_MEANS = Fault(bounds.Bounds._backward, "lower = lower - level", "lower = lower - level + np.abs(level)")  # soon seen
VANISHED = Fault(lost, "return float(", "return 0.0 * float(")
AS_WRITTEN = Fault(
    arrays.setting, 'with np.errstate(all="ignore"):', "if isfinite(number):\n        return number\n    if True:"
)
TIE_IS_RIGHT = Fault(judges._held, "if margin > 0:", "if margin >= 0:")
SMALL_UNIT = Fault(Rounding.__init__, "2 * program.unit", "0.001 * program.unit")
NOTHING_DOUBTFUL = Fault(paths._settled, "if not least > 2 * tile.error:", "if False:")
NAN_ANSWERS = Fault(
    forward.greedy, "best: Array = logits.argmax(axis=-1)", "return logits.argmax(axis=-1)  # type: ignore"
)
MARGIN, DEVIATIONS, FLOAT32, CYCLE = map(found_by, ("margin", "deviations", "float32", "cycle"))

SEEN: dict[str, list[Fault]] = {
    # proof
    "proof.test_bounds:test_no_difference_of_logits_leaves_its_bound": [
        *(NO_ROUNDING, LOW_MEANS),
        Fault(Weights.distinct, "code = code * queries + np.arange(queries)", "pass"),
        Fault(Weights.distinct, "@ (1 << np.arange(bits))", "@ np.ones(bits, int)"),
        Fault(Bounds._in_parts, "np.minimum.at(lower, box, found.lower)", "lower[box] = found.lower"),
        Fault(Forward.ahead, "own[0, token][:, None]", "own[0, 0 * token][:, None]"),
        Fault(Forward.ahead, "lengths[which], own", "lengths[0 * which], own"),
        Fault(Head.narrowed, "y[0][keys]", "y[0][0 * keys]"),
    ],
    "proof.test_bounds:test_nor_where_positions_are_looked_at_in_blocks": [NO_ROUNDING, LOW_MEANS],
    "proof.test_reduced:test_no_difference_of_logits_leaves_its_bound": [
        Fault(Reduction.to, "= True", "= False"),
        Fault(Reduction.to, "asked |= used.any(axis=0)", "pass"),
        Fault(Reduction.to, "felt[held] |= used.any(axis=1)", "pass"),
        Fault(Reduction.to, "asked |= layer.b_q.any(axis=0)", "pass"),
        Fault(Reduction._with, "b_v=some(layer.b_v, columns)", "b_v=None"),
        Fault(Reduction._with, "b_k=some(layer.b_k, asked)", "b_k=None"),
        Fault(Reduction.to, "t.position_embedding[lengths - 1].any(axis=0)", "False"),
        Fault(Reduction.__init__, " | layer.w_v.any(axis=(0, 2))", ""),
        Fault(Bounds._felt_by, "arithmetic=self.arithmetic", "arithmetic=None"),
        Fault(Reduction.of, "first.fits and ", ""),
        Fault(Reduction.of, " and _fits(transformer, layers[0], first.arithmetic)", ""),
    ],
    "proof.test_reduced:test_nor_where_contexts_are_long": [
        Fault(Reduction.to, "= True", "= False"),
        Fault(FirstLayer.heads, ".take(which)", ".take(0 * which)"),
        Fault(vars(FirstLayer)["_like"].func, "bare.argmax()", "(~bare).argmax()"),
        Fault(vars(FirstLayer)["blocks"].func, "hull.take(which", "hull.take(0 * which"),
        Fault(FirstLayer.merged, "= np.bincount(which", "= 0 * np.bincount(which"),
    ],
    "proof.test_search:test_proof_and_enumeration_agree": [TIE_IS_RIGHT, LOW_MEANS],
    "proof.test_search:test_proof_and_enumeration_agree_up_to_eight_tokens": [
        Fault(judges.Answers.bound, "= margins.lower[row], row", "= margins.lower[row] + 1, row"),
        LOW_MEANS,
    ],
    "proof.test_search:test_equal_models_and_differences_are_what_enumeration_says": [
        Fault(judges.Equal.bound, "for bounds in self.bounds", "for bounds in [self.bounds[0]] * 2")
    ],
    "proof.test_soundness_of_proofs:test_proofs_say_of_every_context_what_running_it_says": [
        *(NO_ROUNDING, NO_UNDERFLOW, NO_OVERFLOW, LOW_MEANS, TIE_IS_RIGHT, VANISHED, AS_WRITTEN)
    ],
    "proof.test_soundness_of_positions:test_proofs_say_at_every_position_what_running_it_says": [
        Fault(judges.Values.bound, "np.min(self._both(boxes), axis=0)", "self._both(boxes)[0]"),
        Fault(positions.Positions._exchanged, "rows[[length - 1, position]]", "rows[[position, length - 1]]"),
        Fault(positions.Positions._fits, "return self.fits[length]", "return True"),
        Fault(positions.AtPosition.run, "[0, self.position]", "[0, -1]"),
        Fault(positions.AtPosition.bound, "if self.of.causal else", "if True else"),
        Fault(positions._key, "box.permitted, ", ""),
        Fault(positions._key, "frozenset(box.sets.items()), ", ""),
        Fault(positions._key, "box.length, ", ""),
        Fault(judges.Values._both, "self.within - error", "1.1 * self.within - error"),
        LOW_MEANS,
    ],
    "proof.test_soundness_of_proofs:test_no_difference_of_logits_leaves_its_bound_at_the_ends": [
        *(NO_ROUNDING, NO_UNDERFLOW, NO_OVERFLOW, LOW_MEANS, VANISHED)
    ],
    "proof.test_soundness_of_proofs:test_nor_where_positions_are_looked_at_in_blocks": [NO_ROUNDING, NO_OVERFLOW],
    "proof.test_soundness_of_proofs:test_nor_where_contexts_are_long": [NO_ROUNDING, NO_OVERFLOW],
    "proof.test_exact_bounds:test_the_worst_roundings_leave_no_bound": [
        *(NO_ROUNDING, LOW_MEANS),
        Fault(linear, "count = product(", "count = 0 * product("),
    ],
    # counts
    "proof.test_counted:test_a_box_that_counts_is_what_it_says": [
        Fault(Together.range, "must - (most - self.limits[kind][1])", "must - most"),
        Fault(Together.range, "can - (least - self.limits[kind][0])", "can"),
        Fault(counted._within, "limits[0][1], n)", "limits[0][1] - 1, n)"),
        Fault(Box.tightened, "not together.feasible", "False"),
    ],
    "proof.test_soundness_of_counts:test_no_difference_of_logits_leaves_its_bound": [
        NO_MEANS,
        Fault(Seen.excess, "chosen.sum(axis=-1)", "0.999 * chosen.sum(axis=-1)"),
        Fault(Seen.excess, "np.where(prices[c] > 0, self.most[..., c], self.least[..., c])", "self.least[..., c]"),
        Fault(
            Seen.possible,
            "self.least[..., c].reshape(-1, 1) == whole",
            "self.least[..., c].reshape(-1, 1) >= whole - 1",
        ),
        Fault(FirstLayer.merged, "= np.bincount(which", "= 0 * np.bincount(which"),
        LOW_MEANS,
    ],
    "proof.test_soundness_of_counts:test_proofs_of_rules_that_count_say_what_running_says": [
        Fault(Run.number, "range(most, least, -1)", "range(most - 1, least, -1)"),
        Fault(
            lazy_count._exceeds, "run.is_above(counted, -rest // times)", "run.is_above(counted, -rest // times + 1)"
        ),
        Fault(Run.count, "(len(found.positions), -1, others)", "(len(found.positions) + 1, -1, others)"),
        Fault(Box.halved, "(middle + 1, most)", "(middle + 2, most)"),
        *(TIE_IS_RIGHT, LOW_MEANS),
    ],
    "proof.test_soundness_of_counts:test_proofs_of_folds_say_what_running_says": [
        NO_MEANS,
        Fault(Table.parts, "if len(said[run[0]]) > 1 else None", "if len(said[run[0]]) > 2 else None"),
        Fault(Ending.ways, "if state in self.states and", "if"),
        Fault(folds._runs, "said[v])", "None)"),
        *(TIE_IS_RIGHT, LOW_MEANS),
    ],
    "test_flushed:test_what_is_said_of_a_program_holds_where_its_results_are_flushed": [NO_UNDERFLOW],
    **CERTIFICATES,
    # enumeration
    "enumeration.test_soundness_of_enumeration:test_running_sums_say_what_forward_says": [SMALL_UNIT, NOTHING_DOUBTFUL],
    "enumeration.test_soundness_of_enumeration:test_kept_prefixes_say_what_forward_says": [SMALL_UNIT],
    "enumeration.test_answers:test_enumerated_logits_and_answers_are_those_of_forward": [
        Fault(paths._ranked, "return Ranked(token, best - second)", "return Ranked(token, 2 * (best - second))")
    ],
    "enumeration.test_answers:test_running_sums_stay_within_their_bound": [SMALL_UNIT],
    "enumeration.test_answers:test_kept_prefixes_stay_within_their_bound": [SMALL_UNIT],
    "enumeration.test_answers:test_rows_by_running_sums_are_those_of_forward": [SMALL_UNIT],
    "enumeration.test_native:test_what_is_enumerated_in_c_is_what_numpy_says": [
        *(SMALL_UNIT, NOTHING_DOUBTFUL),
        Fault(native.Walk._walk, "lanes - 1)", "0)"),
        Fault(native.Walk.__init__, "[:most, None]", "[::-1, None]"),
        Fault(tiles.Lowest.add, "smallest <= self.margin + apart", "smallest < self.margin"),
    ],
    "distill.test_soundness_of_programs:test_a_distilled_program_is_the_model": [NOTHING_DOUBTFUL],
    "distill.test_domains:test_any_table_over_any_layouts": [Fault(Part.matters, ".any())", ".all())")],
    # what people are told
    "checks.test_soundness_of_checks:test_a_rule_that_holds_is_followed_in_every_context": [
        TIE_IS_RIGHT,
        Fault(running.ran, "~(by > 0)", "~(by >= 0)"),
        Fault(running.ran, "~(by > 0)", "~(by > -1e-30)"),
    ],
    "checks.test_closest:test_what_is_least_is_so_to_the_last_digit": [
        Fault(running.closest, "near[np.flatnonzero(by <= 0)[:1]] = True", "pass"),
        Fault(running.closest, "5 * off.max()", "0 * off.max()"),
        Fault(native.Walk.logits, "other.argmax(axis=1), length)", "other.argmax(axis=1) + 1, length)"),
    ],
    "checks.test_soundness_of_checks:test_a_margin_and_deviations_are_as_stated": [
        Fault(MARGIN, "if smallest < model.margin:", "if smallest < model.margin * 0.999:"),
        Fault(MARGIN, "if smallest < model.margin:", "if np.float32(smallest) < np.float32(model.margin):"),
        Fault(MARGIN, "if proof.margin >= model.margin:", "if proof.margin >= model.margin * 0.999:"),
        Fault(right.margins, "np.isnan(least), -np.inf, least", "np.isnan(least), np.inf, least"),
        Fault(DEVIATIONS, "if stated != found:", "if not found <= stated:"),
        Fault(DEVIATIONS, "if stated != found:", "if not stated <= found:"),
        Fault(DEVIATIONS, "if stated != found:", "if len(stated ^ found) > 1:"),
        Fault(DEVIATIONS, "if stated != found:", "if len(stated) != len(found):"),
    ],
    "checks.test_soundness_of_checks:test_equal_models_answer_alike_in_every_context": [NAN_ANSWERS],
    "checks.test_soundness_of_checks:test_a_cycle_that_holds_is_reached": [
        NAN_ANSWERS,
        Fault(CYCLE, "steps <= model.cycle.within", "steps <= model.cycle.within + 1"),
    ],
    "checks.test_soundness_of_checks:test_a_number_type_that_keeps_every_answer_does": [
        Fault(right.changed, "| (own < 0)", ""),
        Fault(number_types.survives, "yield name, not different,", "yield name, different <= 1,"),
    ],
    "checks.test_soundness_of_black_boxes:test_what_is_said_of_a_black_box_is_so_in_every_context": [
        Fault(BlackBox.right, " and said.answer in permitted", ""),
        Fault(BlackBox.judges, "return bool(permitted) and", "return"),
        Fault(near, "<= Fraction(within or 0)", "<= Fraction(within or 1)"),
        Fault(black_boxes.settle, "if seen.whole:", "if not seen.ended:"),
        Fault(black_boxes._run, "if not box.right(said, permitted):", "if said.problem:"),
        Fault(whole_text, "if isinstance(value, bool):", "if False:"),
    ],
    "robustness.test_soundness_of_tolerance:test_what_is_certified_to_be_borne_is": [
        Fault(tolerance.certified, "return low", "return low * 1.1"),
        Fault(
            tolerance.certified, "(_lower(bounds, same, model) > 0).all()", "(_lower(bounds, same, model) > 0).any()"
        ),
        Fault(Arithmetic.of_program, "compounded = weights *", "compounded = 0.5 * weights *"),
    ],
    # what is compiled
    "compiling.test_rules:test_what_is_compiled_does_what_its_rule_says": [
        Fault(heads._knowing, "w_in[:, i] -= len(cube) * basis", "w_in[:, i] -= 0 * basis"),
        Fault(tables._narrowed, "joint[context[-window:]] &= permitted", "pass"),
        Fault(number._numbers, "+ (len(order) - 1) * weights[length] if whole else low", ""),
        Fault(number._by_steps, "(high - quarter, -1)", "(high + quarter, -1)"),
    ],
    # how rules are read
    "test_idioms:test_idioms": [
        Fault(LazyString.__contains__, "len(self) - size + 1", "len(self) - size"),
        Fault(Run.compared, "operation(max(mine), min(theirs))", "operation(min(mine), max(theirs))"),
        Fault(Run.holds, "return bool(fulfil)", "return not fulfil"),
    ],
    "test_idioms:test_two_idioms": [
        Fault(LazyToken.__eq__, "return bool(run.is_token(position, other))", "return True")
    ],
    "test_idioms:test_idioms_blindfolded": [
        Fault(
            blindfold.blind_answer,
            "said_of(asked, first) if looked.tells else _blindfolded(asked, known, strings, where, looked.swallows)",
            "said_of(asked, first)",
        )
    ],
}
SEEN |= {name: [Fault(*one) for one in faults] for name, faults in OF_COUNTING.items()}
# This one counts what was refused, when all examples are done.
COUNTED = {"proof.test_certificate:test_what_is_certified_of_random_models_is_confirmed"}
# Ordinarily the first of each property, which is soon seen, in the nightly profiles all.
EACH = slice(None if settings().max_examples >= NIGHTLY else 1)
FAULTS = [(name, fault) for name, faults in SEEN.items() for fault in faults[EACH]]


def run_property(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, test = name.partition(":")
    function = getattr(importlib.import_module(f"properties.selftest.{module}"), test)
    given: dict[str, Any] = {"outcomes": Counter(), "monkeypatch": monkeypatch, "kind": "bounds"}
    function(**{name: value for name, value in given.items() if name in inspect.signature(function).parameters})


@pytest.mark.parametrize(
    ("name", "fault"), FAULTS, ids=[f"{name.split(':')[1]}-{i}" for i, (name, _) in enumerate(FAULTS)]
)
def test_a_planted_fault_is_seen(name: str, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, fault)
    with (
        first_failure_counts(12 if name in COUNTED else EXAMPLES, SEEDS.get(name, 5)),
        pytest.raises((AssertionError, RuleError)) as raised,
    ):
        run_property(name, monkeypatch)
    assert "should occur" not in str(raised.value), "no example fails"


def test_every_soundness_property_has_been_seen_to_fail() -> None:
    here, marked = Path(__file__).parent, set()
    for path in here.rglob("test_*.py"):
        module = ".".join(path.relative_to(here).with_suffix("").parts)
        marked |= {f"{module}:{test}" for test in re.findall(r"mark\.soundness\n(?:@.*\n)*def (\w+)", path.read_text())}
    assert marked == SEEN.keys() >= SEEDS.keys()
