"""Faults that were planted in the checker of certificates, and each of which a property of it has seen."""

import inspect

from properties.proof import judges
from properties.recheck import attention, confirm, hidden_number, means, recheck
from properties.recheck.confirm import Confirmation
from properties.recheck.counts import Group
from properties.recheck.leaves import Reading
from properties.recheck.margins import Margins
from properties.recheck.prices import Counted
from properties.recheck.program import Program
from properties.recheck.stream import Stream
from properties.selftest.planted import Fault

CERTIFICATES: dict[str, list[Fault]] = {
    "proof.test_soundness_of_certificates:test_what_is_confirmed_is_true": [
        Fault(recheck, "if not bound.least >= stated:", "if not bound.least >= stated * 0.999:"),
        Fault(Confirmation._bounds, "np.flatnonzero(may_be.any(axis=0)).tolist()", "[may_be[0].argmax()]"),
        Fault(Confirmation.run, "logits[right].max() > logits[~right].max()", "True"),
        Fault(means.levels, "tried, counted) <= 0", "tried, counted) <= np.inf"),
        Fault(Program.rounding, "return self.gammas[count] * size", "return 0 * size"),
        Fault(Reading.leaves, '(kind == "skipped") != settled', "False"),
    ],
    "proof.test_soundness_of_certificates:test_no_difference_of_logits_leaves_what_the_checker_finds": [
        Fault(Program.rounding, "return self.gammas[count] * size", "return 0 * size"),
        Fault(inspect.unwrap(Margins.toward), " - abs(direction[e]) * ball.r", ""),
        Fault(means.scores, "down(centre - error), up(centre + error)", "down(centre), up(centre)"),
        Fault(Stream.behind_attention, "heads.size.tobytes(), heads.low.tobytes(), heads.high.tobytes()", "0"),
        Fault(attention.Table.of, "self.rows[number] = np.nan", "self.rows[number] = 0"),
    ],
    "proof.test_soundness_of_certificates:test_nor_where_tokens_are_counted": [
        Fault(means.levels, "tried, counted) <= 0", "tried, counted) <= np.inf"),
        Fault(means.excess, "np.where(above > 0, most, least)", "np.where(above > 0, least, most)"),
        Fault(means._paid, "np.where(each > 0, counted.most, counted.least)", "counted.least"),
        Fault(means._paid, "terms - np.where(", "terms - 1.01 * np.where("),
        Fault(Counted.possible, "self.most[:, c] <= 0", "self.most[:, c] <= 1"),
    ],
    "proof.test_soundness_of_certified_positions:test_what_is_confirmed_at_every_position_is_true": [
        Fault(confirm._of_number, "max(above(right - low), above(high - right))", "above(right - low)"),
        Fault(confirm._of_number, "return Bound(math.nextafter(least, -math.inf)", "return Bound(least * (1 + 1e-6)"),
        Fault(Reading._leaf, "own = self.graph.held(box, at)", "own = self.graph.held(box, box.length - 1)"),
        Fault(Reading._read, "if box.at is None else self.asked.at(box.at)", "if box.at is None else self.asked.at(0)"),
    ],
    "proof.test_certificate:test_what_is_certified_of_random_models_is_confirmed": [
        Fault(judges.Answers.bound, "= margins.lower[row], row", "= margins.lower[row] * 1.01, row")
    ],
    "recheck.test_recheck:test_no_number_leaves_its_ball": [
        Fault(Program.rounding, "return self.gammas[count] * size", "return 0 * size")
    ],
    # What is off by the same in all contexts is also seen by asking about two of them.
    "test_idioms:test_rules_that_count_blindfolded": [
        Fault(hidden_number._compared, "how(low, its) != how(high, its)", "False"),
        Fault(Group.limit, "min(high, can - ", "min(high, can - 1 - "),
    ],
}
