"""Logins at providers that lie, mix up, repeat themselves or are away; and whose user a login is."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from nexus.config import GroupRole, OidcConfig, RoleIn
from nexus.errors import InvalidRequest, NexusError, NotFound, PermissionDenied, TargetFailed
from nexus.outgoing.client import Answer
from nexus.security import secrets
from nexus.security.audit.log import Audit
from nexus.security.authority import Authorities
from nexus.security.sso.jwt import LOGOUT_EVENT, half_hash
from nexus.security.sso.oidc import BETWEEN_REFRESHES, CALM, FRESH, challenge, claim
from nexus.security.sso.signon import Begun, Finished, SignOnRefused, SingleSignOn
from nexus.security.users import Users
from nexus.security.vault import Vault
from nexus.storage.metadata.api import AuditFilter, Binding, Session, User
from nexus.storage.metadata.sqlite import SqliteMetadata

START = 1_800_000_000 * 10**9
BACK = "http://nexus.example/callback"
KEYS = [RSAKey.generate_key(2048, {"kid": f"k{number}", "use": "sig", "alg": "RS256"}) for number in range(3)]


@dataclass
class FakeProvider:
    """A provider in memory, which says what a test wants it to say."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: KEYS[0])
    published: list[RSAKey] = field(default_factory=lambda: [KEYS[0]])
    discovery: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
    away: bool = False
    asked: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def log_in(self, url: str, **claims: Any) -> dict[str, str]:
        """What a browser brings back after somebody has logged in there."""
        wanted = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{next(self.numbers)}"
        self.codes[code] = {**wanted, "claims": claims}
        return {"code": code, "state": wanted["state"], "iss": self.issuer}

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        key = key or self.key
        return jws.serialize_compact({"alg": "RS256", "kid": key.kid, **self.header}, json.dumps(claims).encode(), key)

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        if self.away:
            raise TargetFailed("away")
        self.asked.append(path)
        match path:
            case "/.well-known/openid-configuration":
                return 200, {
                    "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth", "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/me",
                    "end_session_endpoint": f"{self.issuer}/end", "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                    "authorization_response_iss_parameter_supported": True, **self.discovery,
                }  # fmt: skip
            case "/keys":
                return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
            case "/me":
                return 200, self.userinfo
            case "/token":
                form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                known = self.codes.pop(form.get("code", ""), None)
                if (
                    known is None
                    or challenge(form["code_verifier"]) != known["code_challenge"]
                    or form["redirect_uri"] != known["redirect_uri"]
                ):
                    return 400, {"error": "invalid_grant"}
                now = START / 1e9
                claims = {"iss": self.issuer, "aud": known["client_id"], "sub": "u-1", "iat": now, "exp": now + 300,
                          "nonce": known["nonce"], "sid": "s-1", "at_hash": half_hash("at", "RS256"), "preferred_username": "alice",
                          "name": "Alice", "email": "alice@corp.example", "email_verified": True, "groups": ["staff"],
                          **self.claims, **known["claims"]}  # fmt: skip
                claims = {name: value for name, value in claims.items() if value is not None}
                return 200, self.tokens({"access_token": "at", "token_type": "Bearer", "id_token": self.signed(claims)})
        return 404, {}


class FakeOutgoing:
    def __init__(self, *providers: FakeProvider) -> None:
        self.providers = providers

    async def fetch(self, method: str, url: str, *, headers: Any = None, body: bytes | None = None, **_: Any) -> Answer:
        for one in self.providers:
            if url.startswith(one.issuer + "/"):
                status, document = one.answer(url.removeprefix(one.issuer), body or b"")
                return Answer(status, {}, json.dumps(document).encode(), url)
        raise TargetFailed("nobody there")


class FakeSessions:
    def __init__(self, metadata: Any) -> None:
        self.metadata = metadata

    async def start(
        self, user: User, method: str, actor_address: str, user_agent: str, issuer: str = "", issuer_session: str = ""
    ) -> tuple[str, Session]:
        token = secrets.new_token()
        session = Session(secrets.new_id(), secrets.digest(token), user.name, method, START, START, START, START + 10**13,
                          actor_address, user_agent, issuer, issuer_session)  # fmt: skip
        self.metadata.create_session(session)
        return token, session


