"""Which attributes get columns, and what the columns are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexus.storage.clickhouse.attributes import (
    MAX_COUNTED,
    WINDOW_SECONDS,
    LearnedColumn,
    Learner,
    column_name,
    column_type,
    promotable,
    read_columns,
    sum_stats,
)


def names(columns: list[LearnedColumn]) -> list[str]:
    """Comments of columns."""
    return [column.comment for column in columns]


def test_frequent_attributes_of_a_commit_are_promoted() -> None:
    """From 2 % of at least 500 rows on; the most frequent first."""
    stats = {("common", "s"): (600, 5), ("enough", "i"): (20, 3), ("rare", "s"): (19, 3)}
    assert names(Learner([], 192).observe(stats, 1000, 0.0)) == ["s:common", "i:enough"]
    assert Learner([], 192).observe({("common", "s"): (400, 5)}, 400, 0.0) == []


def test_many_small_commits_promote_as_well() -> None:
    """By the rows of the last hour; what is older does not count."""
    learner = Learner([], 192)
    for minute in range(39):
        assert learner.observe({("k", "s"): (500, 5)}, 100_000, 60.0 * minute) == []
    assert names(learner.observe({("k", "s"): (500, 5)}, 100_000, 60.0 * 39)) == ["s:k"]
    slow = Learner([], 192)
    for number in range(100):
        assert slow.observe({("k", "s"): (9_000, 5)}, 10**6, number * WINDOW_SECONDS) == []


def test_a_column_is_promoted_once() -> None:
    """Known pairs are not proposed again; another type of the same key is another pair."""
    learner = Learner([], 192)
    found = learner.observe({("k", "s"): (900, 5)}, 1000, 0.0)
    learner.added(found)
    assert learner.observe({("k", "s"): (900, 5)}, 1000, 1.0) == []
    assert names(learner.observe({("k", "i"): (900, 5)}, 1000, 2.0)) == ["i:k"]


def test_the_number_of_columns_is_capped() -> None:
    """The most frequent win; the others are counted."""
    learner = Learner([LearnedColumn("there", "s", "s_there", "Nullable(String)")], 3)
    stats = {(f"k{n}", "s"): (100 + n, 5) for n in range(5)}
    assert names(learner.observe(stats, 1000, 0.0)) == ["s:k4", "s:k3"]
    assert learner.refused == 3


def test_counting_is_bounded() -> None:
    """However many keys come along."""
    learner = Learner([], 192)
    for number in range(3 * MAX_COUNTED):
        learner.observe({(f"k{number}", "s"): (1, 1)}, 10_000, 0.0)
    assert len(learner._current) <= MAX_COUNTED


def test_keys_that_cannot_name_a_column_are_left_in_the_maps() -> None:
    """Others than letters, digits and a few signs, or too long; and JSON values."""
    stats = {(key, "s"): (900, 5) for key in ("a b", "it's", "ü", "x" * 101, "", "a\nb")}
    assert Learner([], 192).observe(stats | {("ok", "j"): (900, 5)}, 1000, 0.0) == []
    assert promotable("k8s.pod/name@v1:x-y_Z")


def test_types_by_values() -> None:
    """Text with few values gets a dictionary."""
    assert column_type("s", 10_000, 20) == "LowCardinality(Nullable(String))"
    assert column_type("s", 10_000, 1000) == "Nullable(String)"
    assert column_type("s", 30, 30) == "Nullable(String)"
    assert [column_type(letter, 1000, 1000) for letter in "ifb"] == [
        "Nullable(Int64)",
        "Nullable(Float64)",
        "Nullable(Bool)",
    ]


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.sampled_from("sifb")), max_size=20, unique=True))
def test_names_do_not_clash(pairs: list[tuple[str, str]]) -> None:
    """Every pair gets a name of its own, however alike the keys are."""
    taken: list[str] = []
    for key, type in pairs:
        taken.append(column_name(key, type, taken))
    assert len(set(taken)) == len(taken)
    assert column_name("http.method", "s", ["s_http_method"]) == "s_http_method_2"


def test_the_mapping_is_read_back_from_comments() -> None:
    """Only comments that say so make a learned column."""
    rows = [("s_a_b", "Nullable(String)", "s:a.b"), ("body", "String", ""), ("x", "String", "z:a"), ("y", "Int", "words")]
    assert read_columns(rows) == [LearnedColumn("a.b", "s", "s_a_b", "Nullable(String)")]


def test_statistics_of_batches_add_up() -> None:
    """Rows are summed; the distinct values are those of the batch that has most."""
    assert sum_stats([[("k", "s", 10, 3)], [("k", "s", 5, 4), ("n", "i", 1, 1)]]) == {
        ("k", "s"): (15, 4),
        ("n", "i"): (1, 1),
    }
