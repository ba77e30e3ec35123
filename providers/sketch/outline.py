"""Outlines in a unit of their own, set into the picture: x to the right, y upwards, around a foot point."""

from collections.abc import Sequence

from providers.sketch.brush import Point, Stencil

Outline = Sequence[Point]


def placed(outline: Outline, foot: Point, scale: float) -> list[Point]:
    """The outline with its origin at `foot` and one unit as long as `scale` pixels."""
    return [(foot[0] + x * scale, foot[1] - y * scale) for x, y in outline]


def mirrored(half: Outline) -> list[Point]:
    """A whole outline from its right half."""
    right = smooth(half)
    return [*right, *((-x, y) for x, y in reversed(right))]


def smooth(points: Outline, steps: int = 6) -> list[Point]:
    """A curve through all these points (Catmull-Rom)."""
    padded = [points[0], *points, points[-1]]
    curve = [_between(padded[n : n + 4], step / steps) for n in range(len(points) - 1) for step in range(steps)]
    return [*curve, points[-1]]


def stroke(stencil: Stencil, points: Outline, radius: float) -> None:
    """A line with round ends and joints."""
    stencil.line(points, radius * 2)
    for x, y in points:
        stencil.ellipse(x, y, radius, radius)


def _between(four: Outline, share: float) -> Point:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = four
    return _cubic(x0, x1, x2, x3, share), _cubic(y0, y1, y2, y3, share)


def _cubic(before: float, start: float, end: float, after: float, t: float) -> float:
    pull = (2 * before - 5 * start + 4 * end - after) * t + (3 * (start - end) + after - before) * t * t
    return start + 0.5 * t * ((end - before) + pull)
