"""Readings as Prometheus reads them, by its own library.

The library takes a tenth of a second to load and some milliseconds a thousand series to write:
both happen in the thread that calls `exposition`, never on the loop.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from elizanet._version import __version__
from elizanet.metrics.families import BUILD, FAMILIES, Family, Kind
from elizanet.metrics.histogram import BOUNDS_S, Distribution
from elizanet.metrics.snapshot import Reading

_EDGES: Final = (*map(floatToGoString, BOUNDS_S), "+Inf")
_PROCESS: Final = ProcessCollector(registry=None)


def exposition(readings: Iterable[Reading], accept: str) -> tuple[str, bytes]:
    """Return the media type and the text; `accept` is what the scraper says that it can read."""
    encode, media_type = choose_encoder(accept)
    return media_type, encode(_Readings(readings))


class _Readings(Collector):
    """The readings, and what the system says of this process."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Yield each family with its samples; those without any are left out."""
        found: dict[str, Metric] = {}
        for family, labels, value in self._readings:
            metric = found.get(family.name)
            if metric is None:
                metric = found[family.name] = _empty(family)
            _add(metric, labels, value)
        build = InfoMetricFamily(BUILD.name.removesuffix("_info"), BUILD.help)
        build.add_metric((), {"version": __version__, "python": platform.python_version()})
        found[BUILD.name] = build
        yield from (found[family.name] for family in FAMILIES if family.name in found)
        yield from _PROCESS.collect()


def _empty(family: Family) -> Metric:
    match family.kind:
        case Kind.COUNTER:
            return CounterMetricFamily(family.name, family.help, labels=family.labels)
        case Kind.HISTOGRAM:
            return HistogramMetricFamily(family.name, family.help, labels=family.labels)
        case _:
            return GaugeMetricFamily(family.name, family.help, labels=family.labels)


def _add(metric: Metric, labels: tuple[str, ...], value: float | Distribution) -> None:
    match metric, value:
        case HistogramMetricFamily(), Distribution(counts, total):
            buckets = list(zip(_EDGES, accumulate(counts), strict=True))
            metric.add_metric(labels, buckets, total)
        case ((CounterMetricFamily() | GaugeMetricFamily()), (int() | float())):
            metric.add_metric(labels, value)
