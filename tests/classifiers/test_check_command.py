"""``chengxin check``, ``evaluate`` and ``train --if-needed`` as scripts rely on them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from classifiers.detector import Detector

pytestmark = pytest.mark.usefixtures("detector")
CHENGXIN = Path(sys.executable).parent / "chengxin"
FIELDS = {
    "code", "name", "status", "confidence", "severity", "spans", "because", "basis", "exemptions", "liable", "explanation",
}  # fmt: skip


def run(*arguments: str, given: str | bytes = "") -> subprocess.CompletedProcess[bytes]:
    content = given if isinstance(given, bytes) else given.encode()
    return subprocess.run([CHENGXIN, *arguments], input=content, capture_output=True, check=False)


def test_one_json_object_for_each_line_in_order_empty_lines_too() -> None:
    texts = ["大家好", "", "这款五谷粉能根治糖尿病", "  ", "全网第一"]
    done = run("check", "--json", given="\n".join(texts) + "\n")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["text"] for line in lines] == texts
    assert done.returncode == 1
    assert set(lines[2]["findings"][0]) == FIELDS
    assert set(lines[2]["versions"]) == {"lexicon", "model", "law"}


def test_exit_codes() -> None:
    assert run("check", given="大家好\n").returncode == 0
    assert run("check", given="").returncode == 0
    assert run("check", given="能根治糖尿病\n").returncode == 1
    assert run("check", "nothing-here.txt").returncode == 2
    assert run("check", "--on", "tomorrow", given="x").returncode == 2
    assert run("check", "--category", "spaceship", given="x").returncode == 2
    assert run("check", "--nonsense").returncode == 2


def test_json_lines_carry_category_date_and_context() -> None:
    lines = [
        {"text": "能根治糖尿病", "category": "drug", "at": "2025-01-01"},
        {"text": "能根治糖尿病", "context": ["大家好", "刚才口误，它不能根治糖尿病"]},
    ]
    done = run("check", "--json", given="\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["findings"][0]["code"] == "DRUGDEV"
    assert first["versions"]["law"] == "2025-01-01"
    assert second["findings"][0]["status"] == "corrected"


def test_a_broken_line_is_named_by_its_number() -> None:
    done = run("check", "--json", given='{"text": "好"}\n{"text": \n')
    assert done.returncode == 2
    assert "第 2 行" in done.stderr.decode()
    wrong_bytes = run("check", given="好\n".encode() + b"\xff\xfe\n")
    assert wrong_bytes.returncode == 2
    assert "第 2 行" in wrong_bytes.stderr.decode()


def test_people_read_the_marked_words_the_rule_and_the_reasons() -> None:
    said = run("check", given="能根治糖尿病\n").stdout.decode()
    assert "MEDICAL" in said
    assert "第十七条" in said
    assert "理由" in said


def test_evaluate_prints_shares_with_their_intervals(tmp_path: Path, detector: Detector) -> None:
    lines = [
        {"text": "能根治糖尿病", "label": "MEDICAL"},
        {"text": "全网第一的羽绒服", "label": "PRICE", "alt": ["ABS"]},
        {"text": "大家好", "label": "ok"},
    ]
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    said = run("evaluate", str(file)).stdout.decode()
    assert "查出 100.0%（2/2" in said
    assert "误报 0.0%（0/1" in said
    report = json.loads(run("evaluate", str(file), "--json").stdout)
    assert report["recall"]["low"] < 1.0
    file.write_text('{"text": "x", "label": "NOPE"}', encoding="utf-8")
    refused = run("evaluate", str(file))
    assert refused.returncode == 2
    assert "NOPE" in refused.stderr.decode()


def test_training_again_without_need_is_one_quiet_line() -> None:
    done = run("train", "--if-needed")
    assert done.returncode == 0
    assert len(done.stdout.decode().strip().splitlines()) == 1
