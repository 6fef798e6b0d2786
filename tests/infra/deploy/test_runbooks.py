"""Every command that a document or a message names exists and takes the options named; runbooks are whole and linked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import NoSuchCommand, check_command

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
PAGES += [str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")]
ADVICE = [str(path.relative_to(ROOT)) for path in (ROOT / "api" / "doctor").glob("*.py")]
SECTIONS = ["现象", "先看", "怎么做", "核对"]
END = {"|", "||", "&&", ";", "#", "<", ">", "2>"}


def spans(text: str) -> Iterator[str]:
    """Pieces of a page that are code: lines of fenced blocks, and inline code outside of them."""
    parts = re.split(r"^\s*```.*$", text, flags=re.MULTILINE)
    for number, part in enumerate(parts):
        if number % 2:
            yield from part.replace("\\\n", " ").splitlines()
        else:
            yield from re.findall(r"`([^`\n]+)`", part)


def commands(text: str) -> Iterator[list[str]]:
    """The words after ``chengxin`` in every piece of code that calls it."""
    for span in spans(text):
        for match in re.finditer(r"(?:^|[\s/$|(])chengxin\s+(?=[a-z-])", span):
            if re.search(r"(?:-n|-t|namespace|create ns|--group)\s+$", span[: match.end()].removesuffix("chengxin ")):
                continue
            lexer = shlex.shlex(span[match.end() :], posix=True, punctuation_chars="|;<>&")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in lexer:
                if word in END or word.startswith(("(", "（")):
                    break
                words.append(word.rstrip("…，。"))
            yield words


NAMED = [(page, words) for page in PAGES for words in commands((ROOT / page).read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "words"), NAMED)
def test_a_named_command_exists_with_its_options(page: str, words: list[str]) -> None:
    check_command(words)


@pytest.mark.parametrize("page", ADVICE)
def test_what_doctor_advises_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for advice in re.findall(r"chengxin ((?:[a-z-]+ ?)+)", text):
        check_command(advice.split())
    assert [name for name in re.findall(r"docs/[\w/.-]+\.md", text) if not (ROOT / name).is_file()] == []


def test_commands_are_really_found_in_the_pages() -> None:
    assert len(NAMED) > 40
    assert any(words[:2] == ["deadletters", "replay"] and "--topic" in words for _, words in NAMED)


@pytest.mark.parametrize(
    "words",
    [
        ["deadleters"],
        ["deadletters", "burn"],
        ["topics", "apply", "--forse"],
        ["worker", "--only", "nothing"],
        ["topics"],
    ],
)
def test_a_command_that_does_not_exist_is_noticed(words: list[str]) -> None:
    with pytest.raises(NoSuchCommand):
        check_command(words)


@pytest.mark.parametrize("page", sorted(path.name for path in RUNBOOKS.glob("*.md") if path.name != "README.md"))
def test_a_runbook_has_its_four_parts_in_order_and_is_listed(page: str) -> None:
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == SECTIONS
    assert f"]({page})" in (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    check = text.split("## 核对")[1]
    assert "chengxin" in check


def test_every_trouble_of_the_issue_has_a_runbook() -> None:
    wanted = {
        "consumer-lag",
        "dead-letters",
        "disk-full",
        "reindex",
        "broker-loss",
        "database-loss",
        "key-rotation",
        "upgrade",
    }
    assert wanted <= {path.stem for path in RUNBOOKS.glob("*.md")}
