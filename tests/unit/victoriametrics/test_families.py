"""Families of the names of series."""

from nexus.storage.victoriametrics.families import families


def test_parts_of_histograms_and_summaries_are_one() -> None:
    said = {"told": "histogram", "hits": "counter", "own_count": "gauge", "quantiles": "summary"}
    names = ["told_bucket", "told_count", "told_sum", "told_created", "guessed_bucket", "guessed_count", "guessed_sum"]
    names += ["waits", "waits_sum", "waits_count", "hits_total", "hits_created", "lonely_count", "own_count", "own_sum"]
    names += ["quantiles_count", "quantiles_bucket", "_count"]
    found = {one.name: (one.kind, len(one.parts)) for one in families(names, lambda name: said.get(name, ""))}
    assert found == {
        "_count": ("", 1),
        "guessed": ("histogram", 3),
        "hits_total": ("counter", 2),
        "lonely_count": ("", 1),
        "own_count": ("", 1),
        "own_sum": ("", 1),
        "quantiles": ("summary", 1),
        "quantiles_bucket": ("", 1),
        "told": ("histogram", 4),
        "waits": ("summary", 3),
    }
    assert [one.name for one in families(names, lambda _: "")] == sorted(one.name for one in families(names, lambda _: ""))
