"""What this server says of itself: configuration, kinds of resources, their schemas (RFC 7643, sections 5 to 7)."""

from __future__ import annotations

from typing import Any, Final

from nexus.server.api.scim.patch import Shape

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_RESULTS: Final = 1000
DEFAULT_RESULTS: Final = 100

USER_SHAPE: Final = Shape(
    {
        name.lower(): name
        for name in ("externalId", "userName", "displayName", "name", "emails", "active")
    },
    frozenset({"emails"}),
    frozenset(
        {"addresses", "entitlements", "ims", "locale", "nickname", "password", "phonenumbers", "photos", "preferredlanguage",
         "profileurl", "roles", "timezone", "title", "usertype", "x509certificates"}
    ),
)  # fmt: skip
GROUP_SHAPE: Final = Shape(
    {name.lower(): name for name in ("externalId", "displayName", "members")}, frozenset({"members"}), frozenset()
)


def _attribute(name: str, description: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "string",
        "multiValued": False,
        "description": description,
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
        **more,
    }


_READ: Final = {"mutability": "readOnly"}

SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    USER: {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": USER,
        "name": "User",
        "description": "Somebody who can log in",
        "attributes": [
            _attribute(
                "userName", "The name; it cannot be changed", required=True, uniqueness="server", mutability="immutable"
            ),
            _attribute("displayName", "The name that is shown"),
            _attribute("active", "May this user log in?", type="boolean"),
            _attribute(
                "emails",
                "E-mail address; one is kept",
                type="complex",
                multiValued=True,
                subAttributes=[
                    _attribute("value", "The address", uniqueness="server"),
                    _attribute("type", "What it is for", canonicalValues=["work"]),
                ],
            ),
            _attribute(
                "groups",
                "Teams that the user is a member of",
                type="complex",
                multiValued=True,
                **_READ,
                subAttributes=[
                    _attribute("value", "Id of the group", caseExact=True, **_READ),
                    _attribute("$ref", "Address of the group", type="reference", referenceTypes=["Group"], **_READ),
                    _attribute("display", "Name of the group", **_READ),
                ],
            ),
        ],
    },
    GROUP: {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": GROUP,
        "name": "Group",
        "description": "A team, whose members get roles together",
        "attributes": [
            _attribute("displayName", "Name of the team", required=True, uniqueness="server"),
            _attribute(
                "members",
                "Users who belong to it",
                type="complex",
                multiValued=True,
                subAttributes=[
                    _attribute("value", "Id of the user", caseExact=True, mutability="immutable"),
                    _attribute(
                        "$ref", "Address of the user", type="reference", referenceTypes=["User"], mutability="immutable"
                    ),
                    _attribute("type", "What it is", canonicalValues=["User"], mutability="immutable"),
                ],
            ),
        ],
    },
}


def service_provider(base: str) -> dict[str, Any]:
    """What is supported."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "API key",
                "description": "An API key of Nexus as Bearer, with the permission users:write in every tenant",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def resource_types(base: str) -> list[dict[str, Any]]:
    """Kinds of resources."""
    return [
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": f"/{name}s",
            "description": SCHEMAS[schema]["description"],
            "schema": schema,
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }
        for name, schema in (("User", USER), ("Group", GROUP))
    ]


def schemas(base: str) -> list[dict[str, Any]]:
    """Schemas of the resources."""
    return [
        {**one, "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{one['id']}"}} for one in SCHEMAS.values()
    ]
