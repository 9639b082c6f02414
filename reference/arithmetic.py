"""Rules of arithmetic on numbers that are written digit by digit."""

from collections.abc import Callable, Sequence

Context = Sequence[str]


def sum_from_the_ones(digits: int) -> Callable[[Context], set[str]]:
    """The next digit of "90+80=071": of two numbers of so many digits, and their sum, the ones come first.

    What is carried into a column is read off the column before, which says how much its sum exceeds its two digits. Of
    a sum in which that column cannot be right, nothing is said.
    """

    def next_digit_of_the_sum(context: Context) -> set[str]:
        column, carry = len(context) - 2 * digits - 2, 0
        if column > 0:
            total, written = int(context[column - 1]) + int(context[digits + column]), context[-1]
            if written == str(total % 10):
                carry = total // 10
            elif column > 1 and written == str((total + 1) % 10):  # into the ones, nothing is carried
                carry = (total + 1) // 10
            else:
                return set()
        if column == digits:
            return {str(carry)}
        return {str((int(context[column]) + int(context[digits + 1 + column]) + carry) % 10)}

    return next_digit_of_the_sum


def increment(bits: int) -> Callable[[Context], set[str]]:
    """The next bit of "0111=1000", a number of so many bits and one more, the highest first; after all ones, zeros.

    A bit changes where all that stand to its right are ones.
    """

    def next_bit_of_the_next_number(context: Context) -> set[str]:
        place = len(context) - bits - 1
        carried = all(context[at] == "1" for at in range(place + 1, bits))
        return {"1" if (context[place] == "1") != carried else "0"}

    return next_bit_of_the_next_number


def sum_modulo(modulus: int) -> Callable[[Context], set[str]]:
    """In "3 + 5 =", the remainder of the sum."""

    def remainder_of_the_sum(context: Context) -> set[str]:
        return {str((int(context[0]) + int(context[2])) % modulus)}

    return remainder_of_the_sum
