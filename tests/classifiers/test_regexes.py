"""The row filter of the regexes saves time and loses nothing."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.corpus import load_corpus
from classifiers.normalise import normalise
from classifiers.regexes import Marked, RegexSet, filter_of, needed
from lexicons.loader import load_lexicon

EVERY = 23


@cache
def patterns() -> tuple[str, ...]:
    return tuple(pattern for concept in load_lexicon().concepts.values() for pattern in concept.regex)


@cache
def regexes() -> RegexSet:
    return RegexSet(patterns(), [filter_of(pattern) for pattern in patterns()])


def found(texts: list[str]) -> set[tuple[int, int, int]]:
    return {(start, end, pattern) for start, end, pattern in regexes().find(normalise(texts)).tolist()}


def found_without_filter(texts: list[str]) -> set[tuple[int, int, int]]:
    marked = Marked(normalise(texts))
    result = set()
    for first, last in zip(marked.starts, marked.ends, strict=True):
        for number, pattern in enumerate(patterns()):
            for match in re.compile(pattern, re.ASCII).finditer(marked.text, first, last):
                start, end = match.span()
                result.add((int(marked.origin[start]), int(marked.origin[end - 1]) + 1, number))
    return result


def test_the_filter_loses_no_match_in_the_corpus() -> None:
    texts = [line.text for line in load_corpus(codes=load_lexicon().codes).lines][::EVERY]
    assert found(texts) == found_without_filter(texts)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(st.sampled_from("不治没有三3天年最好，。瘦斤|百万元疗程第一保修"), max_size=12).map("".join),
        max_size=4,
    )
)
def test_the_filter_loses_no_match_in_any_text(texts: list[str]) -> None:
    assert found(texts) == found_without_filter(texts)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?:不|没)(?:过|录取)", "不录取"),
        (r"[\d三]{1,3}(?:天|日)", "33天"),
        (r"不(?=能|会)", "不会"),
        (r"(?:差|烂)[^|]{0,3}货", "烂东西货"),
        (r"a(?:b|[^c])d", "axd"),
        (r"(?:多)?(?:万|千)?", ""),
        (r"x{2,}y?", "xxx"),
    ],
)
def test_every_match_holds_a_piece_of_each_needed_set(pattern: str, text: str) -> None:
    assert re.search(pattern, text)
    assert all(any(piece in text for piece in pieces) for pieces in needed(pattern))
