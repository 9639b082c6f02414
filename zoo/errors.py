"""What the project raises when it is handed something it cannot take: always one sentence, never a guess."""

from collections.abc import Callable, Sequence

SHOWN = 200  # characters of what a stranger's object says of itself


class ZooError(ValueError):
    """The base of the project's exceptions; the command prints its sentence and exits with status 2."""


class ContextError(ZooError):
    """A context or an array of tokens that the model cannot read."""


class ModelError(ZooError):
    """Arrays, a vocabulary or a model file whose parts do not fit together."""


class RuleError(ZooError):
    """A rule or predictor that raises, or whose answer is not made of tokens of the vocabulary."""


class FailingError(ZooError):
    """A model that fails what is stated of it where only of one that holds more can be said; exit status 1."""


class UnavailableError(ZooError):
    """Something that this machine lacks: a compiler, an emulator, an instruction set."""


class UnknownNameError(ZooError):
    """A model or check that does not exist."""


class FileError(ZooError):
    """A directory or file that cannot be read or written as a model."""


class CertificateError(ZooError):
    """A certificate that does not prove what it says; of `zoo recheck` exit status 1."""


class MismatchError(CertificateError):
    """A certificate of another model, function or format than it was held against; exit status 2, as all bad input."""


def listed(words: Sequence[str], most: int = 100) -> str:
    """The words of a sentence that says what would be right: all of them, or so many and how many there are.

    Those that are no words, a comma for one, are in quotation marks.
    """
    first = ", ".join(word if word.isalnum() else repr(word) for word in words[: most if len(words) <= most else 10])
    return first if len(words) <= most else f"{first} and {len(words) - 10} others"


def printable(text: str) -> str:
    """What a terminal takes as text only: characters that are neither printable nor line breaks as Python escapes."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def shown(value: object, how: Callable[[object], str] = repr) -> str:
    """In one line, and not too long, whatever a stranger's object says of itself."""
    try:
        text = " ".join(how(value).splitlines())
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
