"""The process the Kafka measurements start: our worker with the real detector and a stopwatch."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import api.tables  # noqa: F401  declares every room's tables
from classifiers.detector import Detector
from classifiers.finding import CheckResult, Item
from infra.clock import SystemClock
from infra.database import Database
from infra.garbage import settle
from infra.settings import Settings
from infra.telemetry import BATCH_EVENTS, STAGE_CPU_SECONDS, configure_logging, stage
from streams.kafka.connection import Connection
from streams.kafka.worker import Worker
from streams.pipeline import Handlers

TOPIC = "transcripts"
_started = 0.0


def main() -> None:
    configure_logging("json")
    ours(Settings(**json.loads(sys.argv[1])))


class Timed:
    """The detector, with its time counted by itself."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        with stage(TOPIC, "classify"):
            return self._detector.check(items)


def ours(settings: Settings) -> None:
    """Work until SIGTERM; then print where the time went (seconds)."""
    detector = Detector.load()
    detector.check([Item(text="大家好")])
    worker = Worker(
        Handlers(Timed(detector)),
        connection=Connection.from_settings(settings),
        database=Database(settings.database),
        clock=SystemClock(),
        settings=settings,
    )
    settle()
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    threading.Thread(target=_tell, args=(worker,), daemon=True).start()
    done = worker.run()
    line = {stage: round(value, 3) for stage, value in _stages().items()}
    cpu = time.process_time() - _started
    batch = BATCH_EVENTS.labels(TOPIC)
    print(json.dumps({"stages": line, "cpu": round(cpu, 3), "events": done.events, "batch": _mean(batch)}), flush=True)


def _tell(worker: Worker) -> None:
    global _started  # noqa: PLW0603
    while worker.standing.state != "running":
        time.sleep(0.01)
    _started = time.process_time()
    print(json.dumps({"ready": time.time(), "cpu": time.process_time()}), flush=True)


def _stages() -> dict[str, float]:
    return {
        sample.labels["stage"]: sample.value
        for metric in STAGE_CPU_SECONDS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["topic"] == TOPIC
    }


def _mean(histogram: Any) -> int:
    count = sum(bucket.get() for bucket in histogram._buckets)
    return round(histogram._sum.get() / count) if count else 0


if __name__ == "__main__":
    main()
