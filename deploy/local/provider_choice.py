"""Which provider a stack of one machine fronts: the real one, a local one, or the pretend one."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from config.errors import ConfigError
from config.settings import Settings, UpstreamSettings

OPENAI = "openai"
BASE_URL_VARIABLE = "OPENAI_BASE_URL"
# Servers of local models ask for no key, but the header has to say something.
NO_KEY = "not-needed"
PRETEND_KEY = "pretend"

_REAL_HOST = "api.openai.com"


@dataclass(frozen=True)
class ProviderChoice:
    """What was found out. `variables` are for the children; `description` is for people."""

    is_pretend: bool
    variables: Mapping[str, str]
    description: str


def choose_provider(settings: Settings, environment: Mapping[str, str]) -> ProviderChoice:
    """Decide by which keys there are.

    OpenAI without a key is pretended, unless the environment or the settings name another server
    for it.

    Raises:
        ConfigError: another upstream has no key; names its variable.
    """
    for name, upstream in settings.upstreams.items():
        if name != OPENAI and not environment.get(upstream.api_key_env):
            reason = f"must be set: it is the key of the upstream {name!r}"
            raise ConfigError("environment", upstream.api_key_env, reason)
    openai = settings.upstreams.get(OPENAI)
    if openai is None:
        return ProviderChoice(is_pretend=False, variables={}, description=_urls(settings))
    if environment.get(openai.api_key_env):
        return ProviderChoice(is_pretend=False, variables={}, description=_urls(settings))
    if _is_real(openai, environment):
        return ProviderChoice(
            is_pretend=True,
            variables={openai.api_key_env: PRETEND_KEY},
            description=f"pretend, as its answers say: {openai.api_key_env} is not set",
        )
    return ProviderChoice(
        is_pretend=False,
        variables={openai.api_key_env: NO_KEY},
        description=f"{_urls(settings)}, without a key: {openai.api_key_env} is not set",
    )


def _is_real(openai: UpstreamSettings, environment: Mapping[str, str]) -> bool:
    is_named = bool(environment.get(BASE_URL_VARIABLE))
    return not is_named and urlsplit(openai.base_url).hostname == _REAL_HOST


def _urls(settings: Settings) -> str:
    return ", ".join(upstream.base_url for upstream in settings.upstreams.values())
