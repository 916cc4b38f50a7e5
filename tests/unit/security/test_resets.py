"""A forgotten password, by mails that a real SMTP server takes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.oracles.mail_server import MailServer, text_of
from tests.unit.security.people import HERE, PASSWORD, SECOND, People

from nexus.config import load
from nexus.errors import ConfigError, InvalidRequest, PermissionDenied, TooManyAttempts, Unauthenticated
from nexus.mailing import MAX_WAITING, Mail, Mailer, message_of
from nexus.security.login.logins import Began, Origin
from nexus.security.login.resets import LINK_SECONDS, MAX_COUNTED, Quota
from nexus.telemetry import Registry

NEW = "gravel mitten orbit 4"
SENDER = "nexus@example.com"


@asynccontextmanager
async def mailing(path: Path, server: MailServer, tls: str = "off") -> AsyncIterator[People]:
    people = People(path, **server.settings(tls))
    people.mailer.start()
    yield people
    await people.resets.stop()
    await people.mailer.stop()
    people.metadata.close()


async def asked(people: People, server: MailServer, name: str = "alice", number: int = 1) -> str:
    """The token of a link that was mailed."""
    people.resets.request(name, HERE)
    mail = await asyncio.to_thread(server.wait, number)
    assert mail["To"] == "alice@example.com"
    found = re.search(r"https://nexus\.example/login#reset=(\S+)", text_of(mail))
    assert found, text_of(mail)
    return found[1]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("tls", ["off", "starttls", "tls"])
async def test_a_link_makes_a_new_password_once(tmp_path: Path, tls: str) -> None:
    with MailServer(tmp_path / "mail", tls) as server:
        async with mailing(tmp_path, server, tls) as people:
            token, _ = await people.sessions.start(people.user(), "password", "", "")
            link = await asked(people, server)
            assert server.encrypted == [tls != "off"]
            assert link not in str(people.audited())
            with pytest.raises(InvalidRequest, match="not good enough"):
                await people.resets.finish(link, "P@ssw0rd2024!", HERE)
            people.now += SECOND
            await people.resets.finish(link, NEW, HERE)
            assert await people.sessions.by_token(token) is None
            with pytest.raises(InvalidRequest, match="was used"):
                await people.resets.finish(link, NEW + "x", HERE)
            with pytest.raises(Unauthenticated):
                await people.logins.password("alice", PASSWORD, HERE)
            assert isinstance(await people.logins.password("alice", NEW, HERE), Began)
            told = await asyncio.to_thread(server.wait, 2)
            assert told["Subject"] == "Nexus: Your password was changed"
            assert NEW not in text_of(told)


async def test_two_with_one_link(tmp_path: Path) -> None:
    with MailServer(tmp_path / "mail") as server:
        async with mailing(tmp_path, server) as people:
            link = await asked(people, server, "ALICE@example.com")
            people.now += SECOND
            results = await asyncio.gather(
                *(people.resets.finish(link, f"{NEW}{number}", HERE) for number in range(4)), return_exceptions=True
            )
            assert sorted(result is None for result in results) == [False, False, False, True]


async def test_links_end(tmp_path: Path) -> None:
    with MailServer(tmp_path / "mail") as server:
        async with mailing(tmp_path, server) as people:
            old = await asked(people, server)
            people.now += int(LINK_SECONDS + 1) * SECOND
            with pytest.raises(InvalidRequest):
                await people.resets.finish(old, NEW, HERE)
            one = await asked(people, server, number=2)
            two = await asked(people, server, number=3)
            people.now += SECOND
            await people.resets.finish(two, NEW, HERE)
            with pytest.raises(InvalidRequest):
                await people.resets.finish(one, NEW + "x", HERE)


async def test_nobody_learns_who_there_is(tmp_path: Path) -> None:
    with MailServer(tmp_path / "mail") as server:
        async with mailing(tmp_path, server) as people:
            user = people.user()
            for name, change in (("off", {"disabled": True}), ("sso", {"source": "oidc:x"}), ("none", {"email": ""})):
                people.metadata.put_user(type(user)(name, "", 1, **{"email": f"{name}@example.com", **change}))  # type: ignore[arg-type]
            for number, name in enumerate(("off", "sso", "none", "nobody", "nobody@example.com", "", "\u0000", "x" * 5000)):
                people.resets.request(name, Origin(f"198.51.100.{number}", ""))
            await asked(people, server)
            assert len(server.mails) == 1
            # Not a fourth mail within an hour; the answer is the same.
            for number in range(5):
                people.resets.request("alice", Origin(f"203.0.113.{number}", ""))
            await asyncio.to_thread(server.wait, 3)
            while people.resets._running:
                await asyncio.sleep(0.01)
            assert people.mailer._queue.empty()
            with pytest.raises(TooManyAttempts):
                for _ in range(20):
                    people.resets.request("nobody", HERE)


async def test_a_server_that_is_busy_is_tried_again(tmp_path: Path) -> None:
    with MailServer(tmp_path / "mail", refusals=("451 later", "451 later")) as server:
        async with mailing(tmp_path, server) as people:
            await asked(people, server)
            assert server.refusals == []


async def test_what_is_refused_for_good_is_not_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with MailServer(tmp_path / "mail", refusals=("554 never alice@example.com",)) as server:
        async with mailing(tmp_path, server) as people:
            people.mailer.post(Mail("alice@example.com", "one", "secret-text"))
            people.mailer.post(Mail("alice@example.com", "two", "secret-text"))
            mail = await asyncio.to_thread(server.wait, 1)
            assert mail["Subject"] in ("one", "two")
            while people.mailer._mails.value("failed") < 1:
                await asyncio.sleep(0.01)
    assert "secret-text" not in caplog.text
    assert "alice@example.com" not in caplog.text


async def test_a_server_without_the_right_certificate_gets_nothing(tmp_path: Path) -> None:
    with MailServer(tmp_path / "mail", "starttls") as server:
        settings = server.settings("starttls")
        del settings["NEXUS_SMTP_AUTHORITIES"]
        people = People(tmp_path, **settings)
        people.mailer.start()
        people.mailer.post(Mail("alice@example.com", "x", "y"))
        while people.mailer._mails.value("failed") < 1:
            await asyncio.sleep(0.01)
        assert server.mails == []
        await people.mailer.stop()
        people.metadata.close()


async def test_stopping_does_not_wait(tmp_path: Path) -> None:
    """Whatever a mail is at: the client swallows a cancellation while it says goodbye."""
    with MailServer(tmp_path / "mail", refusals=("451 later",)) as server:
        for number in range(10):
            people = People(tmp_path / str(number), retries=(60.0,), **server.settings("off"))
            people.mailer.start()
            people.mailer.post(Mail("alice@example.com", "x", "y"))
            people.mailer.post(Mail("alice@example.com", "x", "y"))
            if number:
                await asyncio.to_thread(server.wait, 2 * number)
            else:
                await asyncio.to_thread(server.wait, 1)
                people.mailer.post(Mail("alice@example.com", "x", "y"))
            async with asyncio.timeout(60):
                await people.mailer.stop()
            people.metadata.close()


async def test_the_queue_is_bounded() -> None:
    config = load({"NEXUS_SMTP_HOST": "localhost", "NEXUS_SMTP_SENDER": SENDER}).config.smtp
    mailer = Mailer(lambda: config, Registry())
    taken = [mailer.post(Mail("a@example.com", "x", "y")) for _ in range(MAX_WAITING + 3)]
    assert taken.count(True) == MAX_WAITING
    assert not mailer.post(Mail("", "x", "y"))


def test_no_header_is_smuggled_in() -> None:
    for mail in (Mail("a@example.com\r\nBcc: b@example.com", "x", "y"), Mail("a@example.com", "x\nBcc: b@example.com", "y")):
        with pytest.raises(ValueError, match=r"line|newline|linefeed"):
            message_of(mail, SENDER)
    assert "secret" not in repr(Mail("a@example.com", "x", "secret"))


async def test_without_mail_or_an_address_of_its_own(tmp_path: Path) -> None:
    smtp = {"NEXUS_SMTP_HOST": "localhost", "NEXUS_SMTP_SENDER": SENDER}
    for number, settings in enumerate(({}, {**smtp, "NEXUS_HTTP_PUBLIC_URL": ""})):
        people = People(tmp_path / str(number), **settings)
        assert not people.resets.on
        with pytest.raises(PermissionDenied):
            people.resets.request("alice", HERE)
        people.metadata.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"NEXUS_SMTP_HOST": "localhost"},
        {"NEXUS_SMTP_HOST": "localhost", "NEXUS_SMTP_SENDER": "nobody"},
        {"NEXUS_SMTP_HOST": "localhost", "NEXUS_SMTP_SENDER": SENDER, "NEXUS_SMTP_TLS": "off", "NEXUS_SMTP_PASSWORD": "x"},
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        load(settings)


def test_quotas() -> None:
    quota = Quota(2, 60.0)
    assert [quota.take("a", now) for now in (0.0, 10.0, 20.0, 61.0)] == [0, 0, 40, 0]
    for number in range(MAX_COUNTED + 10):
        quota.take(str(number), 0.0)
    assert len(quota._times) == MAX_COUNTED
