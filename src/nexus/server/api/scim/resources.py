"""Users and teams as SCIM's resources, and back. Pure.

A user's id is made of his name and of when he was made, so that another user of the same name has another one. Users who
are of this server alone (`local`) do not exist for SCIM: a directory cannot lock out the administrator that Nexus was set up
with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nexus.model.time import format_time
from nexus.security.users import LOCAL, Directory
from nexus.server.api.scim.errors import ScimError
from nexus.server.api.scim.filters import bare_name
from nexus.server.api.scim.schemas import GROUP, USER
from nexus.storage.metadata.api import Team, User

SOURCE: Final = "scim"
MAX_EXTERNAL_ID: Final = 255
_ALWAYS: Final = ("schemas", "id")


@dataclass(frozen=True, slots=True)
class WantedUser:
    """A user as a client wants him; `active` None is as it is."""

    name: str
    display_name: str
    email: str
    active: bool | None
    external_id: str


@dataclass(frozen=True, slots=True)
class WantedGroup:
    """A team as a client wants it; `members` are ids."""

    name: str
    members: tuple[str, ...]
    external_id: str


def user_id(user: User) -> str:
    """The id of a user."""
    return base64.urlsafe_b64encode(f"{user.created_at:x}.{user.name}".encode()).decode().rstrip("=")


def name_of(id: str) -> str:
    """The name in an id, empty when it is none."""
    try:
        text = base64.b64decode(id + "=" * (-len(id) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return text.partition(".")[2]


def is_visible(user: User) -> bool:
    """Is it a user that SCIM knows of?"""
    return user.source != LOCAL


def find_user(directory: Directory, id: str) -> User | None:
    """The user of an id."""
    user = directory.users.get(name_of(id))
    return user if user is not None and is_visible(user) and user_id(user) == id else None


def user_resource(directory: Directory, user: User, base: str) -> dict[str, Any]:
    """A user."""
    resource: dict[str, Any] = {"schemas": [USER], "id": user_id(user)}
    if user.source == SOURCE and user.external_id:
        resource["externalId"] = user.external_id
    resource["userName"] = user.name
    if user.display_name:
        resource["displayName"] = user.display_name
    if user.email:
        resource["emails"] = [{"value": user.email, "type": "work"}]
    resource["active"] = not user.disabled
    if groups := [
        {"value": team.id, "$ref": f"{base}/Groups/{team.id}", "display": team.name}
        for team in directory.teams_of(user.name)
        if team.source == SOURCE
    ]:
        resource["groups"] = groups
    return with_meta(resource, "User", f"{base}/Users/{resource['id']}", user.created_at)


def group_resource(directory: Directory, team: Team, base: str) -> dict[str, Any]:
    """A team."""
    resource: dict[str, Any] = {"schemas": [GROUP], "id": team.id}
    if team.external_id:
        resource["externalId"] = team.external_id
    resource["displayName"] = team.name
    known = [directory.users[name] for name in team.members if name in directory.users]
    if members := [
        {"value": user_id(user), "$ref": f"{base}/Users/{user_id(user)}", "type": "User"}
        for user in known
        if is_visible(user)
    ]:
        resource["members"] = members
    return with_meta(resource, "Group", f"{base}/Groups/{team.id}", team.created_at)


def with_meta(resource: dict[str, Any], kind: str, location: str, created_at: int) -> dict[str, Any]:
    """The resource with its metadata; the version is a hash of what it says."""
    mark = hashlib.sha256(msgspec.json.encode(resource)).hexdigest()[:24]
    meta = {"resourceType": kind, "created": format_time(created_at), "location": location, "version": f'W/"{mark}"'}
    return {**resource, "meta": meta}


def writable(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What of a resource a client may write: what a change begins with."""
    return {name: value for name, value in resource.items() if name not in ("schemas", "id", "meta", "groups")}


