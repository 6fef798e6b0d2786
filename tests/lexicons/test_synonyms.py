"""Synonyms for the search: both ways, folded, and wrong files are said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifiers.normalise import fold
from infra.errors import ConfigurationError
from lexicons.loader import load_lexicon
from lexicons.synonyms import FILE, Synonyms, read_groups


@pytest.fixture(scope="module")
def synonyms() -> Synonyms:
    return Synonyms(load_lexicon(), fold)


@pytest.mark.parametrize(
    ("word", "other"),
    [("根治", "治愈"), ("治愈", "根治"), ("微信", "薇信"), ("薇信", "微信"), ("松禾坝", "songheba"), ("减肥", "瘦身")],
)
def test_words_stand_for_one_another(synonyms: Synonyms, word: str, other: str) -> None:
    assert other in synonyms.of(word)
    assert word not in synonyms.of(word)


def test_a_word_nobody_listed_has_none(synonyms: Synonyms) -> None:
    assert list(synonyms.of("稻花香")) == []


def test_no_word_of_the_file_is_in_a_group_twice() -> None:
    for group in read_groups(FILE):
        assert len(group) == len(set(map(fold, group))), group


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: b", "应是列表"),
        ("- [退货]", "第 1 组"),
        ("- [退货, 退款]\n- [货, 款]", "第 2 组"),
        ("- [退货, 5]", "第 1 组"),
        ("- [退货", "读不出来"),
    ],
)
def test_a_wrong_file_is_refused_with_the_entry(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "synonyms.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        read_groups(file)
