"""Logging in, and attacks on it."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from tests.unit.security.people import HERE, PASSWORD, SECOND, People

from nexus.errors import InvalidRequest, NexusError, NotFound, PermissionDenied, TooManyAttempts, Unauthenticated
from nexus.security.access import NO_AUTHORITY
from nexus.security.authority import FULL_AUTHORITY
from nexus.security.login import totp
from nexus.security.login.logins import Began, Origin, Waiting, login_link
from nexus.security.login.profiles import ConfirmationNeeded
from nexus.security.users import reset_password


async def waiting(people: People) -> Waiting:
    found = await people.logins.password("alice", PASSWORD, HERE)
    assert isinstance(found, Waiting)
    return found


async def test_a_password_begins_a_session(people: People) -> None:
    began = await people.logins.password("  ALICE ", PASSWORD, HERE)
    assert isinstance(began, Began)
    assert (began.user.name, began.session.method, began.session.address) == ("alice", "password", HERE.address)
    assert people.user().last_login == people.now
    assert people.audited()[0].action == "login.succeeded"


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("nobody", PASSWORD), ("", ""), ("x" * 500, "y" * 5000), ("alice", ""), ("a\u0000b", "\ud800")],
)
async def test_wrong_logins_say_the_same(people: People, name: str, password: str) -> None:
    with pytest.raises(Unauthenticated, match="the user name or the password is wrong"):
        await people.logins.password(name, password, HERE)
    failed = people.audited()[0]
    assert (failed.action, failed.outcome) == ("login.failed", "unauthenticated")
    assert "nobody" not in str(failed), "people type their password where the name belongs"


@pytest.mark.parametrize("change", [{"disabled": True}, {"password_hash": ""}])
async def test_who_may_not_is_told_nothing_else(people: People, change: dict[str, object]) -> None:
    people.change(**change)
    with pytest.raises(Unauthenticated, match="the user name or the password is wrong"):
        await people.logins.password("alice", PASSWORD, HERE)


async def test_it_takes_as_long_for_nobody(people: People) -> None:
    """The shortest of 15 in turn, in seconds of the processor, which others do not use up: without the hash it would be a
    tenth."""
    people.metadata.put_user(people.user().__class__("bob", "", 1))
    taken: dict[str, list[float]] = {"alice": [], "nobody": [], "bob": []}
    for number in range(15):
        for name, times in taken.items():
            # From other places, so that none of them has to wait.
            began = time.process_time()
            with pytest.raises(Unauthenticated):
                await people.logins.password(name, f"wrong {number}", Origin(f"192.0.2.{number}", ""))
            times.append(time.process_time() - began)
    shortest = {name: min(times) for name, times in taken.items()}
    assert max(shortest.values()) < 2.0 * min(shortest.values()), shortest


async def test_an_old_hash_is_stored_anew(people: People) -> None:
    from argon2 import PasswordHasher

    people.change(password_hash=PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD))
    before = people.user().password_hash
    await people.logins.password("alice", PASSWORD, HERE)
    assert people.user().password_hash not in ("", before)
    await people.logins.password("alice", PASSWORD, HERE)


async def test_too_many_wrong_ones_have_to_wait(people: People) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await people.logins.password("alice", "wrong", HERE)
    with pytest.raises(TooManyAttempts) as caught:
        await people.logins.password("alice", PASSWORD, HERE)
    assert caught.value.retry_after == pytest.approx(1.0)
    assert isinstance(await people.logins.password("alice", PASSWORD, Origin("198.51.100.1", "")), Began)
    people.now += 2 * SECOND
    assert isinstance(await people.logins.password("alice", PASSWORD, HERE), Began)


async def test_guesses_at_one_time_do_not_all_find_the_count_as_it_was(people: People) -> None:
    guesses = [people.logins.password("alice", f"wrong {number}", HERE) for number in range(30)]
    results = await asyncio.gather(*guesses, return_exceptions=True)
    # Three before the wait begins, and one beside the third.
    assert sum(isinstance(result, Unauthenticated) for result in results) in (3, 4)


async def test_guesses_at_one_time_are_bounded(people: People) -> None:
    origins = [Origin(f"198.51.100.{number}", "") for number in range(100)]
    results = await asyncio.gather(
        *(people.logins.password("alice", "wrong", origin) for origin in origins), return_exceptions=True
    )
    assert {type(result) for result in results} == {Unauthenticated, TooManyAttempts}
    # As many as may be looked at at once, and those for whom one of them is done in time.
    assert 32 <= sum(isinstance(result, Unauthenticated) for result in results) < 64


# --------------------------------------------------------------------------------------------------------- second factor


async def test_a_step_counts_once(people: People) -> None:
    app, _ = people.with_totp()
    code = people.code(app)
    began = await people.logins.code((await waiting(people)).token, code, HERE)
    assert began.session.method == "password+totp"
    for replayed in (code, people.code(app, -1)):
        with pytest.raises(Unauthenticated):
            await people.logins.code((await waiting(people)).token, replayed, HERE)
    people.now += 30 * SECOND
    await people.logins.code((await waiting(people)).token, people.code(app), HERE)


async def test_of_two_with_one_code_one_gets_in(people: People) -> None:
    app, recovery = people.with_totp()
    for code in (people.code(app), recovery[0]):
        tokens = [(await waiting(people)).token for _ in range(6)]
        results = await asyncio.gather(
            *(people.logins.code(token, code, HERE) for token in tokens[:4]), return_exceptions=True
        )
        assert sum(isinstance(result, Began) for result in results) == 1
        people.now += 3600 * SECOND


def test_a_recovery_code_works_once_from_many_threads(people: People) -> None:
    _, recovery = people.with_totp()
    start, wins = threading.Barrier(8), []

    def use() -> None:
        start.wait()
        wins.append(people.metadata.use_recovery("alice", totp.recovery_hash(recovery[0])))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == [False] * 7 + [True]
    assert len(people.user().recovery) == 9


async def test_a_ticket_lasts_five_minutes_and_five_codes(people: People) -> None:
    app, _ = people.with_totp()
    old = (await waiting(people)).token
    people.now += 301 * SECOND
    with pytest.raises(Unauthenticated, match="too long"):
        await people.logins.code(old, people.code(app), HERE)
    token = (await waiting(people)).token
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await people.logins.code(token, "000 000", HERE)
    with pytest.raises(Unauthenticated, match="tried too often"):
        await people.logins.code(token, people.code(app), HERE)


async def test_whoever_knows_the_password_cannot_guess_on(people: People) -> None:
    """New tickets do not make new tries: the count is the user's."""
    people.with_totp()
    tried = 0
    for _ in range(40):
        try:
            await people.logins.code((await waiting(people)).token, "000000", HERE)
        except TooManyAttempts as error:
            assert error.retry_after <= 900
        except Unauthenticated:
            tried += 1
    assert tried == 5