class Place:
    """Everything around a single sign-on."""

    def __init__(self, folder: Path, *configs: OidcConfig, providers: list[FakeProvider] | None = None) -> None:
        self.metadata = SqliteMetadata(folder)
        self.clock = 1000.0
        self.now = START
        self.provider = FakeProvider("https://idp.example")
        self.other = FakeProvider("https://other.example")
        self.audit = Audit(self.metadata, lambda: self.now)
        authorities = Authorities(self.metadata)
        self.users = Users(self.metadata, authorities, self.audit, lambda: self.now, lambda: "default")
        self.changes = 0
        self.sso = SingleSignOn(
            configs or (config(), config("other", issuer="https://other.example")),
            FakeOutgoing(self.provider, self.other),  # type: ignore[arg-type]
            self.metadata, FakeSessions(self.metadata), lambda: Vault(folder / "nexus.key"), self.users, self.audit,
            lambda: self.now, self._changed, lambda: self.clock,
        )  # fmt: skip

    def _changed(self) -> None:
        self.changes += 1

    async def begin(self, name: str = "corp") -> Begun:
        return await self.sso.begin(name, "/logs", BACK)

    async def log_in(self, name: str = "corp", provider: FakeProvider | None = None, /, **claims: Any) -> Finished:
        begun = await self.begin(name)
        back = (provider or self.provider).log_in(begun.url, **claims)
        return await self.back(begun, back, name)

    async def back(self, begun: Begun, arguments: dict[str, str], name: str = "corp") -> Finished:
        return await self.sso.finish(name, arguments, {begun.cookie: begun.value}, "192.0.2.1", "a browser")

    def roles(self, name: str = "alice") -> set[tuple[str, str]]:
        return {(one.role, one.tenant) for one in self.metadata.list_bindings([("user", name)])}

    def noted(self, action: str) -> list[Any]:
        return self.metadata.list_audit(AuditFilter(action=action), limit=50)


def config(id: str = "corp", **more: Any) -> OidcConfig:
    given: dict[str, Any] = {"issuer": "https://idp.example", "client_id": "nexus", "client_secret": "s",
                             "roles": [GroupRole(group="staff", role="viewer", tenant="default"),
                                       GroupRole(group="boss", role="admin")]}  # fmt: skip
    return OidcConfig(id=id, **{**given, **more})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    one = Place(tmp_path)
    yield one
    one.metadata.close()


def placed(folder: Path, **more: Any) -> Place:
    return Place(folder, config(**more))


async def test_a_login(place: Place) -> None:
    done = await place.log_in()
    assert done.next == "/logs" and done.user.name == "alice"
    stored = place.metadata.get_user("alice")
    assert stored is not None
    assert (stored.source, stored.external_id, stored.email, stored.password_hash) == (
        "oidc:corp",
        "u-1",
        "alice@corp.example",
        "",
    )
    assert place.roles() == {("viewer", "default")}
    session = place.metadata.get_session(secrets.digest(done.token), START)
    assert session is not None and (session.issuer, session.issuer_session, session.method) == ("oidc:corp", "s-1", "oidc")


async def test_nothing_of_a_login_under_way_can_be_used_from_the_store(place: Place) -> None:
    begun = await place.begin()
    arguments = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    ticket = place.metadata.get_ticket(secrets.digest(arguments["state"]), "sso.state", START)
    assert ticket is not None
    for secret in (begun.value, arguments["state"], arguments["nonce"]):
        assert secret not in ticket.data and secret != ticket.hash


async def test_an_answer_counts_once(place: Place) -> None:
    begun = await place.begin()
    back = place.provider.log_in(begun.url)
    await place.back(begun, back)
    with pytest.raises(SignOnRefused):
        await place.back(begun, back)
    # Of two at a time one gets in.
    begun = await place.begin()
    back = place.provider.log_in(begun.url)
    results = await asyncio.gather(*(place.back(begun, back) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, Finished) for one in results) == 1


