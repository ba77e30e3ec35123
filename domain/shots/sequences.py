"""Which shots a batch is asked for: the plans of some sequences."""

from collections.abc import Iterable, Iterator, Sequence

from domain.shots.name_fields import FIELDS

MOST_SHOTS = 2_000
Asked = Sequence[tuple[str, Sequence[str]]]


def sequence_problems(asked: Asked) -> list[str]:
    """Everything wrong with what is asked for, each with its place; empty where there is nothing."""
    count = sum(len(plans) or 1 for _, plans in asked)
    if not asked:
        return ["sequences must not be empty: name at least one, with its plans"]
    if count > MOST_SHOTS:
        return [f"sequences ask for {count:,} shots; {MOST_SHOTS:,} is the most of one batch: start several"]
    return [*_misspelt(asked), *_repeated(asked)]


def _misspelt(asked: Asked) -> Iterator[str]:
    for index, (sequence, plans) in enumerate(asked):
        place = f"sequences[{index}]"
        yield from _told(f"{place}.sequenceId", FIELDS["sequence"].problem(sequence))
        if not plans:
            yield f"{place}.plans must not be empty: name at least one, or leave the sequence out"
        for number, plan in enumerate(plans):
            yield from _told(f"{place}.plans[{number}]", FIELDS["plan"].problem(plan))


def _told(place: str, problem: str) -> Iterable[str]:
    return [f"{place}: {problem}"] if problem else []


def _repeated(asked: Asked) -> Iterator[str]:
    """A sequence may be named again, a shot may not."""
    first: dict[tuple[str, str], str] = {}
    for index, (sequence, plans) in enumerate(asked):
        for number, plan in enumerate(plans):
            place = f"sequences[{index}].plans[{number}]"
            if (before := first.setdefault((sequence, plan), place)) != place:
                yield f"{place}: {sequence[:40]}-{plan[:40]} stands at {before} already: name each shot once"
