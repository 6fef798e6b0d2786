"""The detector's files: a model that belongs to the lexicon at hand."""

from __future__ import annotations

from collections.abc import Iterator

from api.doctor.finding import Finding, guarded, ok
from classifiers import model as models
from classifiers.cache import load_reader
from infra.clock import Clock
from infra.settings import Settings
from lexicons.files import ROOT


@guarded("detector", "运行 chengxin train --if-needed 重新训练；词库有错先用 chengxin lexicon check 找出")
def examine(_settings: Settings, _clock: Clock) -> Iterator[Finding]:
    """Load it as ``serve`` would, but leave no compiled lexicon behind: somebody else's user may be examining."""
    lexicon = load_reader(ROOT).lexicon
    model = models.load(lexicon_version=lexicon.version, codes=list(lexicon.codes))
    yield ok("detector", f"词库 {lexicon.version}，模型 {model.meta.version}")
