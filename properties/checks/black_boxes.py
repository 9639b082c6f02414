"""How the checks of answers are settled of a black box: every context asked, or else as many as there is time for.

What is found on a sample alone is `undecided`: a black box is never proved.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from random import Random

from properties.checks.table import of_black_boxes
from properties.checks.verdict import Finding, How, Method
from properties.proof.counterexample import Counterexample
from zoo import contexts
from zoo.black_box import BlackBox, Said
from zoo.contexts import Context, written
from zoo.errors import ModelError, shown
from zoo.progress import steps
from zoo.rule import Asked
from zoo.rule.origin import where_raised
from zoo.rule.watch import watching

REACH, MOST = 10**6, 10**8  # contexts that are all asked for, and with --method enumerate
SECONDS = 120.0  # what one question may take, where not every context must be asked for
AGAIN, AGAIN_SECONDS = 256, 20.0  # contexts, from the first and from the last, that are asked for a second time
CALLS, SHRINK_SECONDS = 5000, 30.0  # to make one simpler
STALE = 20_000  # contexts in a row that were drawn before: there may be no others
UNSTEADY = "it should depend on nothing but its context"


@dataclass
class _Seen:
    """What was asked for, and how it came out."""

    method: Method
    number: int = 0
    judged: int = 0
    wrong: dict[Context, tuple[Said, frozenset[str]]] = field(default_factory=dict)
    right: dict[Context, Said] = field(default_factory=dict)  # some of them, to be asked for again
    ended: str = ""  # why not all that were to be asked for were

    @property
    def whole(self) -> bool:
        """Whether every context there is was asked for."""
        return self.method == "enumerated" and not self.ended


@of_black_boxes
def rule(box: BlackBox, how: How) -> Finding:
    if box.rule is None:
        return Finding("undecided", "computed", 0, "the black box states no rule, predictor or claim to hold it to")
    return settle(box, box.asked(box.rule, "rule"), how)


@of_black_boxes
def predictors(box: BlackBox, how: How) -> Finding:
    findings = [settle(box, box.asked(predictor, "predictor"), how) for predictor in box.predictors]
    return min(findings, key=lambda finding: ["failed", "undecided", "holds"].index(finding.status))


@of_black_boxes
def deviations(box: BlackBox, how: How) -> Finding:
    why = []
    for deviation in box.deviations:
        found = settle(box, box.asked(deviation.meant, "rule"), how)
        if found.detail == UNSTEADY:  # whatever is stated
            return found
        stated, wrong = deviation.stated(box), set(found.failures)
        odd = wrong - stated if found.contexts < box.scope.count() else stated ^ wrong
        if odd:
            context = min(odd, key=lambda context: (len(context), tuple(context)))
            detail = "not a stated deviation" if context in wrong else "stated as a deviation, which it is not"
            return replace(found, status="failed", detail=f"{written(context)}: {detail}", counterexample=None)
        if found.contexts < box.scope.count():
            return replace(
                found, status="undecided", detail="no context but stated ones was found", counterexample=None
            )
        why.append(f"{len(stated)} context{'s' * (len(stated) != 1)} as stated, {deviation.why}")
    return replace(found, status="deviates", detail="; ".join(why), counterexample=None)


def settle(box: BlackBox, asked: Asked, how: How) -> Finding:
    """Every context that can be asked for against what is permitted there. What the box prints is no verdict."""
    with contextlib.redirect_stdout(sys.stderr):
        seen = _run(box, asked, how)
        unsteady = _unsteady(box, seen)
        if unsteady is None and seen.wrong:
            return _failed(box, asked, seen, how)
    if unsteady is not None:
        return Finding("failed", seen.method, seen.number, UNSTEADY, None, unsteady, tuple(seen.wrong))
    found = Finding("holds", seen.method, seen.number)
    if not seen.judged and seen.whole:
        return replace(found, status="failed", detail="vacuous: nothing is determined in any context")
    if seen.whole:
        return found
    judged = "" if seen.judged == seen.number else f"; {seen.judged} of them are judged"
    return replace(found, status="undecided", detail=_tried(box, seen, how, "none wrong in") + judged)


def _run(box: BlackBox, asked: Asked, how: How) -> _Seen:
    seen, start = _Seen(_method(box, how)), time.monotonic()
    last: dict[Context, Said] = {}
    total = box.scope.count() if seen.method == "enumerated" else how.tries
    every = box.contexts() if seen.method == "enumerated" else _drawn(box, how)
    with watching(asked) as permits:
        for context in steps(every, "contexts", total):
            permitted, late = permits(context), False
            seen.number += 1
            if box.judges(permitted):
                seen.judged += 1
                said = box.predict.say(context)
                late = said.late
                if not box.right(said, permitted):
                    seen.wrong[context] = said, permitted
                elif len(seen.right) < AGAIN:
                    seen.right[context] = said
                else:
                    last[context] = said
                    if len(last) > AGAIN:
                        del last[next(iter(last))]
            out_of_time = how.method != "enumerate" and time.monotonic() - start > SECONDS
            if (late or out_of_time) and seen.number < total:  # behind one that is late, each may take as long
                seen.ended = "until one was late" if late else f"in the {SECONDS:g} seconds allowed"
                break
    seen.right |= last
    return seen


def _method(box: BlackBox, how: How) -> Method:
    number = box.scope.count()
    if how.method == "enumerate" and number > MOST:
        raise ModelError(
            f"{box.name} has {contexts.counted(number)} contexts, but should have fewer to be enumerated: the method "
            "auto tries some"
        )
    return "enumerated" if how.method == "enumerate" or (how.method != "sample" and number <= REACH) else "sampled"


def _drawn(box: BlackBox, how: How) -> Iterator[Context]:
    """Different contexts by the box's own generator, or one that knows the domain only. ModelError for what is none."""
    from zoo import generators  # and below, what is needed where contexts are too many, or wrong

    generate = generators.structured(box.scope, box.vocab) if box.generate is None else box.generate
    random, met, stale = Random(how.seed), set[Context](), 0
    while len(met) < how.tries and stale < STALE:
        try:
            words = tuple(generate(random))
            inside = words in box.scope
        except (Exception, SystemExit) as error:
            raised, where = f"{type(error).__name__}: {shown(error, str)}", where_raised(error)
            raise ModelError(f"{box.name}: generate raises {raised}, but should give a context{where}") from error
        if not inside:
            raise ModelError(f"{box.name}: generate gives {shown(words)}, but should give a context of the domain")
        context = "".join(words) if box.reads_strings else words
        stale += 1
        if context not in met:
            stale = 0
            met.add(context)
            yield context


