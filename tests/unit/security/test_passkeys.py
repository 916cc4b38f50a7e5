"""Passkeys made and used by an authenticator in software, and every lie it can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.oracles.authenticator import PRESENT, VERIFIED, Authenticator, b64
from tests.unit.security.people import HERE, PASSWORD, SECOND, SITE, People

from nexus.errors import Conflict, InvalidRequest, NexusError, Unauthenticated
from nexus.security.login.logins import Began, Waiting
from nexus.security.login.passkeys import MAX_PASSKEYS, PasskeysOff, Site, site_of, user_handle
from nexus.security.login.tickets import MAX_PENDING, Pending
from nexus.storage.metadata.api import User


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """On SQLite: what differs between databases is not in these."""
    made = People(tmp_path)
    yield made
    made.metadata.close()


async def register(people: People, **lies: Any) -> Authenticator:
    me = await people.me()
    device = Authenticator(SITE.origin, flags=lies.pop("device_flags", PRESENT | VERIFIED))
    token, options = await people.profiles.begin_passkey(me, SITE, "", "")
    passkey, codes, _ = await people.profiles.finish_passkey(me, token, device.create(options, **lies), "Laptop")
    assert (passkey.user, passkey.name, passkey.transports) == ("alice", "Laptop", ("internal",))
    assert len(codes) in (0, 10)
    return device


async def test_a_passkey_alone_logs_in(people: People) -> None:
    device = await register(people)
    for _ in range(2):
        token, options = await people.passkeys.begin_login(SITE)
        assert options["userVerification"] == "required"
        assert not options.get("allowCredentials")
        began = await people.logins.passkey(token, device.get(options), HERE)
        assert (began.user.name, began.session.method) == ("alice", "passkey")
    assert people.metadata.list_passkeys("alice")[0].last_used == people.now
    assert people.user().last_login == people.now


async def test_a_passkey_is_a_second_factor(people: People) -> None:
    device = await register(people, device_flags=PRESENT)
    found = await people.logins.password("alice", PASSWORD, HERE)
    assert isinstance(found, Waiting)
    assert found.methods == ["passkey", "recovery"]
    user = await people.logins.waiting_user(found.token)
    token, options = await people.passkeys.begin_second(SITE, user, found.token)
    assert [one["id"] for one in options["allowCredentials"]] == [b64(device.id)]
    began = await people.logins.passkey(token, device.get(options), HERE)
    assert began.session.method == "password+passkey"
    with pytest.raises(Unauthenticated):
        await people.logins.waiting_user(found.token)
    # Without knowing who holds it, it is not both factors.
    token, options = await people.passkeys.begin_login(SITE)
    with pytest.raises(Unauthenticated):
        await people.logins.passkey(token, device.get(options), HERE)


LIES: list[dict[str, Any]] = [
    {"origin": "https://nexus.example.evil"},
    {"origin": "http://nexus.example"},
    {"origin": "https://nexus.example:8443"},
    {"rp_id": "evil.example"},
    {"challenge": b64(bytes(32))},
    {"kind": "webauthn.create"},
    {"flags": VERIFIED},
    {"flags": PRESENT},
    {"cross_origin": True},
    {"signature": b"no signature"},
    {"handle": b64(bytes(32))},
    {"count": 1},
]


@pytest.mark.parametrize("lie", LIES, ids=[str(next(iter(lie))) for lie in LIES])
async def test_a_lie_does_not_log_in(people: People, lie: dict[str, Any]) -> None:
    device = await register(people)
    token, options = await people.passkeys.begin_login(SITE)
    await people.logins.passkey(token, device.get(options), HERE)
    token, options = await people.passkeys.begin_login(SITE)
    with pytest.raises(Unauthenticated, match="not accepted"):
        await people.logins.passkey(token, device.get(options, **lie), HERE)
    assert people.audited()[0].action == "login.failed"


WRONG: list[dict[str, Any]] = [*LIES[:5], {"kind": "webauthn.get"}, {"flags": VERIFIED}, {"cross_origin": True}]


@pytest.mark.parametrize("lie", WRONG, ids=[str(next(iter(lie))) for lie in WRONG])
async def test_a_lie_does_not_register(people: People, lie: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="cannot be verified"):
        await register(people, **lie)
    assert people.metadata.list_passkeys("alice") == []


async def test_an_answer_counts_once(people: People) -> None:
    device = await register(people)
    token, options = await people.passkeys.begin_login(SITE)
    answer = device.get(options)
    results = await asyncio.gather(*(people.logins.passkey(token, answer, HERE) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(result, Began) for result in results) == 1
    # Nor for another challenge.
    token, _ = await people.passkeys.begin_login(SITE)
    with pytest.raises(Unauthenticated):
        await people.logins.passkey(token, answer, HERE)


async def test_an_answer_must_come_soon_and_for_its_purpose(people: People) -> None:
    device = await register(people)
    token, options = await people.passkeys.begin_login(SITE)
    people.now += 301 * SECOND
    with pytest.raises(Unauthenticated):
        await people.logins.passkey(token, device.get(options), HERE)
    token, options = await people.passkeys.begin_login(SITE)
    with pytest.raises(InvalidRequest):
        await people.profiles.finish_passkey(await people.me(), token, device.get(options), "x")


async def test_somebody_elses_passkey_is_no_second_factor(people: People) -> None:
    device = await register(people)
    people.metadata.put_user(User("bob", people.user().password_hash, 2, password_changed_at=2, totp="sealed"))
    found = await people.logins.password("bob", PASSWORD, HERE)
    assert isinstance(found, Waiting)
    token, options = await people.passkeys.begin_second(SITE, "bob", found.token)
    with pytest.raises(Unauthenticated):
        await people.logins.passkey(token, device.get(options), HERE)
    people.change(disabled=True)
    token, options = await people.passkeys.begin_login(SITE)
    with pytest.raises(Unauthenticated):
        await people.logins.passkey(token, device.get(options), HERE)


async def test_a_copied_key_is_noticed(people: People) -> None:
    device = await register(people)
    token, options = await people.passkeys.begin_login(SITE)
    device.count = 40
    await people.logins.passkey(token, device.get(options), HERE)
    token, options = await people.passkeys.begin_login(SITE)
    with pytest.raises(Unauthenticated):
        await people.logins.passkey(token, device.get(options, count=12), HERE)


async def test_one_passkey_is_registered_once_and_not_too_many(people: People) -> None:
    device = await register(people)
    me = await people.me()
    token, options = await people.profiles.begin_passkey(me, SITE, "", "")
    assert [one["id"] for one in options["excludeCredentials"]] == [b64(device.id)]
    with pytest.raises(Conflict, match="registered already"):
        await people.profiles.finish_passkey(me, token, device.create(options), "again")
    for _ in range(MAX_PASSKEYS - 1):
        await register(people)
    with pytest.raises(Conflict, match="20 passkeys already"):
        await people.profiles.begin_passkey(me, SITE, "", "")
    await people.profiles.remove_passkey(me, b64(device.id), "", "")
    await register(people)


async def test_recovery_codes_go_with_the_last_factor(people: People) -> None:
    device = await register(people)
    assert len(people.user().recovery) == 10
    await people.profiles.remove_passkey(await people.me(), b64(device.id), "", "")
    assert people.user().recovery == ()
    assert isinstance(await people.logins.password("alice", PASSWORD, HERE), Began)


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": 1},
        {"id": "x", "response": 1},
        {"id": "x", "response": {"clientDataJSON": "e30"}},
        {"id": "x" * 60_000},
        {"id": "x" * 70_000},
        {"id": "x", "rawId": "x", "type": "public-key", "response": {"clientDataJSON": "!", "authenticatorData": "!"}},
    ],
)
async def test_what_is_no_credential(people: People, credential: dict[str, Any]) -> None:
    await register(people)
    token, _ = await people.passkeys.begin_login(SITE)
    with pytest.raises(NexusError) as caught:
        await people.logins.passkey(token, credential, HERE)
    assert caught.value.http_status in (400, 401)
    me = await people.me()
    token, _ = await people.profiles.begin_passkey(me, SITE, "", "")
    with pytest.raises(InvalidRequest):
        await people.profiles.finish_passkey(me, token, credential, "x")


def test_challenges_are_bounded(people: People) -> None:
    pending = Pending(people.time)
    tokens = [pending.issue(number, 300) for number in range(MAX_PENDING + 5)]
    assert len(pending) == MAX_PENDING
    assert pending.take(tokens[0]) is None
    assert pending.take(tokens[-1]) == MAX_PENDING + 4
    people.now += 301 * SECOND
    pending.issue("x", 300)
    assert len(pending) == 1


def test_user_handles_tell_nothing() -> None:
    one, again = User("alice", "", 1), User("alice", "", 2)
    assert user_handle(one) != user_handle(again)
    assert b"alice" not in user_handle(one)


@pytest.mark.parametrize(
    ("public_url", "scheme", "host", "site"),
    [
        ("https://nexus.example", "http", "evil.example", Site("nexus.example", "https://nexus.example")),
        ("https://Nexus.Example:8443/", "http", "x", Site("nexus.example", "https://nexus.example:8443")),
        ("https://nexus.example:443", "http", "x", Site("nexus.example", "https://nexus.example")),
        ("", "http", "localhost:8080", Site("localhost", "http://localhost:8080")),
        ("", "https", "a.localhost", Site("a.localhost", "https://a.localhost")),
        ("http://localhost:8080", "http", "localhost:8080", Site("localhost", "http://localhost:8080")),
        ("", "https", "nexus.example", "does not know its own address"),
        ("", "http", "127.0.0.1:8080", "does not know its own address"),
        ("", "http", "localhost.evil.example", "does not know its own address"),
        ("", "http", "localhost:99999", "is none"),
        ("", "http", "", "does not know its own address"),
        ("https://192.0.2.1", "https", "x", "IP address"),
        ("https://[2001:db8::1]:8443", "https", "x", "IP address"),
        ("http://nexus.example", "https", "x", "https only"),
        ("ftp://localhost", "https", "x", "https only"),
    ],
)
def test_sites(public_url: str, scheme: str, host: str, site: Site | str) -> None:
    if isinstance(site, Site):
        assert site_of(public_url, scheme, host) == site
    else:
        with pytest.raises(PasskeysOff, match=site):
            site_of(public_url, scheme, host)
