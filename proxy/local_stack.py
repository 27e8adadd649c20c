"""Everything on one machine: engines, provider, writer and workers, in the order they need."""

import socket
from collections.abc import Mapping
from pathlib import Path

import structlog

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
from deploy.local.valkey import LocalValkey
from proxy import stack
from proxy.cli.environment import LOCAL_FILE
from proxy.listener import listen, port_of
from proxy.supervisor import EngineStage, NotReadyError, Supervisor

DATABASE = "TOLLGATE_DATABASE_URL"
MIGRATION_DATABASE = "TOLLGATE_MIGRATION_DATABASE_URL"
REDIS = "TOLLGATE_REDIS_URL"
READY_TIMEOUT_S = 30.0
READY_ASK_TIMEOUT_S = 2.0
PREFERRED_MODEL = "gpt-4o-mini"
DEV_FILE = "dev.json"
