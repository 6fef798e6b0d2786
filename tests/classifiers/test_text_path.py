"""Normalising and cutting: every place leads back to the original text, and the words are jieba's."""

from __future__ import annotations

import jieba
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.corpus import load_corpus
from classifiers.normalise import fold, normalise, squeeze
from classifiers.segment import cut
from lexicons.loader import load_lexicon

ANY_TEXT = st.text(st.characters(exclude_characters="\n"), max_size=60)


@given(st.lists(ANY_TEXT, max_size=6))
def test_every_kept_character_leads_back_to_the_one_it_came_from(texts: list[str]) -> None:
    batch = normalise(texts)
    for row in range(batch.rows):
        for place in range(int(batch.starts[row]), int(batch.ends[row])):
            start, end = batch.span(place, place + 1)
            assert end == start + 1
            assert fold(texts[row][start:end]) == batch.text[place]


@given(ANY_TEXT)
def test_folding_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "squeezed"),
    [
        ("最-佳", "最佳"),
        ("治 . 疗", "治疗"),
        ("治療ＡＢＣ", "治疗abc"),
        ("根\u200b治", "根治"),
        ("1.5倍，1:1", "1.5倍1:1"),
        ("", ""),
        ("！？……", ""),
    ],
)
def test_disguises_fall_away(text: str, squeezed: str) -> None:
    assert squeeze(text) == squeezed


@pytest.mark.parametrize("text", ["\ud800", "\x00", "🀄" * 1000, "好" * 200_000, "\ufeff", "a\ud83d\ude00b"])
def test_no_text_is_too_strange(text: str) -> None:
    assert normalise([text, "好"]).rows == 2


def test_the_words_are_those_of_jieba_without_its_hidden_markov_model() -> None:
    jieba.setLogLevel(60)
    lines = load_corpus(codes=load_lexicon().codes).lines[::7]
    assert len(lines) > 1500
    different = []
    for line in lines:
        text = squeeze(line.text)
        if cut(text) != list(jieba.cut(text, HMM=False)):
            different.append(text)
    assert different == []
