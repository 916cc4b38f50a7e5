"""Requests that go out to addresses which a user or the configuration names: webhooks, providers of single sign-on.

`targets` says, purely, which addresses are allowed; `client` makes the requests. Nothing else in Nexus opens a connection to
a host that was named from outside.
"""
