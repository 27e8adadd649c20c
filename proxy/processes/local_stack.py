"""Everything on one machine: engines, writer, provider and workers, in the order they need."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from config.rates import RateTable
from config.secrets import load_secrets
from config.settings import Settings
from deploy.local.banner import Welcome
from deploy.local.demo_account import DemoAccounts
from deploy.local.engine import Engine
from deploy.local.made_secrets import SecretsFile, ensure_secrets
from deploy.local.own_api import OwnApi, OwnApiError
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_server import OWNER
from deploy.local.private_files import write_private
from deploy.local.provider_choice import BASE_URL_VARIABLE, ProviderChoice
from deploy.local.stripe_choice import (
    API_BASE_VARIABLE,
    KEY_VARIABLE,
    WEBHOOK_SECRET_VARIABLE,
    PretendStripeFile,
    choose_stripe,
)
from deploy.local.valkey import LocalValkey
from proxy.processes import stack
from proxy.processes.listener import CannotListenError, listen, port_of
from proxy.processes.supervisor import EngineStage, NotReadyError, Supervisor

DATABASE = "TOLLGATE_DATABASE_URL"
MIGRATION_DATABASE = "TOLLGATE_MIGRATION_DATABASE_URL"
REDIS = "TOLLGATE_REDIS_URL"
ADMIN_TOKEN = "TOLLGATE_ADMIN_TOKEN"  # noqa: S105 - a variable's name
KEY_SECRET = "TOLLGATE_KEY_SECRET"  # noqa: S105 - a variable's name

READY_TIMEOUT_S = 60.0
READY_ASK_TIMEOUT_S = 2.0
# What listened on it, where a parent was killed, ends a moment later.
OLD_PORT_WAIT_S = 2.0
PREFERRED_MODEL = "gpt-4o-mini"


class LocalStack:
    """Starts the parts one after the other, and remembers what the next ones have to know."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        state_dir: Path,
        supervisor: Supervisor,
    ) -> None:
        self._settings = settings
        self._environment = {**environment, "TOLLGATE_STATE_DIR": str(state_dir)}
        self._state_dir = state_dir
        self._supervisor = supervisor
        self._secrets_file = SecretsFile(state_dir)
        self._stripe = choose_stripe(environment)
        self._engines: list[Engine] = []
        self._logs: list[Path] = []

    def start_engines(self) -> str:
        """Start the engines that the environment does not name; returns the URL to migrate by."""
        if not self._environment.get(DATABASE):
            postgres = LocalPostgres(self._state_dir)
            self._start_engine(postgres)
            self._environment[DATABASE] = postgres.url()
            self._environment[MIGRATION_DATABASE] = postgres.url(user=OWNER)
        if not self._environment.get(REDIS):
            valkey = LocalValkey(self._state_dir)
            self._start_engine(valkey)
            self._environment[REDIS] = valkey.url
        return self._environment.get(MIGRATION_DATABASE) or self._environment[DATABASE]

    def make_secrets(self, provider: ProviderChoice) -> None:
        """Make the secrets that are missing.

        Raises:
            ConfigError: one of the environment's is not good enough.
        """
        self._environment |= ensure_secrets(self._secrets_file, self._environment)
        self._environment |= provider.variables
        if self._stripe.is_pretend:
            self._environment |= PretendStripeFile(self._secrets_file).variables()
        load_secrets(self._settings, self._environment)

    def start_payments(self, listener: socket.socket) -> None:
        """Start the pretend Stripe, if it is pretended; `listener` is where its events go."""
        if self._stripe.is_pretend:
            webhooks = f"{stack.base_url(self._settings, listener)}/webhooks/stripe"
            self._environment[API_BASE_VARIABLE] = self._start_pretend_stripe(webhooks)

    def start_children(self, listener: socket.socket, provider: ProviderChoice) -> None:
        """Start the writer, the provider if it is pretended, and the workers."""
        children = self._for_children()
        told = {**children, **stack.address(self._settings, listener)}
        self._supervisor.start(stack.writer(told))
        if provider.is_pretend:
            children[BASE_URL_VARIABLE] = self._start_pretend_provider(children)
        self._supervisor.start(stack.workers(self._settings, children, listener))

    def wait_until_ready(self, base_url: str) -> None:
        """Watch until a worker may be called.

        Raises:
            NotReadyError: none may; says what the last one has answered.
        """
        api = OwnApi(base_url)
        said = "nothing"

        def is_ready() -> bool:
            nonlocal said
            try:
                answer = api.call("GET", "/readyz", timeout_s=READY_ASK_TIMEOUT_S)
            except OwnApiError as error:
                said = str(error)
                return False
            said = f"{answer.status} {json.dumps(answer.content)}"
            return answer.status == 200

        try:
            self._supervisor.wait_for(is_ready, timeout_s=READY_TIMEOUT_S)
        except NotReadyError:
            message = f"not ready after {READY_TIMEOUT_S:.0f} s; GET /readyz: {said}"
            raise NotReadyError(message) from None

    def welcome(self, base_url: str, provider: ProviderChoice, table: RateTable) -> Welcome:
        """Make or find the account of the first run, and all that the banner tells.

        Raises:
            OwnApiError: a worker does not answer as it should.
        """
        admin_token = self._environment[ADMIN_TOKEN]
        accounts = DemoAccounts(OwnApi(base_url), admin_token, self._secrets_file)
        account = accounts.ensure()
        return Welcome(
            base_url=f"{base_url}/v1",
            account_id=account.account_id,
            api_key=account.api_key,
            balance_mc=account.balance_mc,
            console_url=accounts.console_url(account),
            provider=provider.description,
            payments=self._stripe.description,
            model=PREFERRED_MODEL
            if PREFERRED_MODEL in table.models
            else next(iter(table.models), PREFERRED_MODEL),
            state_dir=self._state_dir,
            data=[engine.folder.path for engine in self._engines],
            logs=[*(engine.folder.log_path for engine in self._engines), *self._logs],
        )

    def write_environment(self, path: Path) -> None:
        """Tell the other commands where all is."""
        names = [DATABASE, MIGRATION_DATABASE, REDIS, ADMIN_TOKEN, KEY_SECRET]
        if self._stripe.is_pretend:
            names += [KEY_VARIABLE, WEBHOOK_SECRET_VARIABLE, API_BASE_VARIABLE]
        found = {name: self._environment.get(name, "") for name in names}
        write_private(path, {name: value for name, value in found.items() if value})

    def write_dev_file(self, path: Path, welcome: Welcome) -> None:
        """Tell programs what the banner tells people."""
        content = {
            "base_url": welcome.base_url,
            "api_key": welcome.api_key,
            "account_id": welcome.account_id,
            "admin_token": self._environment[ADMIN_TOKEN],
            "console_url": welcome.console_url,
            "database_url": self._environment[DATABASE],
            "redis_url": self._environment[REDIS],
        }
        if self._stripe.is_pretend:
            content["stripe_api_base"] = self._environment[API_BASE_VARIABLE]
            content["stripe_api_key"] = self._environment[KEY_VARIABLE]
        write_private(path, content)

    def _for_children(self) -> dict[str, str]:
        """The environment, without what only migrations may do."""
        return {
            name: value for name, value in self._environment.items() if name != MIGRATION_DATABASE
        }

    def _start_engine(self, engine: Engine) -> None:
        self._supervisor.start(EngineStage(engine))
        self._engines.append(engine)

    def _start_pretend_stripe(self, webhook_url: str) -> str:
        """Start it on the port that it had the last time, if that is free; returns its URL."""
        kept = PretendStripeFile(self._secrets_file)
        try:
            listener = listen("127.0.0.1", kept.port, wait_s=OLD_PORT_WAIT_S)
        except CannotListenError:
            listener = listen("127.0.0.1", 0)
        kept.keep_port(port_of(listener))
        log_path = self._state_dir / "pretend-stripe.log"
        self._logs.append(log_path)
        self._supervisor.start(
            stack.pretend_stripe(
                self._for_children(),
                listener,
                log_path=log_path,
                state_path=self._state_dir / "pretend-stripe.jsonl",
                webhook_url=webhook_url,
            )
        )
        return f"http://127.0.0.1:{port_of(listener)}"

    def _start_pretend_provider(self, environment: Mapping[str, str]) -> str:
        """Start it on a port of its own; returns the base URL."""
        listener = listen("127.0.0.1", 0)
        log_path = self._state_dir / "pretend-provider.log"
        self._logs.append(log_path)
        tokenizers = self._state_dir / "tokenizers"
        self._supervisor.start(
            stack.pretend_provider(environment, listener, log_path=log_path, rank_folder=tokenizers)
        )
        return f"http://127.0.0.1:{port_of(listener)}/v1"
