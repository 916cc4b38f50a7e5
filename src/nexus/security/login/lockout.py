"""Waiting after failed logins, so that guessing takes for ever and nobody is locked out for good. Pure, the clock is
handed in.

Three counts, each a back-off of its own (`backoff`):

* a user from one address: after 3 failures every further one doubles the wait, up to 5 minutes;
* an address, whatever the user: after 20 failures, up to 5 minutes. Slows down who tries one password on many users;
* a user from anywhere: after 50 failures, up to 30 seconds. Slows down who guesses from many addresses.

Of the last one those are free who come from an address where this user has a session or has logged in lately:
strangers who keep guessing from elsewhere cannot keep the user out. Passkeys and single sign-on do not wait here at
all. An address of IPv6 is its network of 64 bits, which is what one customer has. Codes of the second factor have a
count per user, up to 15 minutes: only who knows the password gets there, and six digits are soon guessed.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

from nexus.security.login.backoff import Backoff

FREE_OF_ADDRESS: Final = 20
FREE_OF_USER: Final = 50
FREE_CODES: Final = 5
MAX_KNOWN: Final = 20_000


class LockOut:
    """See the module text. Seconds from any monotonic clock."""

    def __init__(self) -> None:
        """Start without failures."""
        self._by_both = Backoff(300.0)
        self._by_address = Backoff(300.0, FREE_OF_ADDRESS)
        self._by_user = Backoff(30.0, FREE_OF_USER)
        self._codes = Backoff(900.0, FREE_CODES)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, user: str, address: str, now: float) -> float:
        """Seconds until a password may be tried, 0 when now. `known` addresses are those told with `trust` or
        `succeeded`."""
        place = network_of(address)
        anywhere = 0.0 if (user, place) in self._known else self._by_user.wait(user, now)
        return max(self._by_both.wait(f"{user} {place}", now), self._by_address.wait(place, now), anywhere)

    def failed(self, user: str, address: str, now: float) -> None:
        """A password was wrong, or the user is nobody."""
        place = network_of(address)
        self._by_both.failed(f"{user} {place}", now)
        self._by_address.failed(place, now)
        self._by_user.failed(user, now)

    def succeeded(self, user: str, address: str) -> None:
        """A password was right. What counts for all users of the address stays: else who has one account could go on."""
        self._by_both.succeeded(f"{user} {network_of(address)}")

    def trust(self, user: str, address: str) -> None:
        """The user has logged in there."""
        place = (user, network_of(address))
        self._known[place] = None
        self._known.move_to_end(place)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def wait_code(self, user: str, now: float) -> float:
        """Seconds until a code may be tried, 0 when now."""
        return self._codes.wait(user, now)

    def failed_code(self, user: str, now: float) -> None:
        """A code was wrong."""
        self._codes.failed(user, now)

    def succeeded_code(self, user: str) -> None:
        """A code was right."""
        self._codes.succeeded(user)


def network_of(address: str) -> str:
    """An address as failures are counted: IPv4 as it is, IPv6 by its first 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