async def test_one_ticket_is_not_two_guesses(people: People) -> None:
    people.with_totp()
    token = (await waiting(people)).token
    results = await asyncio.gather(
        *(people.logins.code(token, f"{number:06}", HERE) for number in range(20)), return_exceptions=True
    )
    assert all(isinstance(result, NexusError) for result in results)
    counted = sum("the code is wrong" in str(result) for result in results)
    assert counted <= 5


async def test_a_ticket_is_for_nothing_else(people: People) -> None:
    people.with_totp()
    token = (await waiting(people)).token
    assert await people.sessions.by_token(token) is None
    with pytest.raises(Unauthenticated):
        await people.logins.link(token, HERE)
    with pytest.raises(InvalidRequest):
        await people.resets.finish(token, "gravel mitten orbit 4", HERE)


async def test_a_ticket_dies_with_the_password(people: People) -> None:
    app, _ = people.with_totp()
    token = (await waiting(people)).token
    people.now += SECOND
    reset_password(people.metadata, "alice", people.now)
    with pytest.raises(Unauthenticated):
        await people.logins.code(token, people.code(app), HERE)
    people.change(disabled=True)
    with pytest.raises(Unauthenticated):
        await people.logins.code(token, people.code(app), HERE)


# ------------------------------------------------------------------------------------------------------ duties and links


async def test_what_must_be_done_first(tmp_path: Path) -> None:
    for setting, expected in (
        ("off", ["", ""]),
        ("optional", ["", ""]),
        ("required_for_admins", ["add_second_factor", ""]),
        ("required", ["add_second_factor"] * 2),
    ):
        people = People(tmp_path / setting, NEXUS_SECURITY_SECOND_FACTOR=setting)
        _, session = await people.sessions.start(people.user(), "password", "", "")
        for authority, must in zip((FULL_AUTHORITY, NO_AUTHORITY), expected, strict=True):
            assert await people.logins.duty(people.user(), session, authority) == must
        _, signed_on = await people.sessions.start(people.user(), "oidc", "", "")
        people.change(must_change_password=True)
        assert await people.logins.duty(people.user(), session, FULL_AUTHORITY) == "change_password"
        assert await people.logins.duty(people.user(), signed_on, FULL_AUTHORITY) == ""
        people.change(must_change_password=False)
        people.with_totp()
        assert await people.logins.duty(people.user(), session, FULL_AUTHORITY) == ""
        people.metadata.close()


