"""Looks for entries of a loaded lexicon that do nothing or not what they say: it runs every example and reads every term.

It only reports; what stops a start is checked by ``lexicons.check`` before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

from classifiers.finding import Item
from classifiers.normalise import squeezed_terms
from classifiers.reading import Reader
from classifiers.scope import COLOURING, CORRECTION, NEGATION
from lexicons.problem import Problem
from lexicons.schema import Concept, Exemption, Frame, Lexicon

Wider = dict[str, set[str]]
# Concepts that the code asks for by name.
BUILT_IN = frozenset({NEGATION, CORRECTION, *COLOURING})
MAX_SLOTS = 5


def audit(reader: Reader) -> Iterator[Problem]:
    """All problems: examples that fail first, then entries that cannot work, then (as hints) those that repeat others."""
    lexicon = reader.lexicon
    yield from frame_examples(reader)
    yield from _exemption_examples(reader)
    silent = dict(_silent_terms(reader))
    for name, terms in silent.items():
        why = "单独出现也读不成这个概念（总被遮蔽，或先被还原成别的字）"
        yield Problem("concepts/", name, f"这些词永远不会算数：{_listed(terms)}；{why}，请删除或改写", hint=True)
    wider = _wider(lexicon)
    yield from _dead_frames(lexicon, wider, silent)
    yield from _subsumed(lexicon, wider)
    yield from _unused(lexicon)
    yield from _repeated_terms(lexicon)


def frame_examples(reader: Reader, frames: Sequence[Frame] | None = None) -> Iterator[Problem]:
    """Runs the examples of frames (default: all).

    ``yes`` must be asserted, given the frame's first category; ``no`` must not be, without a category.
    """
    chosen = reader.lexicon.frames if frames is None else frames
    runs = [run for frame in chosen for run in _runs(frame)]
    reading = reader.read([item for _, item, _ in runs])
    fired = {(one.row, reader.frames.frames[one.frame].id) for one in reading.fired if one.blocked is None}
    for row, (frame, item, wanted) in enumerate(runs):
        if ((row, frame.id) in fired) != wanted:
            wrong = (
                f"正例没有命中：{item.text}；请改句式或换例句"
                if wanted
                else f"反例被命中：{item.text}；请收紧句式或换例句"
            )
            yield Problem(f"frames/{frame.code}.yaml", frame.id, wrong)


def _runs(frame: Frame) -> Iterator[tuple[Frame, Item, bool]]:
    category = frame.categories[0] if frame.categories else None
    yield from ((frame, Item(text=text, category=category), True) for text in frame.examples.yes)
    yield from ((frame, Item(text=text), False) for text in frame.examples.no)


def _exemption_examples(reader: Reader) -> Iterator[Problem]:
    """The words an exemption asks for must stand in its positive examples."""
    for one in reader.lexicon.exemptions.values():
        for text in one.examples.yes if one.examples else ():
            if not _holds(one, set(reader.read([Item(text=text)]).hits_by_name(0))):
                yield Problem("exemptions.yaml", one.id, f"正例不满足 when 条件：{text}；请补概念用词或换例句")


def _holds(one: Exemption, found: set[str]) -> bool:
    when = one.when
    return set(when.all) <= found and (not when.any or bool(found & set(when.any))) and not found & set(when.unless)


def _silent_terms(reader: Reader) -> Iterator[tuple[str, list[str]]]:
    """Terms that give no hit of their concept even when they stand alone."""
    for name, concept in reader.lexicon.concepts.items():
        if not concept.terms:
            continue
        reading = reader.read([Item(text=term) for term in concept.terms])
        silent = [term for row, term in enumerate(concept.terms) if name not in reading.hits_by_name(row)]
        if silent:
            yield name, silent


def _dead_frames(lexicon: Lexicon, wider: Wider, silent: dict[str, list[str]]) -> Iterator[Problem]:
    """Frames with a slot that nothing can fill, or that what fills it forbids."""
    fillable = {
        name
        for child, concept in lexicon.concepts.items()
        if concept.regex or set(concept.terms) - set(silent.get(child, ()))
        for name in wider[child]
    }
    for frame in lexicon.frames:
        file = f"frames/{frame.code}.yaml"
        for slot in frame.slots:
            if fillable.isdisjoint(slot):
                yield Problem(file, frame.id, f"槽位 {_listed(slot)} 没有任何能命中的词，句式永远不会成立")
            closed = [wider[name] & {*frame.unless, *frame.unless_text} for name in slot]
            if all(closed):
                names = _listed(sorted(set().union(*closed)))
                yield Problem(file, frame.id, f"槽位 {_listed(slot)} 必然带来 unless 中的 {names}，句式永远不会成立")
        both = sorted(set(frame.categories) & set(frame.not_categories))
        if both:
            yield Problem(file, frame.id, f"类目 {_listed(both)} 同时在 categories 与 not_categories 中")


def _wider(lexicon: Lexicon) -> Wider:
    """For each concept itself and all that include it: a hit of it is a hit of these."""
    parents: defaultdict[str, set[str]] = defaultdict(set)
    for name, concept in lexicon.concepts.items():
        for child in concept.include:
            parents[child].add(name)
    result: Wider = {}
    for name in lexicon.concepts:
        found, todo = {name}, [name]
        while todo:
            new = parents[todo.pop()] - found
            found |= new
            todo.extend(new)
        result[name] = found
    return result


def _unused(lexicon: Lexicon) -> Iterator[Problem]:
    used = set(BUILT_IN)
    for frame in lexicon.frames:
        used |= {name for slot in frame.slots for name in slot} | {*frame.unless, *frame.unless_text}
    for exemption in lexicon.exemptions.values():
        used |= {*exemption.when.any, *exemption.when.all, *exemption.when.unless}
    for concept in lexicon.concepts.values():
        used |= set(concept.include)
    for name, concept in lexicon.concepts.items():
        if name not in used and not concept.mask:
            yield Problem(
                "concepts/", name, "没有句式、豁免或别的概念用到它，只有模型把它当特征；请用起来或删除", hint=True
            )


def _repeated_terms(lexicon: Lexicon) -> Iterator[Problem]:
    """The same term twice in a concept, once in it and once in what it includes, or two concepts of the very same words."""
    squeezed = {name: list(squeezed_terms(name, concept.terms)) for name, concept in lexicon.concepts.items()}
    for name, concept in lexicon.concepts.items():
        terms = squeezed[name]
        twice = sorted({term for term in terms if terms.count(term) > 1})
        if twice:
            yield Problem("concepts/", name, f"同一个词写了两遍：{_listed(twice)}；请只留一个", hint=True)
        for child in concept.include:
            shared = sorted(set(terms) & set(squeezed[child]))
            if shared:
                yield Problem("concepts/", name, f"{_listed(shared)} 已随 include 的 {child} 并入，不必再写", hint=True)
    yield from _twins(lexicon.concepts, squeezed)


def _twins(concepts: dict[str, Concept], squeezed: dict[str, list[str]]) -> Iterator[Problem]:
    same: defaultdict[tuple[frozenset[str], ...], list[str]] = defaultdict(list)
    for name, concept in concepts.items():
        same[frozenset(squeezed[name]), frozenset(concept.regex), frozenset(concept.include)].append(name)
    for names in same.values():
        if len(names) > 1:
            yield Problem("concepts/", names[1], f"与概念 {names[0]} 的用词完全相同；请合并", hint=True)


def _subsumed(lexicon: Lexicon, wider: Wider) -> Iterator[Problem]:
    """Frames that fire only where another one of the same code does, and say nothing more."""
    by_code: defaultdict[str, list[Frame]] = defaultdict(list)
    for frame in lexicon.frames:
        by_code[frame.code].append(frame)
    for frames in by_code.values():
        for one, other in combinations(frames, 2):
            for narrow, wide in ((one, other), (other, one)):
                if _covers(wide, narrow, wider):
                    file = f"frames/{narrow.code}.yaml"
                    yield Problem(
                        file, narrow.id, f"凡它成立之处 {wide.id} 也成立，且结论相同；请合并或写出区别", hint=True
                    )
                    break


def _covers(wide: Frame, narrow: Frame, wider: Wider) -> bool:
    """Whether ``wide`` fires wherever ``narrow`` does, with the same status and severity."""
    return (
        len(wide.slots) == len(narrow.slots) <= MAX_SLOTS
        and (wide.status, wide.severity) == (narrow.status, narrow.severity)
        and wide.gap >= narrow.gap
        and wide.scope in ("text", narrow.scope)
        and wide.polarity in ("any", narrow.polarity)
        and set(wide.unless) <= set(narrow.unless)
        and set(wide.unless_text) <= set(narrow.unless_text)
        and _categories_cover(wide, narrow)
        and _slots_cover(wide, narrow, wider)
    )


def _categories_cover(wide: Frame, narrow: Frame) -> bool:
    fits = not wide.categories or (bool(narrow.categories) and set(narrow.categories) <= set(wide.categories))
    return fits and set(wide.not_categories) <= set(narrow.not_categories)


def _slots_cover(wide: Frame, narrow: Frame, wider: Wider) -> bool:
    def fits(slot: tuple[str, ...], narrower: tuple[str, ...]) -> bool:
        return all(wider[name] & set(slot) for name in narrower)

    if wide.order == "given":
        in_order = narrow.order == "given" or len(narrow.slots) == 1
        return in_order and all(map(fits, wide.slots, narrow.slots))
    return any(all(map(fits, wide.slots, turned)) for turned in permutations(narrow.slots))


def _listed(names: Sequence[str], most: int = 8) -> str:
    rest = f" 等 {len(names)} 个" if len(names) > most else ""
    return "、".join(names[:most]) + rest
