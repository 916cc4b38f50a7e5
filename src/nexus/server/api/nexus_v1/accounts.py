"""Service accounts: programs whose keys have roles."""

from __future__ import annotations

import asyncio
from collections import Counter

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.permissions import Permission
from nexus.security.users import Directory
from nexus.server.api.nexus_v1.schema import access as schema
from nexus.server.api.nexus_v1.users import by, roles_in, roles_out
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import ServiceAccount


async def list_accounts(call: Call) -> Response:
    """Every service account, by name."""
    directory = await call.services.users.directory()
    keys = await _keys(call)
    accounts = [_info(directory, account, keys) for account in directory.accounts.values()]
    return json_response(schema.AccountList(accounts))


async def create_account(call: Call) -> Response:
    """Make a service account."""
    return await _put(call, "")


async def change_account(call: Call) -> Response:
    """Change a service account as a whole."""
    return await _put(call, call.parameters["id"])


async def delete_account(call: Call) -> Response:
    """Remove a service account and revoke its keys."""
    await call.services.users.delete_account(by(call), call.parameters["id"])
    return json_response(schema.Removed(call.parameters["id"]))


async def _put(call: Call, id: str) -> Response:
    wanted: schema.AccountRequest = call.payload
    account = await call.services.users.put_account(
        by(call),
        id,
        name=wanted.name,
        description=wanted.description,
        disabled=wanted.disabled,
        roles=roles_in(wanted.roles),
    )
    return json_response(_info(await call.services.users.directory(), account, await _keys(call)))


async def _keys(call: Call) -> Counter[str]:
    keys = await asyncio.to_thread(call.services.metadata.list_keys)
    return Counter(key.account for key in keys if key.account)


def _info(directory: Directory, account: ServiceAccount, keys: Counter[str]) -> schema.AccountInfo:
    return schema.AccountInfo(
        id=account.id,
        name=account.name,
        description=account.description,
        disabled=account.disabled,
        roles=roles_out(directory.bindings_of("account", account.id)),
        keys=keys[account.id],
        created_at=format_time(account.created_at),
    )


_ACCOUNTS = f"{BASE}/accounts"
_ACCOUNT = f"{_ACCOUNTS}/{{id}}"
_ID = (Parameter("id", "Id of the service account", "path", True),)
_READ, _WRITE = Permission.USERS_READ, Permission.USERS_WRITE

ROUTES = (
    Route(
        "GET",
        _ACCOUNTS,
        _READ,
        list_accounts,
        "List service accounts",
        answer=schema.AccountList,
        tag="accounts",
        audited="accounts.listed",
    ),
    Route(
        "POST",
        _ACCOUNTS,
        _WRITE,
        create_account,
        "Make a service account",
        request=schema.AccountRequest,
        answer=schema.AccountInfo,
        tag="accounts",
    ),
    Route(
        "PUT",
        _ACCOUNT,
        _WRITE,
        change_account,
        "Change a service account",
        request=schema.AccountRequest,
        answer=schema.AccountInfo,
        parameters=_ID,
        tag="accounts",
    ),
    Route(
        "DELETE",
        _ACCOUNT,
        _WRITE,
        delete_account,
        "Remove a service account",
        answer=schema.Removed,
        parameters=_ID,
        tag="accounts",
    ),
)
