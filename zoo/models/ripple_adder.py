"""The sum of two numbers of ten digits, from the ones to the left, with a carry: as a function, which is all one knows.

The function is a recurrent network of two neurons, so that there are arrays to count. It is asked for the number, as
leaderboards of adders do, and there are 10^20 pairs: what is said of it is tried on some of them, and never proved.
"""

import numpy as np

import reference
from zoo import NUMBER, BlackBox
from zoo.generators import DIGITS, sums, sums_domain

READ = np.array([1.0, 1.0, 1.0])  # of two digits and the carry: their total
CARRY = np.array([1.0, -9.0])  # of the total and 1: above 0 from ten on
KEPT = np.array([1.0, -10.0])  # of the total and the carry: the digit that is written


def add(a: int, b: int) -> int:
    carry, total = 0.0, 0
    for place in range(11):
        column = READ @ np.array([a // 10**place % 10, b // 10**place % 10, carry])
        carry = float(CARRY @ np.array([column, 1.0]) > 0)
        total += int(KEPT @ np.array([column, carry])) * 10**place
    return total


def predict(context: str) -> int:
    first, _, second = context.rstrip("=").partition("+")
    return add(int(first), int(second))


MODEL = BlackBox(
    "ripple_adder",
    [*DIGITS, "+", "="],
    n_ctx=22,
    predict=predict,
    rule=reference.sum_of_two,
    source="what leaderboards ask for: two numbers of ten digits",
    domain=sums_domain(10),
    generate=sums(10),
    outputs=NUMBER,
    inside=(READ, CARRY, KEPT),
)
