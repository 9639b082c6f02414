"""The byte-pair tokenizer: what holds of every text, and the figures of a small one worked out by hand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import ContextError
from zoo.models import explainer
from zoo.training.byte_pair import END_OF_TEXT, BytePair, merge, train

TEXTS = st.lists(st.text("abc .", min_size=1, max_size=30), min_size=1, max_size=3)


@given(TEXTS, st.integers(0, 8), st.data())
def test_decode_undoes_encode(texts: list[str], merges: int, data: st.DataObject) -> None:
    tokenizer = train(texts, merges)
    text = data.draw(st.text(tokenizer.characters, max_size=30))
    for end in (True, False):
        assert tokenizer.decode(tokenizer.encode(text, end)) == text
    assert tokenizer.encode(text) == [*tokenizer.encode(text, end=False), tokenizer.vocab.index(END_OF_TEXT)]


@given(TEXTS, st.integers(0, 8))
def test_training_is_deterministic_and_each_merge_is_the_first_of_the_most_frequent(texts: list[str], n: int) -> None:
    tokenizer = train(texts, n)
    assert train(texts, n) == tokenizer
    words = list("".join(texts))
    for pair in tokenizer.merges:
        pairs = list(pairwise(words))
        most = max(pairs.count(p) for p in pairs)
        assert pair == next(p for p in pairs if pairs.count(p) == most)
        words = merge(words, pair)
    assert len(tokenizer.merges) == n or len(words) == 1
    assert [tokenizer.vocab[i] for i in tokenizer.encode("".join(texts), end=False)] == words


@given(TEXTS, st.integers(0, 8), st.data())
def test_no_merge_is_left_to_apply(texts: list[str], merges: int, data: st.DataObject) -> None:
    tokenizer = train(texts, merges)
    numbers = tokenizer.encode(data.draw(st.text(tokenizer.characters, max_size=30)), end=False)
    words = [tokenizer.vocab[i] for i in numbers]
    assert not set(pairwise(words)) & set(tokenizer.merges)


def test_a_small_text_by_hand() -> None:
    # (a, b) and (b, space) occur three times each: the first to appear wins, then ("ab", space), then (space, c).
    tokenizer = train(["ab ab AB", " c"], merges=2)
    assert tokenizer.merges == (("a", "b"), ("ab", " "))
    assert tokenizer.vocab == (" ", "a", "b", "c", "ab", "ab ", END_OF_TEXT)
    assert tokenizer.encode("ab ba c") == [5, 2, 1, 0, 3, 6]
    assert train(["aaa"], merges=9).merges == (("a", "a"), ("aa", "a"))


def test_tokens_spelled_alike_share_a_number() -> None:
    tokenizer = BytePair(("a", "b", "c"), (("a", "b"), ("ab", "c"), ("b", "c"), ("a", "bc")))
    assert tokenizer.vocab == ("a", "b", "c", "ab", "abc", "bc", END_OF_TEXT)
    assert tokenizer.decode(tokenizer.encode("abcbc")) == "abcbc"


@pytest.mark.parametrize("text", ["abz", "A", f"a{END_OF_TEXT}", "\N{EN DASH}"])
def test_what_is_no_text_of_its_alphabet_is_refused(text: str) -> None:
    with pytest.raises(ContextError, match="but should"):
        train(["abc <|endoftext|", " >"]).encode(text)


def test_numbers_and_training_texts_that_are_refused() -> None:
    for number in (-1, 4):
        with pytest.raises(ContextError, match="but should be from 0 to 3"):
            train(["ab"], merges=1).decode([0, number])
    with pytest.raises(ContextError, match="training text"):
        train(["a<|endof", "text|>"])
    for merges in (-1, 1.5, "2"):
        with pytest.raises(ContextError, match=r"merges were asked for, but should be a whole number from 0 on"):
            train(["ab"], merges)  # type: ignore[arg-type]
    for texts in (None, [3], 3):
        with pytest.raises(ContextError, match="but should be strings"):
            train(texts)  # type: ignore[arg-type]


def test_the_tokenizer_of_the_source() -> None:
    tokenizer = explainer.TOKENIZER
    assert len(tokenizer.vocab) == 36
    assert tokenizer.vocab.index(END_OF_TEXT) == 35
    ids = list(explainer.IDS)
    assert [35, *tokenizer.encode(tokenizer.decode(ids[1:]), end=False)] == ids
