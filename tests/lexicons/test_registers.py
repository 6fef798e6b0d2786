"""An authority's own brand register: YAML or CSV, and every wrong row refused with file, line and what to do."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from infra.errors import ConfigurationError
from lexicons.registers import load_brands, load_listing_words

CATEGORIES = ("food", "apparel")
HEAD = "brand,aliases,categories,floor_price,licensed_sellers\n"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_and_yaml_say_the_same(tmp_path: Path) -> None:
    csv = write(tmp_path, "b.csv", "\ufeff" + HEAD + "甲岭,jialing;甲玲,food,59.90,shop-1、shop-2\n\n乙川,,,,\n")
    first = "brand: 甲岭, aliases: [jialing, 甲玲], categories: [food], floor_price: '59.90', licensed_sellers: [shop-1, shop-2]"
    text = f"# 登记表\n- {{{first}}}\n- brand: 乙川\n"
    yaml = write(tmp_path, "b.yaml", text)
    from_csv, from_yaml = (load_brands(path, categories=CATEGORIES) for path in (csv, yaml))
    assert from_csv.brands == from_yaml.brands
    assert from_csv.brands[0].floor_price == Decimal("59.90")
    assert from_csv.version != from_yaml.version


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("b.csv", "name,price\n甲,1\n", 1, "表头"),
        ("b.csv", HEAD + "甲,,food\n", 2, "3 列"),
        ("b.csv", HEAD + "甲,,,-1,\n", 2, "大于零"),
        ("b.csv", HEAD + "甲,,,abc,\n", 2, "docs/lexicons.md"),
        ("b.csv", HEAD + "甲,,foood,1,\n", 2, "是否想写 food"),
        ("b.csv", HEAD + "甲,同名,,1,\n乙,同名,,1,\n", 3, "已登记给品牌 甲"),
        ("b.csv", HEAD + "甲,,,1,\n甲,,,2,\n", 3, "重复"),
        ("b.csv", HEAD + "**,,,1,\n", 2, "只有符号"),
        ("b.csv", HEAD.encode() + "甲".encode("gbk"), 2, "UTF-8"),
        ("b.yaml", "- {brand: 甲}\n- {brand: 乙, colour: red}\n", 2, "colour"),
        ("b.yaml", "brand: 甲\n", 1, "列表"),
        ("b.yaml", "- {brand: 甲\n", 2, "YAML"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, line: int, message: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_brands(path, categories=CATEGORIES)
    assert f"第 {line} 行" in str(caught.value)
    assert name in str(caught.value)


def test_no_file_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="请检查路径"):
        load_brands(tmp_path / "none.csv", categories=CATEGORIES)
    with pytest.raises(ConfigurationError, match="空的"):
        load_brands(write(tmp_path, "b.csv", HEAD), categories=CATEGORIES)


@pytest.mark.parametrize("content", ["copy: []", "copy: [1]", "- x", "copy: ['']"])
def test_wrong_wording_groups_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError, match=r"w\.yaml"):
        load_listing_words(write(tmp_path, "w.yaml", content))
