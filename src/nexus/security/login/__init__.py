"""Logging in: passwords, passkeys, one-time codes, sessions, resets, lock-out, one's own account."""
