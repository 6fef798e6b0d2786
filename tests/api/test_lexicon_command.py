"""``chengxin lexicon`` as scripts rely on it: output, exit codes, and bad folders refused in one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.check import train
from classifiers.freshness import MODEL_DIR
from lexicons.files import ROOT, source_files

CHENGXIN = Path(sys.executable).parent / "chengxin"


@pytest.fixture(scope="module", autouse=True)
def _trained() -> None:
    train(if_needed=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "lexicon"
    for file in source_files(ROOT):
        target = root / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return root


@pytest.fixture
def texts(tmp_path: Path) -> str:
    file = tmp_path / "texts.txt"
    file.write_text("这款五谷粉能根治糖尿病\n大家好\n", encoding="utf-8")
    return str(file)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CHENGXIN, "lexicon", *arguments], capture_output=True, text=True, check=False)


def append(root: Path, name: str, text: str) -> None:
    with (root / name).open("a", encoding="utf-8") as file:
        file.write("\n" + text + "\n")


def test_diff_names_what_is_new_and_says_so_by_its_exit_code(copy: Path) -> None:
    assert run("diff", "bundled", str(copy)).returncode == 0
    append(copy, "concepts/polarity.yaml", "brand_new: {about: 新, terms: [前所未闻]}")
    append(copy, "brands.yaml", "- {brand: 测试新牌, categories: [food]}")
    done = run("diff", "bundled", str(copy))
    assert done.returncode == 1
    assert "+ brand_new" in done.stdout
    assert "+ 测试新牌" in done.stdout
    found = json.loads(run("diff", "bundled", str(copy), "--json").stdout)
    assert {(one["kind"], one["name"], one["what"]) for one in found["changes"]} == {
        ("concept", "brand_new", "added"),
        ("brand", "测试新牌", "added"),
    }


def test_check_passes_the_bundled_lexicon_and_counts_its_hints() -> None:
    done = run("check")
    assert done.returncode == 0
    assert "问题 0 个" in done.stdout


FAILING = "- {id: ABS.failing, about: 试, slots: [[negation]], examples: {yes: [甲, 乙], no: [丙, 丁]}}"
UNKNOWN = "- {id: ABS.unknown, about: 试, slots: [[no_such]], examples: {yes: [甲, 乙], no: [丙, 丁]}}"


def test_check_runs_the_examples_and_tells_file_and_line(copy: Path) -> None:
    append(copy, "frames/ABS.yaml", FAILING)
    done = run("check", str(copy))
    assert done.returncode == 1
    assert "正例没有命中：甲" in done.stdout
    assert "frames/ABS.yaml 第" in done.stdout


def test_check_names_every_wrong_name_not_just_the_first(copy: Path) -> None:
    append(copy, "frames/ABS.yaml", UNKNOWN + "\n" + UNKNOWN.replace("ABS.unknown", "ABS.other"))
    found = json.loads(run("check", str(copy), "--json").stdout)
    assert {one["entry"] for one in found["problems"]} == {"ABS.unknown", "ABS.other"}


@pytest.mark.parametrize("arguments", [("check", "nowhere"), ("diff", "nowhere"), ("show", "NOPE"), ("show",)])
def test_what_cannot_be_read_ends_with_two(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_yaml_is_named(copy: Path) -> None:
    (copy / "codes.yaml").write_bytes(b"\xff\xfe")
    done = run("check", str(copy))
    assert done.returncode == 2
    assert "codes.yaml" in done.stderr


def test_show_tells_the_fines_of_the_day_and_the_lighter_later_law() -> None:
    done = run("show", "FAKE-TRADE", "--act", "2025-09-01", "--decided", "2026-03-01")
    assert done.returncode == 0
    assert "处20万元至100万元罚款" in done.stdout
    assert "第二十五条（2025-10-15 起）：较轻，适用新规定" in done.stdout
    refused = run("show", "FAKE-TRADE", "--act", "2026-03-01", "--decided", "2025-09-01")
    assert refused.returncode == 2
    assert "早于行为日" in refused.stderr


def test_backtest_of_a_lexicon_with_itself_finds_nothing(copy: Path, texts: str) -> None:
    done = run("backtest", "--old", "bundled", "--new", str(copy), texts)
    assert done.returncode == 0, done.stderr
    assert "没有差别" in done.stdout


def test_backtest_refuses_a_model_of_another_lexicon(copy: Path, texts: str) -> None:
    append(copy, "brands.yaml", "- {brand: 测试新牌, categories: [food]}")
    done = run("backtest", "--new", str(copy), "--new-model", str(MODEL_DIR), texts)
    assert done.returncode == 2
    assert "不符" in done.stderr


@pytest.mark.slow
def test_backtest_trains_for_a_lexicon_that_has_no_model_and_tells_what_disappeared(copy: Path, texts: str) -> None:
    exemptions = copy / "exemptions.yaml"
    append(
        copy,
        "exemptions.yaml",
        '- {id: TEST, codes: [MEDICAL], name: 试, basis: {law: advertising-law, article: "17"}, result: "yes", '
        "when: {any: [grain_powder]}}",
    )
    append(copy, "concepts/polarity.yaml", "grain_powder: {about: 试, terms: [五谷粉]}")
    codes = copy / "codes.yaml"
    text = codes.read_text(encoding="utf-8")
    codes.write_text(
        text.replace("exemptions: [MANDATORY, APPROVED-MED,", "exemptions: [TEST, MANDATORY, APPROVED-MED,", 1), "utf-8"
    )
    assert exemptions.is_file()
    done = run("backtest", "--new", str(copy), texts, "--json")
    assert done.returncode == 1, done.stderr
    assert "训练" in done.stderr
    found = json.loads(done.stdout)
    (shift,) = found["shifts"]
    assert (shift["line"], shift["what"]) == (1, "disappeared")
    assert (shift["old"]["status"], shift["new"]["status"]) == ("violation", "exempt")
    assert found["old"]["model"] != ""
