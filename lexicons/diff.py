"""What differs between two lexicons, by name: entries that came, went or changed, and in which field. It judges nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from lexicons.schema import Law, Lexicon

Kind = Literal["law", "code", "exemption", "concept", "frame", "category", "brand", "attribute", "triage", "disguise"]
What = Literal["added", "removed", "changed"]
KIND_NAMES: dict[Kind, str] = {
    "law": "法律", "code": "代码", "exemption": "豁免", "concept": "概念", "frame": "句式",
    "category": "类目", "brand": "品牌", "attribute": "属性", "triage": "分流用词", "disguise": "伪装写法",
}  # fmt: skip


class FieldChange(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One field of an entry: elements that came and went (lists and mappings), or the value before and after."""

    field: str
    added: tuple[Any, ...] = ()
    removed: tuple[Any, ...] = ()
    old: Any = None
    new: Any = None


class Change(Struct, frozen=True, kw_only=True):
    """One entry that differs. ``fields`` is empty when it was added or removed as a whole."""

    kind: Kind
    name: str
    what: What
    fields: tuple[FieldChange, ...] = ()


class Difference(Struct, frozen=True, kw_only=True):
    """All changes from the lexicon with version ``old`` to the one with version ``new``."""

    old: str
    new: str
    changes: tuple[Change, ...]


def diff(old: Lexicon, new: Lexicon) -> Difference:
    """Everything that differs; laws first, then codes, exemptions, concepts, frames and the rest, each by name."""
    before, after = _entries(old), _entries(new)
    changes = [change for kind in KIND_NAMES for change in _changes(kind, before[kind], after[kind])]
    return Difference(old=old.version, new=new.version, changes=tuple(changes))


def _entries(lexicon: Lexicon) -> dict[Kind, dict[str, Any]]:
    """Every entry of a lexicon as plain values, by kind and name."""
    return {
        "law": {name: _law(law) for name, law in lexicon.laws.items()},
        "code": _plain(lexicon.codes),
        "exemption": _plain(lexicon.exemptions),
        "concept": _plain(lexicon.concepts),
        "frame": _plain({frame.id: frame for frame in lexicon.frames}),
        "category": _plain(lexicon.categories),
        "brand": _plain({brand.brand: brand for brand in lexicon.brands}),
        "attribute": _plain(lexicon.attributes),
        "triage": {"triage": msgspec.to_builtins(lexicon.triage)},
        "disguise": {"disguises": msgspec.to_builtins(lexicon.disguises)},
    }


def _plain(entries: Mapping[str, Struct]) -> dict[str, Any]:
    return {name: msgspec.to_builtins(entry) for name, entry in entries.items()}


def _law(law: Law) -> dict[str, Any]:
    """A law with one field per version and part of it, so that a changed article is named alone."""
    plain: dict[str, Any] = msgspec.to_builtins(law)
    for version in plain.pop("versions"):
        for part, value in version.items():
            if part != "from":
                plain[f"{version['from']} 版 {part}"] = value
    return plain


def _changes(kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change(kind=kind, name=name, what="added")
        elif name not in after:
            yield Change(kind=kind, name=name, what="removed")
        elif before[name] != after[name]:
            yield Change(kind=kind, name=name, what="changed", fields=tuple(_fields(before[name], after[name])))


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[FieldChange]:
    for field in dict.fromkeys((*before, *after)):
        old, new = before.get(field), after.get(field)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _keys(field, old, new)
        elif isinstance(old, Sequence) and isinstance(new, Sequence) and not isinstance(old, str):
            added, removed = _less(new, old), _less(old, new)
            if added or removed:
                yield FieldChange(field=field, added=added, removed=removed)
            else:
                yield FieldChange(field=field, old=old, new=new)
        else:
            yield FieldChange(field=field, old=old, new=new)


def _keys(field: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[FieldChange]:
    """A mapping: which keys came and went, and each key whose value changed."""
    added = tuple({key: after[key]} for key in after if key not in before)
    removed = tuple({key: before[key]} for key in before if key not in after)
    if added or removed:
        yield FieldChange(field=field, added=added, removed=removed)
    shared = [key for key in before if key in after and before[key] != after[key]]
    for key in shared:
        yield from _fields({f"{field}.{key}": before[key]}, {f"{field}.{key}": after[key]})


def _less(items: Collection[Any], others: Collection[Any]) -> tuple[Any, ...]:
    return tuple(item for item in items if item not in others)
