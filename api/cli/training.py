"""Trains a model with a progress bar. It saves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifiers.reading import Reader
    from classifiers.train import Trained


def trained_with_progress(reader: Reader) -> tuple[Trained, float]:
    """The model of a lexicon, trained on the bundled corpus, and the seconds it took. The bar goes to stderr."""
    from rich.console import Console
    from rich.progress import Progress

    from classifiers.corpus import load_corpus
    from classifiers.train import train

    corpus = load_corpus(codes=reader.lexicon.codes)
    with Progress(transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("训练", total=1.0)
        trained = train(reader, corpus, progress=lambda step, done: bar.update(task, completed=done, description=step))
        return trained, bar.tasks[0].elapsed or 0.0
