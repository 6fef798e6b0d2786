"""The listing model: reasons sum to the score; hard lawful pages are left alone; the corpus keeps its promises."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest

from classifiers import corpora, linear, listing_model
from classifiers.brands import Register
from classifiers.detector import Detector
from classifiers.listing_features import NAMES, Facts, features
from classifiers.listings import ListingText, check_listings
from classifiers.reading import Reader
from infra.errors import ConfigurationError
from lexicons.registers import BrandRegister, load_listing_words
from lexicons.schema import Brand


def page(title: str, price: str, **more: str) -> ListingText:
    return ListingText(title=title, price=Decimal(price), **more)


def brand_codes(detector: Detector, listing: ListingText, brands: BrandRegister | None = None) -> dict[str, str]:
    (result,) = check_listings([listing], detector, brands=brands)
    return {one.code: one.status for one in result.findings if one.code in listing_model.CODES and one.caught}


@pytest.mark.parametrize(
    ("listing", "code"),
    [
        (page("Vellanor 斜挎包 工厂流出", "310", brand="Vellanor", category="apparel"), "COUNTERFEIT"),
        (page("Kes*trune 跑鞋 过验 真标", "149", category="footwear"), "COUNTERFEIT"),
        (page("赫尔维 腕表 一比一复刻", "920", category="jewelry"), "COUNTERFEIT"),
        (page("0rlaine 保湿精华", "52", category="cosmetic"), "CONFUSION"),
        (page("Noctura平替 女士淡香", "36", category="cosmetic"), "CONFUSION"),
        (page("淞禾坝 稻花香米", "33", category="fresh"), "CONFUSION"),
    ],
)
def test_counterfeits_and_confusing_names_need_evidence(detector: Detector, listing: ListingText, code: str) -> None:
    assert code in brand_codes(detector, listing)


@pytest.mark.parametrize(
    "listing",
    [
        page("Kestrune 老款跑鞋 断码清仓", "280", category="footwear", seller="kestrune-sports"),
        page("适用砚北手机 钢化贴膜 三片装", "13", category="digital", description="非原装配件"),
        page("闲置 Tavessi 大衣 九成新", "900", category="apparel", description="附购买凭证，有使用痕迹"),
        page("Brenwick 风衣 买手店 发票齐", "3150", category="apparel"),
        page("青岚山景 陶瓷杯", "39", category="household", brand="青岚"),
    ],
)
def test_hard_lawful_pages_are_left_alone(detector: Detector, listing: ListingText) -> None:
    assert brand_codes(detector, listing) == {}


def test_the_reasons_sum_to_the_score_and_carry_names(reader: Reader) -> None:
    model = listing_model.bundled()
    register = Register(reader.lexicon.brands)
    facts = Facts("Vel*lanor 包 高仿 1:1 懂的来 盒子齐全另加", Decimal(199), "x", "apparel", "Vellanor")
    (seen,) = register.sightings(facts.page, facts.brand_field)
    scored = listing_model.judge(model, facts, seen)
    assert math.isclose(sum(one.weight for one in scored.because), scored.score, abs_tol=1e-9)
    assert scored.score == pytest.approx(model.questions[scored.code].score(features(facts, seen)))
    assert set(features(facts, seen)) <= set(NAMES)


def test_every_group_of_words_has_a_name_officers_can_read() -> None:
    assert set(load_listing_words()) <= set(NAMES)


def test_a_licence_in_the_register_relieves_the_words(detector: Detector) -> None:
    listing = page("Halvion 手表 一比一复刻 高仿", "99", seller="halvion-watch", category="jewelry")
    (result,) = check_listings([listing], detector)
    found = [one for one in result.findings if one.code == "COUNTERFEIT"]
    assert [one.status for one in found] in ([], ["exempt"])


def test_an_authoritys_own_register_counts_and_stands_in_the_versions(detector: Detector) -> None:
    own = BrandRegister((Brand(brand="Quellis", categories=("footwear",), floor_price=Decimal(900)),), "abc")
    listing = page("Quellis 跑鞋 高仿", "99", category="footwear")
    assert "COUNTERFEIT" in brand_codes(detector, listing, own)
    (result,) = check_listings([listing], detector, brands=own)
    assert result.versions.lexicon.endswith("+abc")
    assert result.versions.model.endswith(f"+{listing_model.bundled().version}")


def test_the_corpus_is_large_enough_and_much_of_it_lawful() -> None:
    lines = corpora.load_listings()
    lawful = sum(line.label == corpora.LAWFUL for line in lines)
    assert len(lines) >= 300
    assert lawful >= 0.4 * len(lines)
    assert len({(line.title, line.price, line.seller) for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"title": "x", "price": "1", "seller": "s"}', "第 2 行"),
        ('{"title": "x", "price": "1", "seller": "s", "label": "FAKE"}', "第 2 行"),
        ('{"title": " ", "price": "1", "seller": "s", "label": "ok"}', "title 是空的"),
        ('{"title": "x", "price": "-1", "seller": "s", "label": "ok"}', "不小于零"),
    ],
)
def test_a_wrong_corpus_line_is_refused_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message) as caught:
        corpora.load_listings(tmp_path)
    assert "a.jsonl" in str(caught.value)


def test_a_damaged_foreign_or_missing_model_is_refused(tmp_path: Path) -> None:
    made_of = listing_model.made_of()
    with pytest.raises(ConfigurationError, match="chengxin train"):
        linear.load("listings", made_of=made_of, folder=tmp_path)
    linear.save(listing_model.bundled(), tmp_path)
    assert linear.fits("listings", made_of=made_of, folder=tmp_path)
    assert not linear.fits("listings", made_of={**made_of, "语料": "other"}, folder=tmp_path)
    path = linear.path_of("listings", tmp_path)
    content = path.read_text(encoding="utf-8")
    for damaged in (content[:-20], content.replace('"bias":', '"bias":9', 1), "[]"):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(ConfigurationError, match="chengxin train"):
            linear.load("listings", made_of=made_of, folder=tmp_path)
