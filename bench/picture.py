"""Draw how it grows: `picture.py FILE`, the curves as JSON on stdin."""

import json
import sys

from matplotlib import pyplot
from matplotlib.ticker import NullFormatter, StrMethodFormatter

curves = json.load(sys.stdin)
figure, places = pyplot.subplots(2, 3, figsize=(11, 6), layout="constrained")
for place, (name, curve) in zip(places.flat, curves.items(), strict=True):
    sizes, seconds = zip(*curve["points"], strict=True)
    if ahead := curve["ahead"]:
        place.loglog([sizes[-1], 1e6], [seconds[-1], ahead], "o--", color="#1f5fa8", markerfacecolor="white")
    place.loglog(sizes, seconds, "o-", color="#1f5fa8")
    what, _, unit = name.partition(", ")
    place.set(title=what, xlabel=unit, ylabel="seconds")
    for axis in (place.xaxis, place.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        axis.set_minor_formatter(NullFormatter())
    place.grid(visible=True, alpha=0.3)
figure.suptitle("Filled: measured. Hollow, dashed: extrapolated.", fontsize=10)
figure.savefig(sys.argv[1], dpi=80)
