"""The faults that the properties of counts have been seen to find, for `test_soundness_faults`."""

from collections.abc import Callable
from typing import Any

from properties.counting import convolution
from properties.counting.engine import judged_wrong
from properties.counting.general import General
from properties.counting.separable import Separable
from properties.counting.terms import Terms
from properties.counting.words import Words

# Of each property, a function, a piece of its source, and what stands there instead: a term shifted, a token dropped,
# rounding the wrong way, a part counted twice, ...
OF_COUNTING: dict[str, list[tuple[Callable[..., Any], str, str]]] = {
    "counting.test_soundness_of_counting:test_counts_by_sums_hold_what_running_says": [
        (convolution._convolved, "(grid.error, -grid.error)", "(-grid.error, grid.error)"),
        (convolution._convolved, "zip(ends, (-2, 2))", "zip(ends, (2, -2))"),
        (convolution._possible, "+ down <= 0", "+ down <= -0.1"),
        (convolution._histograms, "np.maximum(cells[may & some], floor)", "cells[may & some][1:]"),
        (Terms.of, "+ self.values[answer]", "+ np.roll(self.values[answer], 1, axis=-1)"),
        (Separable.split, "(light, may & ~heavy)", "(light, may)"),
        (Words.of, "if ways[after]]", "if ways[after] > 1]"),
        (judged_wrong, "~(margin > 0)", "~(margin >= 0)"),
    ],
    "counting.test_soundness_of_counting:test_counts_by_boxes_hold_what_running_says": [
        (General.split, "(half, may[at] & ~half)", "(half, may[at])"),
        (General._wins, ".lower > 0", ".lower > -0.5"),
        (General._by_bounds, "found[i], least=found[i].most", "found[i], most=0"),
    ],
}