async def test_a_code_that_was_used_or_is_of_another_login(place: Place) -> None:
    first, second = await place.begin(), await place.begin()
    used = place.provider.log_in(first.url)
    await place.back(first, used)
    mine = place.provider.log_in(second.url)
    for code in (used["code"], "made-up", "", "x" * 5000):
        begun = await place.begin()
        state = place.provider.log_in(begun.url)["state"]
        with pytest.raises(SignOnRefused):
            await place.back(begun, {**mine, "code": code, "state": state})
    # A stolen code does not fit the login that it is put into: PKCE.
    begun = await place.begin()
    state = place.provider.log_in(begun.url)["state"]
    with pytest.raises(SignOnRefused):
        await place.back(begun, {**mine, "state": state})
    assert "invalid_grant" in place.noted("login.failed")[0].details["reason"]


async def test_another_browser_or_too_late(place: Place) -> None:
    begun = await place.begin()
    back = place.provider.log_in(begun.url)
    for cookies in ({}, {begun.cookie: ""}, {begun.cookie: "x"}, {begun.cookie: "x" * 1000}, {"nexus_sso_0": begun.value}):
        with pytest.raises(SignOnRefused):
            await place.sso.finish("corp", back, cookies, "", "")
    place.now += 601 * 10**9
    with pytest.raises(SignOnRefused):
        await place.back(begun, back)


async def test_two_providers_are_not_mixed_up(place: Place) -> None:
    """The attacker runs one of two providers, and sends an answer or a token of one to the other."""
    begun = await place.begin("corp")
    back = place.provider.log_in(begun.url)
    with pytest.raises(SignOnRefused):
        await place.back(begun, back, "other")
    # The browser was at the other one, which says so, or lies about itself.
    begun = await place.begin("corp")
    code = place.other.log_in(begun.url)
    for issuer in (place.other.issuer, place.provider.issuer):
        begun = await place.begin("corp")
        code = {**place.other.log_in(begun.url), "iss": issuer}
        with pytest.raises(SignOnRefused):
            await place.back(begun, code)
    assert place.other.asked == []
    # Without a word about who sent it, where the provider says one.
    begun = await place.begin("corp")
    back = place.provider.log_in(begun.url)
    del back["iss"]
    with pytest.raises(SignOnRefused):
        await place.back(begun, back)
    # The same subject at the other provider is another person.
    await place.log_in("corp")
    with pytest.raises(PermissionDenied):
        await place.log_in("other", place.other)
    # A token of one provider, given out by the other.
    place.other.tokens = lambda answer: {**answer, "id_token": place.provider.signed({"iss": place.provider.issuer})}
    with pytest.raises(SignOnRefused):
        await place.log_in("other", place.other, preferred_username="zoe", sub="u-9")


@pytest.mark.parametrize("change", [
    {"aud": "other"}, {"iss": "https://evil.example"}, {"exp": START / 1e9 - 100}, {"nonce": None}, {"nonce": "x"}, {"sub": None},
    {"at_hash": half_hash("other", "RS256")}, {"aud": ["nexus", "x"]}, {"azp": "x"}, {"iat": START / 1e9 + 1000},
])  # fmt: skip
async def test_an_id_token_that_is_wrong(place: Place, change: dict[str, Any]) -> None:
    with pytest.raises(SignOnRefused):
        await place.log_in(**change)
    assert place.metadata.get_user("alice") is None
    entry = place.noted("login.failed")[0]
    assert entry.who == "oidc:corp" and "ID token" in entry.details["reason"]


@pytest.mark.parametrize(
    "tokens",
    [{}, {"id_token": 1}, {"id_token": ""}, {"id_token": "a.b.c"}, {"id_token": "x" * 200_000}, {"access_token": ["x"]}],
)
async def test_a_token_answer_that_is_none(place: Place, tokens: dict[str, Any]) -> None:
    place.provider.tokens = lambda answer: {**({} if "access_token" not in tokens else answer), **tokens}
    with pytest.raises(SignOnRefused):
        await place.log_in()


