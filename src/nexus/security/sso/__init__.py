"""Single sign-on: tokens, the protocol, and what it does to users and sessions."""
