"""Failed logins: guessing is slow, and nobody is locked out for good."""

from __future__ import annotations

import pytest

from nexus.security.login.lockout import FREE_OF_ADDRESS, FREE_OF_USER, LockOut, network_of


def test_a_user_from_an_address() -> None:
    lockout = LockOut()
    for _ in range(3):
        assert lockout.wait("a", "192.0.2.1", 0.0) == 0
        lockout.failed("a", "192.0.2.1", 0.0)
    assert lockout.wait("a", "192.0.2.1", 0.0) == 1
    assert lockout.wait("a", "192.0.2.2", 0.0) == 0
    assert lockout.wait("b", "192.0.2.1", 0.0) == 0
    lockout.succeeded("a", "192.0.2.1")
    assert lockout.wait("a", "192.0.2.1", 0.0) == 0


def test_one_password_on_many_users() -> None:
    lockout = LockOut()
    for number in range(FREE_OF_ADDRESS):
        assert lockout.wait(f"u{number}", "192.0.2.1", 0.0) == 0
        lockout.failed(f"u{number}", "192.0.2.1", 0.0)
    assert lockout.wait("another", "192.0.2.1", 0.0) > 0
    lockout.succeeded("u1", "192.0.2.1")
    assert lockout.wait("another", "192.0.2.1", 0.0) > 0, "an own account does not help a guesser"


def test_many_addresses_on_one_user_do_not_keep_him_out() -> None:
    lockout = LockOut()
    lockout.trust("a", "192.0.2.1")
    now = 0.0
    for number in range(2000):
        lockout.failed("a", f"198.51.{number // 250}.{number % 250}", now)
        now += 1.0
        assert lockout.wait("a", "192.0.2.1", now) == 0
        if number > FREE_OF_USER + 10:
            assert 0 < lockout.wait("a", "203.0.113.9", now) <= 30.0


def test_codes() -> None:
    lockout = LockOut()
    waits, now = [], 0.0
    for _ in range(40):
        lockout.failed_code("a", now)
        waits.append(lockout.wait_code("a", now))
        now += waits[-1]
    assert waits[:6] == [0, 0, 0, 0, 1, 2]
    assert waits[-1] == 900
    lockout.succeeded_code("a")
    assert lockout.wait_code("a", now) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network