async def test_keys_are_exchanged_and_forged_ids_do_not_make_a_flood(place: Place) -> None:
    await place.log_in()
    place.provider.published, place.provider.key = [KEYS[1]], KEYS[1]
    # Too soon after they were fetched to ask again.
    with pytest.raises(SignOnRefused):
        await place.log_in()
    place.clock += BETWEEN_REFRESHES
    await place.log_in()
    asked = place.provider.asked.count("/keys")
    place.provider.key = KEYS[2]
    for _ in range(10):
        with pytest.raises(SignOnRefused):
            await place.log_in()
    assert place.provider.asked.count("/keys") == asked
    place.clock += BETWEEN_REFRESHES
    for _ in range(10):
        with pytest.raises(SignOnRefused):
            await place.log_in()
    assert place.provider.asked.count("/keys") == asked + 1


async def test_what_was_published_is_used_while_the_provider_is_away(place: Place) -> None:
    await place.begin()
    place.provider.away = True
    place.clock += FRESH + 1
    await place.begin()
    place.clock += 25 * 3600
    with pytest.raises(TargetFailed):
        await place.begin()
    with pytest.raises(TargetFailed):
        await place.begin()
    place.provider.away = False
    place.clock += CALM
    await place.begin()


@pytest.mark.parametrize("said", [
    {"issuer": "https://evil.example"}, {"issuer": "https://idp.example/"}, {"issuer": None}, {"token_endpoint": None},
    {"authorization_endpoint": "javascript:alert(1)"}, {"authorization_endpoint": "http://idp.example/auth"},
    {"jwks_uri": "file:///etc/passwd"}, {"token_endpoint": "https://u:p@idp.example/"}, {"end_session_endpoint": "http://x.example"},
    {"authorization_endpoint": "https://idp.example/\r\nX: y"}, {"token_endpoint": ["https://idp.example/token"]},
])  # fmt: skip
async def test_a_description_that_is_wrong(place: Place, said: dict[str, Any]) -> None:
    place.provider.discovery = said
    with pytest.raises(NexusError) as error:
        await place.begin()
    assert error.value.http_status in (400, 503)


async def test_a_provider_that_signs_with_a_shared_secret_only_gets_nowhere(place: Place) -> None:
    place.provider.discovery = {"id_token_signing_alg_values_supported": ["HS256", "none"]}
    await place.log_in()  # RS256, which every provider has to know
    place.provider.header = {"alg": "none"}
    place.provider.signed = lambda claims, key=None: "eyJhbGciOiJub25lIn0.e30."  # type: ignore[method-assign]
    with pytest.raises(SignOnRefused):
        await place.log_in()


async def test_userinfo_of_somebody_else(tmp_path: Path) -> None:
    place = placed(tmp_path)
    missing = {"preferred_username": None, "name": None, "groups": None}
    place.provider.userinfo = {"sub": "u-2", "preferred_username": "admin", "groups": ["boss"]}
    with pytest.raises(SignOnRefused):
        await place.log_in(**missing)
    # What is signed goes before what is not.
    place.provider.userinfo = {
        "sub": "u-1",
        "preferred_username": "bob",
        "groups": ["staff"],
        "email": "x@evil.example",
        "sid": "s-9",
    }
    done = await place.log_in(**missing)
    assert done.user.name == "bob" and done.user.email == "alice@corp.example"