def _unsteady(box: BlackBox, seen: _Seen) -> Counterexample | None:
    """A context that gets another answer when it is asked for again, in the opposite order: the simplest."""
    wrong = {context: said for context, (said, _) in list(seen.wrong.items())[:AGAIN]}
    found, start = [], time.monotonic()
    for context, said in reversed(list(chain(seen.right.items(), wrong.items()))):
        if said.late or time.monotonic() - start > AGAIN_SECONDS:
            continue
        again = box.predict.say(context)
        if again != said:
            first, second = (one.problem or f"says {one.answer}" for one in (said, again))
            found.append(Counterexample(context, "", (), (), None, "", f"{first}, and {second} when it is asked again"))
    return min(found, key=lambda one: (len(one.context), tuple(one.context)), default=None)


def _failed(box: BlackBox, asked: Asked, seen: _Seen, how: How) -> Finding:
    """The wrong contexts, simplest first; before them, where not all were asked for, what they shrink to."""
    from properties.checks.shrinking import Shrinker

    start = time.monotonic()

    def wrong(context: Context) -> bool:
        if time.monotonic() - start > SHRINK_SECONDS:
            return False
        permitted = asked(context)
        return box.judges(permitted) and not box.right(box.predict.say(context), permitted)

    shrinker = Shrinker(box.scope, box.vocab, wrong, CALLS)
    failures = sorted(seen.wrong, key=shrinker.key)
    first = failures[0]
    said, permitted = seen.wrong[first]
    detail = _tried(box, seen, how, f"wrong in {len(failures)} of" if seen.whole else f"{len(failures)} wrong in")
    if not seen.whole and not said.late:
        first = shrinker.simplest(first)
        said, permitted = box.predict.say(first), asked(first)
        failures = list(dict.fromkeys([first, *failures]))
        detail += "; what is shown is the simplest found from there"
    shown = Counterexample(first, said.answer, tuple(sorted(permitted)), (), None, "", said.problem)
    return Finding("failed", seen.method, seen.number, detail, None, shown, tuple(failures))


def _tried(box: BlackBox, seen: _Seen, how: How, some: str) -> str:
    """ "... 20000 of 10^20 contexts, drawn by its own generator with seed 0", behind what is said of them."""
    total = box.scope.count()
    text = f"{some} {contexts.counted(seen.number)}"
    text += " contexts" if seen.number == total else f" of {_power(total)} contexts"
    if seen.method == "sampled":
        text += f", drawn by {'a general' if box.generate is None else 'its own'} generator with seed {how.seed}"
    return text + (f", {seen.ended}" if seen.ended else "")


def _power(number: int) -> str:
    """As people write the numbers of ten digits: 10^20."""
    power = len(str(number)) - 1 if number < 10**1000 else 0
    return f"10^{power}" if power > 6 and number == 10**power else contexts.counted(number)
