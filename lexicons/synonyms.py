"""Words that a search may take for one another: ``synonyms.yaml``, known disguises, other names of a brand.

They serve the search only and are no part of the lexicon's version: nothing is judged by them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from infra.errors import ConfigurationError
from lexicons.schema import Lexicon

FILE: Final = Path(__file__).parent / "synonyms.yaml"


class Synonyms:
    """``of(word)``: the other ways to say it; both sides folded."""

    def __init__(self, lexicon: Lexicon, fold: Callable[[str], str], *, file: Path = FILE) -> None:
        self._others: dict[str, dict[str, None]] = defaultdict(dict)
        for group in [*read_groups(file), *_names(lexicon)]:
            folded = dict.fromkeys(fold(word) for word in group)
            for word in folded:
                self._others[word].update(folded)

    def of(self, word: str) -> Sequence[str]:
        """Other words for a folded word, without itself; empty when there are none."""
        return [other for other in self._others.get(word, ()) if other != word]


def read_groups(file: Path) -> list[list[str]]:
    """The groups of the file.

    Raises:
        ConfigurationError: the file is not a list of lists of words; names the entry and what to do.
    """
    try:
        groups = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"同义词 {file.name} 读不出来：{error}") from None
    if not isinstance(groups, list):
        raise ConfigurationError(f"同义词 {file.name}：应是列表，每行一组，如 - [退货, 退款]")
    for number, group in enumerate(groups, 1):
        words = group if isinstance(group, list) else []
        if len(words) < 2 or not all(isinstance(word, str) and len(word) >= 2 for word in words):
            raise ConfigurationError(f"同义词 {file.name} 第 {number} 组 {group!r}：应有两个以上的说法，每个至少两个字")
    return groups


def _names(lexicon: Lexicon) -> Iterator[Sequence[str]]:
    for word, forms in lexicon.disguises.forms.items():
        yield (word, *forms)
    for brand in lexicon.brands:
        yield (brand.brand, *brand.aliases)