async def test_nobody_is_taken_over_by_name_or_address(place: Place) -> None:
    place.metadata.put_user(User("admin", "hash", START, email="alice@corp.example"))
    place.metadata.put_user(User("scimmed", "", START, source="scim", external_id="u-1"))
    place.metadata.put_user(User("elsewhere", "", START, source="oidc:other", external_id="u-1"))
    for name in ("admin", "Admin", " ADMIN ", "scimmed", "elsewhere"):
        with pytest.raises(PermissionDenied):
            await place.log_in(preferred_username=name)
    # The address of another user stays his; the new one has none.
    done = await place.log_in()
    assert done.user.name == "alice" and done.user.email == ""
    admin = place.metadata.get_user("admin")
    assert admin is not None and admin.source == "local" and admin.email == "alice@corp.example"


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "../x", "a\nb", "<b>", "аdmin", "x" * 101, None, 7, ["a"], "a'b"])
async def test_names_that_nobody_can_have(place: Place, name: Any) -> None:
    place.provider.userinfo = {"sub": "u-1"}
    with pytest.raises(SignOnRefused):
        await place.log_in(preferred_username=name)
    assert not [user for user in place.metadata.list_users() if user.source != "local"]


async def test_an_address_is_a_name_when_it_is_verified_only(tmp_path: Path) -> None:
    place = placed(tmp_path, username_claim="email")
    for verified in (False, None, "yes", 1):
        with pytest.raises(SignOnRefused):
            await place.log_in(email_verified=verified)
    assert (await place.log_in()).user.name == "alice@corp.example"


async def test_a_disabled_user_stays_out(place: Place) -> None:
    done = await place.log_in()
    place.metadata.put_user(User(**{**{name: getattr(done.user, name) for name in User.__slots__}, "disabled": True}))
    with pytest.raises(PermissionDenied):
        await place.log_in()
    assert place.noted("login.failed")[0].outcome == "permission_denied"


async def test_roles_follow_groups_and_those_given_by_hand_stay(place: Place) -> None:
    await place.log_in(groups=["staff", "boss"])
    assert place.roles() == {("viewer", "default"), ("admin", "*")}
    place.metadata.add_binding(Binding("by-hand", "user", "alice", "editor", "default", START))
    place.metadata.add_binding(Binding("by-hand-2", "user", "alice", "viewer", "default", START))
    changes = place.changes
    await place.log_in(groups=["staff"])
    assert place.roles() == {("viewer", "default"), ("editor", "default")} and place.changes > changes
    await place.log_in(groups=[])
    assert ("editor", "default") in place.roles() and ("admin", "*") not in place.roles()
    await place.log_in(groups="boss")
    assert ("admin", "*") in place.roles()
    entry = place.noted("user.roles_changed")[0]
    assert "admin" in entry.after and "admin" not in entry.before
    # A list that the provider left out is not an empty one.
    with pytest.raises(SignOnRefused):
        await place.log_in(groups=None, _claim_names={"groups": "src1"})
    assert ("admin", "*") in place.roles()


async def test_a_role_that_is_not_there_is_not_given(tmp_path: Path) -> None:
    place = placed(
        tmp_path, roles=[GroupRole(group="staff", role="nobody-made-it"), GroupRole(group="staff", role="viewer")]
    )
    await place.log_in()
    assert place.roles() == {("viewer", "*")}


async def test_who_is_made_a_user(tmp_path: Path) -> None:
    place = placed(tmp_path, auto_create=False, default_roles=[RoleIn("viewer")])
    with pytest.raises(PermissionDenied):
        await place.log_in()
    place.metadata.put_user(User("anna", "", START, source="oidc:corp", external_id="u-1"))
    assert (await place.log_in()).user.name == "anna"
    assert ("viewer", "*") in place.roles("anna")


@pytest.mark.parametrize(("link", "found"), [("off", set()), ("external_id", {"by-id"}), ("user_name", {"by-id", "alice"})])
async def test_users_made_by_scim(tmp_path: Path, link: str, found: set[str]) -> None:
    place = placed(tmp_path, link_scim=link, external_id_claim="oid", auto_create=False)
    place.metadata.put_user(User("by-id", "", START, source="scim", external_id="object-1"))
    place.metadata.put_user(User("alice", "", START, source="scim", external_id="object-2"))
    place.metadata.put_user(User("local", "hash", START))
    entered = set()
    for claims in (
        {"oid": "object-1", "preferred_username": "x"},
        {"oid": "object-9"},
        {"preferred_username": "local"},
        {"oid": ""},
    ):
        try:
            entered.add((await place.log_in(**claims)).user.name)
        except PermissionDenied:
            pass
    assert entered == found


