"""Codes of an authenticator app (TOTP, RFC 6238: SHA-1, six digits, 30 s) and recovery codes. Pure but for randomness.

A code counts in its own time step, the one before and the one after, because clocks differ. That each step counts
once is the caller's part (`MetadataStore.use_totp`), as is that a recovery code does. Recovery codes carry 80 random
bits, so one SHA-256 is enough to store them by.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Final

from nexus.security.secrets import digest, equal

ISSUER: Final = "Nexus"
STEP_SECONDS: Final = 30
WINDOW: Final = 1
"""Steps before and after the current one that count, too."""
RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10
_DIGITS: Final = re.compile(r"[0-9]{6}", re.ASCII)
# What people read for letters and digits that base32 does not have.
_MISREAD: Final = str.maketrans("018", "OIB")


def new_secret() -> str:
    """A secret of 160 random bits, base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def step_of(secret: str, code: str, now_ns: int) -> int | None:
    """The time step that the code is of, None when it is of none that counts now. Blanks do not matter."""
    import pyotp

    code = re.sub(r"[\s-]", "", code)
    if not _DIGITS.fullmatch(code):
        return None
    totp, current, found = pyotp.TOTP(secret), now_ns // (STEP_SECONDS * 10**9), None
    for step in range(current + WINDOW, current - WINDOW - 1, -1):
        # Every step is compared, however soon one fits.
        if equal(totp.generate_otp(step), code):
            found = step
    return found


def uri(secret: str, user: str) -> str:
    """The `otpauth://` address that apps read."""
    import pyotp

    return pyotp.TOTP(secret, name=user, issuer=ISSUER).provisioning_uri()


def qr(text: str) -> list[str]:
    """A QR code as rows of `1` (dark) and `0`, without a border."""
    import segno

    return ["".join("1" if module else "0" for module in row) for row in segno.make(text, error="m", micro=False).matrix]


def looks_like_code(text: str) -> bool:
    """Six digits: a code of the app rather than a recovery code."""
    return _DIGITS.fullmatch(re.sub(r"[\s-]", "", text)) is not None


def new_recovery_codes() -> list[str]:
    """Codes to show once: four groups of four letters and digits."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> str:
    """What a recovery code is stored by, however it is typed."""
    return digest("recovery:" + re.sub(r"[\s-]", "", code[:100]).upper().translate(_MISREAD))


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 4].lower() for start in range(0, len(text), 4))
