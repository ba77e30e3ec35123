"""What was measured, to be read: medians of the rounds, and beside them the ratio to the floor."""

import statistics
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table

from benchmarks.streams.cases import Case, Measurement
from benchmarks.streams.jobs import Measure, Told
from benchmarks.streams.load import STALLED_EVENT_BYTES
from benchmarks.streams.servers import FLOOR

terminal = Console(width=190)


def print_tables(found: list[Measurement]) -> None:
    for measure, shown in ((Measure.FAN_OUT, _fan_out), (Measure.STALLED, _stalled), (Measure.REAL, _real)):
        of_measure = [one for one in found if one.case.measure is measure]
        if of_measure:
            terminal.print(shown(_grouped(of_measure)))
    for one in found:
        if one.told.failure:
            terminal.print(f"{one.server}, {one.case.title}: {one.told.failure}", highlight=False)


Groups = dict[tuple[Case, str], list[Told]]


def _grouped(found: Iterable[Measurement]) -> Groups:
    groups: Groups = {}
    for one in found:
        groups.setdefault((one.case, one.server), []).append(one.told)
    return groups


def _fan_out(groups: Groups) -> Table:
    title = "One event to many: two in flight, then one at a time; `of bare` is the ratio to bare ASGI"
    heads = (
        "followed by", "watchers", "server", "deliveries/s", "of bare", "server µs each", "of bare", "server busy",
        "client busy", "p50 ms", "p99 ms", "of bare", "bytes", "connect µs", "idle KiB",
    )  # fmt: skip
    table = Table(*heads, title=title)
    for (case, server), told in groups.items():
        floor = groups.get((case, FLOOR), [])
        table.add_row(
            case.kind, case.crowd, server,
            _median(told, _rate), _ratio(told, floor, _rate),
            _median(told, _micros, 1), _ratio(told, floor, _micros),
            _median(told, lambda one: one.server_share, 2), _median(told, lambda one: one.client_share, 2),
            _median(told, lambda one: one.p50_ms, 2), _median(told, _p99, 2), _ratio(told, floor, _p99),
            _median(told, lambda one: one.message_bytes), _median(told, lambda one: one.connect_micros),
            _median(told, lambda one: one.idle_kib, 1),
        )  # fmt: skip
    return table


def _stalled(groups: Groups) -> Table:
    title = f"Readers that never read, among others who do: events of {STALLED_EVENT_BYTES // 1024} KiB"
    heads = (
        "followed by", "watchers", "server", "p50 ms before", "p99 before", "p50 with them", "p99 with them",
        "most MiB each", "let go of", "after s", "what they find, reading again",
    )  # fmt: skip
    table = Table(*heads, title=title)
    for (case, server), told in groups.items():
        gone = sorted(moment for one in told for moment in one.gone_after_seconds)
        codes = sorted({code for one in told for code in one.codes})
        table.add_row(
            case.kind, case.crowd, server,
            _median(told, lambda one: one.p50_ms, 1), _median(told, _p99, 1),
            _median(told, lambda one: one.stalled_p50_ms, 1), _median(told, lambda one: one.stalled_p99_ms, 1),
            _median(told, lambda one: one.stalled_mib, 2), f"{len(gone) / max(case.stalled * len(told), 1):.0%}",
            f"{gone[0]:.1f} to {gone[-1]:.1f}" if gone else "", ", ".join(codes),
        )  # fmt: skip
    return table


def _real(groups: Groups) -> Table:
    heads = ("watchers", "server", "events", "deliveries missing", "p50 ms", "p99 ms", "server µs each")
    table = Table(*heads, title="Real runs: from the moment an event happened to its delivery")
    for (case, server), told in groups.items():
        table.add_row(
            case.crowd, server, _median(told, lambda one: one.events), _median(told, lambda one: one.missing),
            _median(told, lambda one: one.p50_ms, 1), _median(told, _p99, 1), _median(told, _micros, 1),
        )  # fmt: skip
    return table


Value = Callable[[Told], float | None]


def _rate(told: Told) -> float | None:
    return told.deliveries_per_second


def _micros(told: Told) -> float | None:
    return told.server_micros


def _p99(told: Told) -> float | None:
    return told.p99_ms


def _median(told: list[Told], value: Value, digits: int = 0) -> str:
    found = _value(told, value)
    return "" if found is None else f"{found:,.{digits}f}"


def _ratio(told: list[Told], floor: list[Told], value: Value) -> str:
    found, least = _value(told, value), _value(floor, value)
    return f"{found / least:.2f}" if found is not None and least else ""


def _value(told: list[Told], value: Value) -> float | None:
    found = [number for one in told if (number := value(one)) is not None]
    return statistics.median(found) if found else None
