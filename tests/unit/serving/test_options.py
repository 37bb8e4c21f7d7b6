"""Options: by flag or by variable, checked before anything listens."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from scanops.errors import ConfigError
from scanops.serving import options
from scanops.serving.options import Options

ROOT = Path(__file__).parents[3]


def given(*arguments: str) -> Options:
    """Read options as the command does."""
    parser = argparse.ArgumentParser()
    options.add(parser)
    return options.read(parser.parse_args(list(arguments)))


def test_without_any_nothing_is_on() -> None:
    """Tokens, rates, proxies and fetching have to be asked for; the bounds on connections hold."""
    chosen = given()
    assert (chosen.tokens, chosen.rate_per_s, chosen.trusted_proxies) == (None, 0.0, "")
    assert not chosen.url_hosts
    assert (chosen.patience.head_s, chosen.patience.connections) == (10.0, 512)


def test_a_flag_wins_over_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has both."""
    monkeypatch.setenv("SCANOPS_RATE", "5")
    monkeypatch.setenv("SCANOPS_TOKENS", "/run/secrets/tokens")
    monkeypatch.setenv("SCANOPS_TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16")
    chosen = given("--rate", "7")
    assert (chosen.rate_per_s, chosen.tokens) == (7.0, Path("/run/secrets/tokens"))
    assert chosen.trusted_proxies == "10.0.0.1, 10.1.0.0/16"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "-1"),
        ("--rate", "nan"),
        ("--rate", "x"),
        ("--burst", "0"),
        ("--connections", "0"),
        ("--head-seconds", "0"),
        ("--body-seconds", "inf"),
        ("--trusted-proxies", "proxy.local"),
        ("--trusted-proxies", "*"),
        ("--url-hosts", "https://a/b"),
    ],
)
def test_a_value_out_of_range_is_named(arguments: tuple[str, str]) -> None:
    """With exit code 2, before anything listens."""
    with pytest.raises(ConfigError) as caught:
        given(*arguments)
    assert caught.value.exit_code == 2


def test_every_option_is_documented() -> None:
    """docs/service.md names each flag and each variable."""
    text = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    parser = argparse.ArgumentParser()
    options.add(parser)
    for action in parser._actions:
        if action.dest != "help":
            assert f"`--{action.dest.replace('_', '-')}`" in text
            assert f"`SCANOPS_{action.dest.upper()}`" in text
