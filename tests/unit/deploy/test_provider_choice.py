"""Which provider a stack of one machine fronts."""

import pytest

from config.errors import ConfigError
from config.settings import Settings, UpstreamSettings
from deploy.local.provider_choice import choose_provider

REAL = UpstreamSettings(base_url="https://api.openai.com/v1", api_key_env="OPENAI_API_KEY")
LOCAL = UpstreamSettings(base_url="http://localhost:11434/v1", api_key_env="OPENAI_API_KEY")
OTHER = UpstreamSettings(base_url="https://other.example/v1", api_key_env="OTHER_KEY")


def settings(**upstreams: UpstreamSettings) -> Settings:
    return Settings(upstreams=upstreams)


@pytest.mark.parametrize("environment", [{}, {"OPENAI_API_KEY": ""}])
def test_openai_without_a_key_is_pretended(environment: dict[str, str]) -> None:
    """No key of anyone is needed for a first call; people are told why it is pretend."""
    choice = choose_provider(settings(openai=REAL), environment)
    assert choice.is_pretend
    assert choice.variables == {"OPENAI_API_KEY": "pretend"}
    assert "OPENAI_API_KEY is not set" in choice.description


def test_a_key_is_used_with_the_real_provider() -> None:
    """Nothing is told to the children that the environment does not say."""
    choice = choose_provider(settings(openai=REAL), {"OPENAI_API_KEY": "sk-real"})
    assert (choice.is_pretend, choice.variables) == (False, {})
    assert choice.description == "https://api.openai.com/v1"


def test_a_local_server_needs_no_key() -> None:
    """The settings or OPENAI_BASE_URL name another server: that one is meant."""
    named = {"OPENAI_BASE_URL": REAL.base_url}
    for choice in (
        choose_provider(settings(openai=LOCAL), {}),
        choose_provider(settings(openai=REAL), named),
    ):
        assert not choice.is_pretend
        assert choice.variables == {"OPENAI_API_KEY": "not-needed"}
        assert "without a key" in choice.description


def test_another_upstream_without_a_key_is_refused() -> None:
    """Nobody can pretend to be an unknown provider."""
    with pytest.raises(ConfigError, match=r"OTHER_KEY: must be set: .* upstream 'other'"):
        choose_provider(settings(openai=REAL, other=OTHER), {"OPENAI_API_KEY": "sk-real"})


def test_without_openai_the_others_are_fronted() -> None:
    """A configuration of one's own need not name OpenAI."""
    choice = choose_provider(settings(other=OTHER), {"OTHER_KEY": "key"})
    assert (choice.is_pretend, choice.variables) == (False, {})
    assert choice.description == "https://other.example/v1"
