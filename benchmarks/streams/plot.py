"""The server's CPU of a delivery as bars, for each crowd: the shorter the better."""

import statistics
from html import escape
from itertools import groupby

from benchmarks.streams.cases import Case, Measurement
from benchmarks.streams.jobs import Measure
from benchmarks.streams.servers import EASEL, FLOOR

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _HEAD = 820, 190, 70, 16, 14, 40
_COLOURS = {EASEL: "#d9480f", FLOOR: "#868e96"}
_PEER = "#4c6ef5"


def bars(found: list[Measurement]) -> str:
    """An SVG, of the medians."""
    micros: dict[tuple[Case, str], list[float]] = {}
    for one in found:
        if one.case.measure is Measure.FAN_OUT and one.told.server_micros is not None:
            micros.setdefault((one.case, one.server), []).append(one.told.server_micros)
    medians = {key: statistics.median(values) for key, values in micros.items()}
    longest, y, drawn = max(medians.values(), default=1.0), _HEAD, []
    for case, group in groupby(medians.items(), key=lambda item: item[0][0]):
        y += _GAP
        drawn.append(_text(8, y + _BAR * 0.75, f"{case.kind}, {case.crowd}"))
        for (_, server), value in group:
            drawn.append(_bar(y, server, value, longest))
            y += _BAR + 2
    title = _text(8, 24, "Server CPU of a delivery, in µs (watchers, of so many topics)", "font-weight='bold'")
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {y + _GAP}' font-family='sans-serif' "
        f"font-size='12'><rect width='100%' height='100%' fill='#fff'/>{title}{''.join(drawn)}</svg>\n"
    )


def _bar(y: int, server: str, value: float, longest: float) -> str:
    width = max(1.0, value / longest * (_WIDTH - _LEFT - _RIGHT - 70))
    colour = _COLOURS.get(server, _PEER)
    rectangle = f"<rect x='{_LEFT + 70}' y='{y}' width='{width:.1f}' height='{_BAR}' fill='{colour}'/>"
    name = _text(_LEFT, y + _BAR * 0.75, server, "font-size='11'")
    return rectangle + name + _text(_LEFT + 74 + width, y + _BAR * 0.75, f"{value:,.1f}", "font-size='11'")


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' fill='#212529' {more}>{escape(text)}</text>"