def projected(resource: Mapping[str, Any], wanted: Iterable[str], left_out: Iterable[str]) -> dict[str, Any]:
    """The resource with the attributes that are wanted, or without those that are not (RFC 7644, section 3.9)."""
    names = [bare_name(name.strip()) for name in wanted if name.strip()]
    without = [bare_name(name.strip()) for name in left_out if name.strip()]
    if names:
        found = {}
        for name, value in resource.items():
            parts = {one.partition(".")[2] for one in names if one.partition(".")[0] == name.lower()}
            if name in _ALWAYS or "" in parts:
                found[name] = value
            elif parts:
                found[name] = _parts(value, parts, keep=True)
        return found
    found = {}
    for name, value in resource.items():
        parts = {one.partition(".")[2] for one in without if one.partition(".")[0] == name.lower()}
        if name in _ALWAYS or not parts:
            found[name] = value
        elif "" not in parts:
            found[name] = _parts(value, parts, keep=False)
    return found


def _parts(value: Any, parts: set[str], *, keep: bool) -> Any:
    if isinstance(value, list):
        return [_parts(one, parts, keep=keep) for one in value]
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if (name.lower() in parts) is keep}
    return value


# ---------------------------------------------------------------------------------------------------- what a client wants


def wanted_user(document: Mapping[str, Any]) -> WantedUser:
    """Read a user of a POST or PUT. Raises `ScimError`."""
    given = _given(document)
    name = _text(given, "username")
    if not name:
        raise ScimError("invalidValue", "a user needs a userName.")
    return WantedUser(
        name, _text(given, "displayname") or _full_name(given.get("name")), _email(given.get("emails")),
        _truth(given, "active"), _external_id(given),
    )  # fmt: skip


def wanted_group(document: Mapping[str, Any]) -> WantedGroup:
    """Read a team of a POST or PUT. Raises `ScimError`."""
    given = _given(document)
    name = _text(given, "displayname")
    if not name:
        raise ScimError("invalidValue", "a group needs a displayName.")
    members = given.get("members")
    if members is None:
        members = []
    if not isinstance(members, list):
        raise ScimError("invalidValue", "members is a list.")
    ids = []
    for member in members:
        one = {key.lower(): value for key, value in member.items()} if isinstance(member, Mapping) else {"value": member}
        if not isinstance(one.get("value"), str):
            raise ScimError("invalidValue", "a member has a value, the id of a user.")
        if str(one.get("type") or "User").lower() != "user":
            raise ScimError("invalidValue", "members are users; groups within groups are not supported.")
        ids.append(one["value"])
    return WantedGroup(name, tuple(dict.fromkeys(ids)), _external_id(given))


def _given(document: Mapping[str, Any]) -> dict[str, Any]:
    schemas = document.get("schemas", [])
    if not isinstance(schemas, list) or not all(isinstance(one, str) for one in schemas):
        raise ScimError("invalidSyntax", "schemas is a list of URNs.")
    return {bare_name(name): value for name, value in document.items()}


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ScimError("invalidValue", f"{name} is a text.")
    return value.strip()


def _truth(given: Mapping[str, Any], name: str) -> bool | None:
    value = given.get(name)
    if value is None or isinstance(value, bool):
        return value
    # Entra ID sends "True" and "False".
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ScimError("invalidValue", f"{name} is true or false.")


def _external_id(given: Mapping[str, Any]) -> str:
    found = _text(given, "externalid")
    if len(found) > MAX_EXTERNAL_ID or not found.isprintable():
        raise ScimError("invalidValue", f"an externalId has at most {MAX_EXTERNAL_ID} printable characters.")
    return found


def _full_name(name: Any) -> str:
    """The name in the parts that providers send where there is no displayName."""
    if not isinstance(name, Mapping):
        return ""
    parts = {key.lower(): value for key, value in name.items() if isinstance(value, str)}
    return parts.get("formatted") or " ".join(filter(None, (parts.get("givenname"), parts.get("familyname"))))


def _email(emails: Any) -> str:
    """The address that is kept: the primary one, the one for work, or the first."""
    if emails is None:
        return ""
    if not isinstance(emails, list):
        raise ScimError("invalidValue", "emails is a list.")
    found: list[tuple[bool, bool, int, str]] = []
    for one in emails:
        given = {key.lower(): value for key, value in one.items()} if isinstance(one, Mapping) else {"value": one}
        value = given.get("value")
        if value is None:
            continue
        if not isinstance(value, str):
            raise ScimError("invalidValue", "an e-mail address is a text.")
        first = _truth(given, "primary") is True
        found.append((not first, str(given.get("type", "")).lower() != "work", len(found), value))
    return min(found)[3] if found else ""