async def test_the_provider_ends_a_session_or_all_of_a_user(place: Place) -> None:
    def token(**claims: Any) -> str:
        now = START / 1e9
        whole = {"iss": place.provider.issuer, "aud": "nexus", "iat": now, "exp": now + 60, "jti": secrets.new_id(),
                 "events": {LOGOUT_EVENT: {}}, **claims}  # fmt: skip
        return place.provider.signed({name: value for name, value in whole.items() if value is not None})

    def alive() -> set[str]:
        return {one.issuer_session for one in place.metadata.list_sessions("alice", START)}

    for session in ("s-1", "s-2", "s-3"):
        await place.log_in(sid=session)
    await place.log_in("other", place.other, sub="u-7", preferred_username="zoe")
    once = token(sub="u-1", sid="s-1")
    assert await place.sso.logged_out_there("corp", once, "") == 1
    assert alive() == {"s-2", "s-3"}
    await place.log_in(sid="s-1")
    with pytest.raises(InvalidRequest, match="before"):
        await place.sso.logged_out_there("corp", once, "")
    for bad in (token(sub="u-1", nonce="n"), token(), token(sub="u-1", aud="other"), token(sub="u-1", events={}),
                token(sub="u-1", iss="https://evil.example"), place.other.signed({"iss": place.other.issuer}), "x"):  # fmt: skip
        with pytest.raises(InvalidRequest):
            await place.sso.logged_out_there("corp", bad, "")
    # Another provider's session of that name, and its users, are not ours to end.
    assert await place.sso.logged_out_there("corp", token(sid="s-9"), "") == 0
    assert await place.sso.logged_out_there("corp", token(sub="u-7"), "") == 0
    assert alive() == {"s-1", "s-2", "s-3"}
    assert await place.sso.logged_out_there("corp", token(sub="u-1"), "") == 3
    assert alive() == set() and len(place.metadata.list_sessions("zoe", START)) == 1


async def test_logging_out_at_the_provider_too(place: Place) -> None:
    done = await place.log_in()
    session = place.metadata.get_session(secrets.digest(done.token), START)
    assert session is not None
    url = await place.sso.leave(session, "http://nexus.example/login")
    arguments = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert (
        url.startswith("https://idp.example/end?") and arguments["post_logout_redirect_uri"] == "http://nexus.example/login"
    )
    assert arguments["id_token_hint"].count(".") == 2
    # The token was kept sealed, and for one time.
    assert "id_token_hint" not in await place.sso.leave(session, "http://nexus.example/login")
    assert await place.sso.leave(Session("x", "y", "alice", "password", 0, 0, 0, 0), "") == ""
    place.provider.away = True
    place.clock += 48 * 3600
    assert await place.sso.leave(session, "x") == ""


async def test_strangers_cannot_fill_the_store(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexus.security.sso.signon.MAX_UNDER_WAY", 5)
    for _ in range(5):
        await place.begin()
    with pytest.raises(NexusError) as error:
        await place.begin()
    assert error.value.http_status == 503
    place.clock += 601
    await place.begin()


async def test_there_is_no_such_provider(place: Place) -> None:
    for attempt in (
        place.sso.begin("x", "/", BACK),
        place.sso.finish("x", {}, {}, "", ""),
        place.sso.logged_out_there("x", "t", ""),
    ):
        with pytest.raises(NotFound):
            await attempt


def test_claims_within_claims() -> None:
    claims = {"a": {"b": ["x"]}, "https://x.example/groups": ["y"], "c": "d"}
    assert claim(claims, "a.b") == ["x"] and claim(claims, "https://x.example/groups") == ["y"]
    assert claim(claims, "c.d") is None and claim(claims, "a.x.y") is None
