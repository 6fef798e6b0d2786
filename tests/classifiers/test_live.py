"""New lexicon and model files come into use without a restart; broken ones never do."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from classifiers import cache
from classifiers import model as models
from classifiers.detector import Detector
from classifiers.finding import CheckResult, Item, Versions
from classifiers.live import LiveDetector, Watcher, load_detector, stamp_of
from infra.clock import FixedClock
from infra.telemetry import REGISTRY
from lexicons.files import ROOT, content_version, read_files, source_files

CLAIM = Item(text="这款五谷粉能根治糖尿病")
LONG_ENOUGH = 30.0


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    root = tmp_path / "lexicon"
    for file in source_files(ROOT):
        target = root / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return root


@pytest.fixture
def model(tmp_path: Path, detector: Detector) -> Path:
    folder = tmp_path / "model"
    models.save(detector._model, folder)
    return folder


@pytest.fixture
def live(lexicon: Path, model: Path, clock: FixedClock) -> LiveDetector:
    return LiveDetector(lambda: load_detector(lexicon, model), stamp=lambda: stamp_of(lexicon, model), clock=clock)


def change(lexicon: Path) -> str:
    """Add a brand; the new version of the lexicon."""
    with (lexicon / "brands.yaml").open("a", encoding="utf-8") as file:
        file.write("\n- {brand: 测试新牌, categories: [food]}\n")
    return content_version(read_files(lexicon))


def made_for(model: Path, version: str) -> None:
    """Let the model belong to this version of the lexicon, as training would."""
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    (model / "meta.json").write_text(json.dumps(meta | {"lexicon": version}), encoding="utf-8")


def caught(live: LiveDetector) -> bool:
    return any(finding.caught for finding in live.check([CLAIM])[0].findings)


def reloads(outcome: str) -> float:
    return REGISTRY.get_sample_value("chengxin_detector_reloads_total", {"outcome": outcome}) or 0.0


def test_nothing_is_loaded_while_nothing_changed(live: LiveDetector) -> None:
    before = live.current
    assert not live.refresh()
    assert live.current is before


def test_a_new_lexicon_waits_for_its_model_and_comes_into_use_with_it(
    live: LiveDetector, lexicon: Path, model: Path
) -> None:
    old = live.versions
    new = change(lexicon)
    assert not live.refresh()
    assert "chengxin train" in live.trouble
    assert live.versions == old
    assert caught(live)
    made_for(model, new)
    assert live.refresh()
    assert live.trouble == ""
    assert live.versions.lexicon == new
    assert live.check([CLAIM])[0].versions.lexicon == new


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lexicon, model: (lexicon / "codes.yaml").write_text("- [", "utf-8"), "codes.yaml"),
        (lambda lexicon, model: (lexicon / "laws.yaml").unlink(), "laws.yaml"),
        (lambda lexicon, model: (model / "model.npz").write_bytes(b"no model"), "已损坏"),
        (lambda lexicon, model: (model / "meta.json").write_text("{", "utf-8"), "已损坏"),
        (lambda lexicon, model: shutil.rmtree(model), "没有找到识别模型"),
    ],
)
def test_what_cannot_be_loaded_is_told_and_the_old_detector_goes_on(
    live: LiveDetector, lexicon: Path, model: Path, spoil: Callable[[Path, Path], object], said: str
) -> None:
    old, failed = live.current, reloads("failed")
    spoil(lexicon, model)
    assert not live.refresh()
    assert said in live.trouble
    assert live.current is old
    assert caught(live)
    assert reloads("failed") == failed + 1
    assert REGISTRY.get_sample_value("chengxin_detector_outdated") == 1
    assert not live.refresh()
    assert reloads("failed") == failed + 1, "the same broken files are tried once"


def test_a_reload_of_another_folder_leaves_the_reader_of_the_process_alone(live: LiveDetector) -> None:
    before = cache.bundled_reader()
    assert live.refresh(force=True)
    assert cache.bundled_reader() is before


def test_the_bundled_lexicon_is_exchanged_for_the_whole_process(detector: Detector) -> None:
    before = cache.bundled_reader()
    try:
        fresh = load_detector()
        assert cache.bundled_reader() is not before
        assert cache.bundled_reader().lexicon is fresh.lexicon
    finally:
        cache.use_bundled(before)


class Scripted:
    """A detector that says which load made it; ``check`` waits for ``gate`` when there is one."""

    def __init__(self, name: str, gate: threading.Event | None = None) -> None:
        self.versions = Versions(name, name, "2026-11-20")
        self.started = threading.Event()
        self._gate = gate

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        self.started.set()
        if self._gate is not None:
            assert self._gate.wait(LONG_ENOUGH)
        return [CheckResult(text=item.text, findings=(), versions=self.versions) for item in items]


def test_a_batch_at_work_is_finished_by_the_detector_it_began_with() -> None:
    gate = threading.Event()
    slow = Scripted("old", gate)
    made = iter([slow, Scripted("new")])
    live = LiveDetector(lambda: next(made), stamp=lambda: 0)
    results: list[CheckResult] = []
    thread = threading.Thread(target=lambda: results.extend(live.check([CLAIM, CLAIM])))
    thread.start()
    assert slow.started.wait(LONG_ENOUGH)
    assert live.refresh(force=True)
    assert live.check([CLAIM])[0].versions.lexicon == "new"
    gate.set()
    thread.join(LONG_ENOUGH)
    assert {result.versions.lexicon for result in results} == {"old"}


class Files:
    """What the watcher looks at: stamps and loads as a test wants them, and an event for each load."""

    def __init__(self, stamps: Sequence[int]) -> None:
        self._stamps = iter(stamps)
        self._last = 0
        self.loads: list[int] = []
        self.loaded_again = threading.Event()

    def stamp(self) -> int:
        self._last = next(self._stamps, self._last)
        return self._last

    def load(self) -> Scripted:
        self.loads.append(self._last)
        if len(self.loads) > 1:
            self.loaded_again.set()
        return Scripted(str(self._last))


@pytest.fixture
def watching() -> Iterator[Callable[..., Watcher]]:
    started: list[Watcher] = []

    def start(live: LiveDetector, seconds: float) -> Watcher:
        watcher = Watcher(live, seconds=seconds)
        started.append(watcher)
        watcher.start()
        return watcher

    yield start
    for watcher in started:
        watcher.stop()


def test_the_watcher_loads_once_the_files_have_come_to_rest(watching: Callable[..., Watcher]) -> None:
    files = Files([0, 0, 1, 2, 3, 3, 3])
    live = LiveDetector(files.load, stamp=files.stamp)
    watching(live, 0.001)
    assert files.loaded_again.wait(LONG_ENOUGH)
    assert files.loads[:2] == [0, 3], "1 and 2 were half written"


def test_a_signal_loads_at_once_even_when_nothing_changed(watching: Callable[..., Watcher]) -> None:
    files = Files([0])
    watcher = watching(LiveDetector(files.load, stamp=files.stamp), 3600.0)
    watcher.wake(1, None)
    assert files.loaded_again.wait(LONG_ENOUGH)


def test_a_watcher_can_be_stopped_and_started_again(watching: Callable[..., Watcher]) -> None:
    files = Files([0])
    watcher = watching(LiveDetector(files.load, stamp=files.stamp), 3600.0)
    watcher.stop()
    watcher.start()
    watcher.wake()
    assert files.loaded_again.wait(LONG_ENOUGH)


def test_the_first_load_must_succeed(lexicon: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="chengxin train"):
        LiveDetector(lambda: load_detector(lexicon, tmp_path / "nothing"))
