"""The loader: a wrong entry stops the start with file, line and what to do; the version follows the content."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import ConfigurationError
from lexicons.loader import load_lexicon


def append(root: Path, name: str, text: str) -> None:
    with (root / name).open("a", encoding="utf-8") as file:
        file.write("\n" + text + "\n")


FRAME = """- id: {id}
  about: 测试
  slots: [[{concept}]]
  examples: {{yes: [甲, 乙], no: [丙, 丁]}}
"""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("frames/ABS.yaml", FRAME.format(id="ABS.test", concept="no_such_concept"), "no_such_concept"),
        ("frames/ABS.yaml", FRAME.format(id="ABS.top", concept="negation") * 2, "ABS.top"),
        (
            "frames/ABS.yaml",
            "- {id: ABS.empty, about: 空, slots: [], examples: {yes: [甲, 乙], no: [丙, 丁]}}",
            "ABS.empty",
        ),
        ("frames/ABS.yaml", "- {id: ABS.bare, about: 无例, slots: [[negation]]}", "examples"),
        ("frames/ABS.yaml", "- 12", "frames/ABS.yaml"),
        ("concepts/polarity.yaml", "negation: {about: 重复, terms: [不]}", "negation"),
        ("concepts/polarity.yaml", "broken_regex: {about: 坏, regex: ['(']}", "broken_regex"),
        ("laws.yaml", "- {id: x, name: 某法, short: 某法, versions: [{from: 不是日期, articles: {}}]}", "laws.yaml"),
        ("codes.yaml", "- [", "codes.yaml"),
    ],
)
def test_a_wrong_entry_names_its_file(copy: Path, name: str, text: str, said: str) -> None:
    append(copy, name, text)
    with pytest.raises(ConfigurationError) as caught:
        load_lexicon(copy)
    assert Path(name).name in str(caught.value)
    assert said in str(caught.value)


def test_a_citation_of_an_article_the_law_does_not_have_is_refused(copy: Path) -> None:
    codes = copy / "codes.yaml"
    text = codes.read_text(encoding="utf-8")
    codes.write_text(
        text.replace('law: advertising-law, article: "17"', 'law: advertising-law, article: "999"', 1), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match="999"):
        load_lexicon(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "laws.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"laws\.yaml"):
        load_lexicon(copy)


def test_the_version_follows_the_content(copy: Path) -> None:
    before = load_lexicon(copy).version
    assert before == load_lexicon().version
    append(copy, "brands.yaml", "- {brand: 测试新牌, categories: [food]}")
    assert load_lexicon(copy).version != before
