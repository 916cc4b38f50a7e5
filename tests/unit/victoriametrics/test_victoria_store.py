"""What VictoriaMetrics answers, in the shapes of Nexus."""

from __future__ import annotations

import json

import msgspec

from nexus.query.plan import SeriesScan
from nexus.storage.victoriametrics.client import Envelope
from nexus.storage.victoriametrics.store import _cardinality, _exposed


def test_exported_series_are_openmetrics_lines() -> None:
    """Values that JSON has no numbers for, names and labels of any letters, times of any side of 1970."""
    series = {
        "metric": {"__name__": "m", "b": 'x"\\\n', "a.b": "ü"},
        "values": [1, 0.5, 1e300, None, "Infinity", "-Infinity"],
        "timestamps": [0, 1500, -1500, 1_795_000_000_001, 5, 6],
    }
    front = 'm{"a.b"="ü",b="x\\"\\\\\\n"}'
    values = ["1.0 0.000", "0.5 1.500", "1e+300 -1.500", "NaN 1795000000.001", "+Inf 0.005", "-Inf 0.006"]
    assert _exposed(json.dumps(series).encode()).decode().splitlines() == [f"{front} {value}" for value in values]
    odd = {"metric": {"__name__": "o.d", "a": "1"}, "values": [1], "timestamps": [0]}
    assert _exposed(json.dumps(odd).encode()) == b'{"o.d",a="1"} 1.0 0.000\n'
    bare = {"metric": {"__name__": "up"}, "values": [1], "timestamps": [0]}
    assert _exposed(json.dumps(bare).encode()) == b"up{} 1.0 0.000\n"
    assert _exposed(b"  ") == b""


def test_cardinality_has_prometheus_shape() -> None:
    """Totals stand where Prometheus has those of its head; an empty answer is one, too."""
    counted = [{"name": "up", "value": 3, "requestsCount": 0}]
    data = {"totalSeries": 3, "totalLabelValuePairs": 7, "seriesCountByMetricName": counted}
    found = json.loads(_cardinality(Envelope("success", msgspec.Raw(json.dumps(data).encode())), SeriesScan((), 1000, 5000)))
    assert found["headStats"] == {"numSeries": 3, "numLabelPairs": 7, "chunkCount": 0, "minTime": 1000, "maxTime": 5000}
    assert found["seriesCountByMetricName"] == [{"name": "up", "value": 3}]
    assert found["labelValueCountByLabelName"] == found["memoryInBytesByLabelName"] == []
    empty = json.loads(_cardinality(Envelope("success", msgspec.Raw(b"{}")), SeriesScan((), 1000, 5000)))
    assert empty["headStats"]["numSeries"] == 0
