"""Buckets against a slow oracle, and the table's bounds."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from nexus.security.limits.buckets import NS, Bucket, Buckets

RATES = st.sampled_from([0.5, 1.0, 3.0, 7.0, 10.0, 1000.0, 12345.678, 1e9])
# (pause in ns, amount)
REQUESTS = st.lists(
    st.tuples(st.integers(0, 3 * NS) | st.integers(0, 1000), st.integers(1, 40) | st.integers(1, 4000)), max_size=60
)


@given(RATES, st.sampled_from([1.0, 5.0, 100.0, 3333.3]), REQUESTS)
def test_never_more_than_burst_and_rate_and_never_less_by_more_than_one_request(
    rate: float, burst: float, requests: list[tuple[int, int]]
) -> None:
    bucket = Bucket(rate, burst)
    exact_rate, tokens = Fraction(rate) / NS, Fraction(burst)
    now, admitted = 0, []
    for pause, amount in requests:
        now += pause
        # The oracle: a pot that fills without rounding, and may be in debt after one large request.
        tokens = min(Fraction(burst), tokens + exact_rate * pause)
        wait = bucket.take(amount, now)
        if wait:
            # Rounding costs a nanosecond a request at most.
            slack = exact_rate * (len(admitted) + 2)
            assert tokens - slack < min(Fraction(amount), Fraction(burst))
            assert bucket.wait(amount, now + wait) == 0
            assert bucket.wait(amount, now + wait - 1) > 0
        else:
            tokens -= amount
            admitted.append((now, amount))
    for start in range(len(admitted)):
        total, largest = Fraction(0), Fraction(burst)
        for at, amount in admitted[start:]:
            total += amount
            largest = max(largest, Fraction(amount))
            assert total <= largest + exact_rate * (at - admitted[start][0]) + Fraction(1, 1000)


def test_a_request_larger_than_the_burst_passes_a_full_bucket_and_is_paid_off() -> None:
    bucket = Bucket(10.0, 20.0)
    assert bucket.take(100, 0) == 0
    assert bucket.left(0) == 0
    assert bucket.take(1, 0) == 8 * NS + NS // 10
    assert bucket.take(1, 8 * NS + NS // 10) == 0
    assert bucket.take(100, 9 * NS) > 0
    assert bucket.take(100, 20 * NS) == 0


def test_spending_without_asking_makes_others_wait() -> None:
    bucket = Bucket(1.0, 10.0)
    bucket.spend(15, 0)
    assert bucket.wait(1, 0) == 6 * NS


def test_other_numbers_keep_what_was_taken() -> None:
    bucket = Bucket(1.0, 10.0)
    bucket.spend(8, 0)
    bucket.change(2.0, 20.0, 0)
    assert bucket.left(0) == 12
    bucket.change(2.0, 4.0, 0)
    assert bucket.left(0) == 0
    assert bucket.wait(1, 0) == 2_500_000_000


def test_use_is_counted_over_ten_seconds() -> None:
    bucket = Bucket(1000.0, 1000.0)
    for second in range(20):
        bucket.spend(50, second * NS)
    assert 40 <= bucket.use(20 * NS) <= 60
    assert bucket.use(60 * NS) == 0


def test_the_table_is_bounded_and_forgets_full_buckets_first() -> None:
    table = Buckets(3)
    for number in range(3):
        table.get(("address", str(number), "x"), 1.0, 5.0, 0).take(5 if number != 1 else 0, 0)
    table.get(("address", "new", "x"), 1.0, 5.0, 1)
    assert len(table) == 3
    assert {key[1] for key, _ in table.items()} == {"0", "2", "new"}


def test_one_that_is_being_refused_is_never_forgotten() -> None:
    table = Buckets(2)
    bad = table.get(("address", "bad", "x"), 1.0, 5.0, 0)
    assert bad.take(5, 0) == 0
    assert bad.take(5, 0) > 0
    for number in range(1000):
        table.get(("address", str(number), "x"), 1.0, 5.0, 0).take(1, 0)
        assert len(table) <= 2
    assert table.get(("address", "bad", "x"), 1.0, 5.0, 0) is bad


def test_when_all_are_being_refused_strangers_share_one() -> None:
    table = Buckets(2)
    for number in range(2):
        bucket = table.get(("address", str(number), "x"), 1.0, 1.0, 0)
        bucket.take(1, 0)
        assert bucket.take(1, 0) > 0
    first = table.get(("address", "c", "x"), 1.0, 1.0, 0)
    assert first is table.get(("address", "d", "x"), 1.0, 1.0, 0)
    assert first.take(1, 0) == 0
    assert first.take(1, 0) > 0
    assert [key for key, _ in table.items()][-1] == ("address", "others", "x")
    # Later there is room again.
    assert table.get(("address", "c", "x"), 1.0, 1.0, 2 * NS) is not first
