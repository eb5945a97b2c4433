"""Draw what `results` kept: `python plot.py docs/benchmarks.json docs/benchmarks.png`."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import results

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from PIL import Image

OURS, THEIRS = "#1f6feb", "#b8c0cc"
_BAR_INCHES = 0.3


def draw(source: Path, target: Path) -> None:
    """Two panels in a row, ours in blue."""
    found = results.read(source)
    rows = [found.panels[start : start + 2] for start in range(0, len(found.panels), 2)]
    heights = [max(len(panel.values) for panel in row) + 1.6 for row in rows]
    figure, places = pyplot.subplots(
        len(rows),
        2,
        figsize=(10.5, _BAR_INCHES * sum(heights)),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for place in places.flat[len(found.panels) :]:
        place.remove()
    for panel, place in zip(found.panels, places.flat, strict=False):
        _draw_panel(panel, place)
    figure.text(0.995, 0.002, found.machine, ha="right", va="bottom", size=6.5, color="#666666")
    figure.savefig(target, dpi=100)
    with Image.open(target) as image:
        image.quantize(48).save(target, optimize=True)


def _draw_panel(panel: results.Panel, place: Axes) -> None:
    names, values = list(panel.values), list(panel.values.values())
    colors = [OURS if name.startswith("model-sharing") else THEIRS for name in names]
    bars = place.barh(names, values, color=colors, height=0.72)
    place.bar_label(bars, [f"{value:,.3g} {panel.unit}" for value in values], padding=4, size=8.5)
    place.set_title(panel.title, loc="left", size=10, weight="bold")
    place.invert_yaxis()
    place.set_xlim(right=max(values) * 1.25)
    place.tick_params(left=False, bottom=False, labelbottom=False, labelsize=8.5)
    place.spines[:].set_visible(False)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