async def test_without_passwords(tmp_path: Path) -> None:
    people = People(
        tmp_path, NEXUS_SECURITY_PASSWORD_LOGIN="off", NEXUS_SMTP_HOST="localhost", NEXUS_SMTP_SENDER="n@example.com"
    )
    with pytest.raises(PermissionDenied):
        await people.logins.password("alice", PASSWORD, HERE)
    with pytest.raises(PermissionDenied):
        people.resets.request("alice", HERE)
    token = login_link(people.metadata, "alice", people.now)
    assert (await people.logins.link(token, HERE)).session.method == "link"
    with pytest.raises(Unauthenticated):
        await people.logins.link(token, HERE)
    late = login_link(people.metadata, "alice", people.now)
    people.now += 901 * SECOND
    with pytest.raises(Unauthenticated):
        await people.logins.link(late, HERE)
    with pytest.raises(NotFound):
        login_link(people.metadata, "nobody", people.now)
    people.metadata.close()


# --------------------------------------------------------------------------------------------------------------- profile


async def test_who_is_at_the_keyboard(people: People) -> None:
    me = await people.me()
    await people.profiles.confirm(me, "", "")
    people.now += 601 * SECOND
    with pytest.raises(ConfirmationNeeded):
        await people.profiles.confirm(me, "", "")
    with pytest.raises(Unauthenticated):
        await people.profiles.confirm(me, "wrong", "")
    await people.profiles.confirm(me, PASSWORD, "")
    app, recovery = people.with_totp()
    code = people.code(app)
    await people.profiles.confirm(me, "", code)
    with pytest.raises(Unauthenticated):
        await people.profiles.confirm(me, "", code)
    await people.profiles.confirm(me, "", recovery[3])


async def test_an_address_moves_only_when_confirmed(people: People) -> None:
    me = await people.me()
    people.now += 601 * SECOND
    await people.profiles.change(me, "Alice", "alice@example.com", "", "")
    with pytest.raises(ConfirmationNeeded):
        await people.profiles.change(me, None, "thief@example.com", "", "")
    assert people.user().email == "alice@example.com"
    await people.profiles.change(me, None, "new@example.com", PASSWORD, "")
    assert (people.user().email, people.user().display_name) == ("new@example.com", "Alice")


async def test_setting_up_an_app(people: People) -> None:
    me, other = await people.me(), await people.me()
    setup = await people.profiles.begin_totp(me, "", "")
    assert setup.secret not in str(people.metadata.list_users())
    import pyotp

    app = pyotp.TOTP(setup.secret)
    with pytest.raises(InvalidRequest, match="too long"):
        await people.profiles.finish_totp(other, people.code(app))
    with pytest.raises(InvalidRequest, match="not one of the new secret"):
        await people.profiles.finish_totp(me, "000000")
    assert not people.user().totp
    codes, token = await people.profiles.finish_totp(me, people.code(app))
    assert len(codes) == 10
    assert setup.secret not in people.user().totp
    found = await people.sessions.by_token(token)
    assert found is not None
    assert found.session.id == me.session_id
    # The code that set it up is used up.
    with pytest.raises(Unauthenticated):
        await people.logins.code((await waiting(people)).token, people.code(app), HERE)
    fresh = await people.profiles.new_recovery_codes(me, "", "")
    assert not {*fresh} & {*codes}
    with pytest.raises(Unauthenticated):
        await people.logins.code((await waiting(people)).token, codes[0], HERE)
    await people.logins.code((await waiting(people)).token, fresh[0], HERE)
    await people.profiles.remove_totp(me, PASSWORD, "")
    assert (people.user().totp, people.user().recovery) == ("", ())


async def test_second_factors_can_be_off(tmp_path: Path) -> None:
    people = People(tmp_path, NEXUS_SECURITY_SECOND_FACTOR="off")
    with pytest.raises(PermissionDenied):
        await people.profiles.begin_totp(await people.me(), "", "")
    people.with_totp()
    assert isinstance(await people.logins.password("alice", PASSWORD, HERE), Waiting), "who has one is still asked"
    people.metadata.close()
