"""Settings of single sign-on: the guide's own example, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.config import load
from nexus.errors import ConfigError

GUIDE = Path(__file__).parents[3] / "docs/guides/single-sign-on.md"


def test_the_examples_of_the_guide_are_configurations(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block)
    config = load({}, tmp_path / "0.yaml").config
    (provider,) = config.sso.oidc
    assert (provider.id, provider.issuer, [one.role for one in provider.roles]) == (
        "corp",
        "https://idp.corp.example",
        ["admin", "viewer"],
    )
    assert config.outgoing.rules().names("idp.corp.example")
    assert load({}, tmp_path / "1.yaml").config.security.password_login is False


@pytest.mark.parametrize("provider", [
    "{id: A, issuer: 'https://x.example', client_id: c}", "{id: a/b, issuer: 'https://x.example', client_id: c}",
    "{id: a, issuer: 'ftp://x.example', client_id: c}", "{id: a, issuer: 'https://u:p@x.example', client_id: c}",
    "{id: a, issuer: 'https://x.example/?a=b', client_id: c}", "{id: a, issuer: 'https://x.example', client_id: ''}",
    "{id: a, issuer: 'https://x.example', client_id: c, roles: [{group: g}]}",
    "{id: a, issuer: 'https://x.example', client_id: c, roles: [{group: g, role: r, tenant: 'a b'}]}",
    "{id: a, issuer: 'https://x.example', client_id: c, clock_skew: 1h}",
    "{id: a, issuer: 'https://x.example', client_id: c, link_scim: yes-please}",
    "{id: a, issuer: 'https://x.example', client_id: c, colour: red}",
    "{id: a, issuer: 'https://x.example', client_id: c}, {id: a, issuer: 'https://y.example', client_id: c}",
])  # fmt: skip
def test_a_provider_that_is_wrong(provider: str) -> None:
    with pytest.raises(ConfigError):
        load({"NEXUS_SSO_OIDC": f"[{provider}]"})


def test_no_text_shows_the_secret_of_a_provider() -> None:
    config = load(
        {"NEXUS_SSO_OIDC": "[{id: a, issuer: 'https://x.example', client_id: c, client_secret: hush-hush}]"}
    ).config
    assert (
        config.sso.oidc[0].client_secret == "hush-hush"
        and "hush-hush" not in repr(config)
        and "hush-hush" not in repr(config.sso.oidc[0])
    )


def test_addresses_that_are_allowed() -> None:
    config = load({"NEXUS_OUTGOING_ALLOW": "10.0.0.0/8, .corp.example", "NEXUS_OUTGOING_PORTS": "443, 9443"}).config
    assert config.outgoing.rules().ports == {443, 9443} and config.outgoing.rules().names("a.corp.example")
    with pytest.raises(ConfigError):
        load({"NEXUS_OUTGOING_ALLOW": "http://corp.example"})
