"""The children that make up Tollgate: workers, a writer, the pretend provider and Stripe."""

import socket
from collections.abc import Mapping
from pathlib import Path

from config.settings import Settings
from proxy.processes.child_process import ChildPlan, ChildProcess
from proxy.processes.listener import local_url, port_of
from proxy.processes.supervisor import ChildrenStage

COMMAND_MODULE = "proxy.cli"
PRETEND_PROVIDER_MODULE = "deploy.local.pretend_provider"
PRETEND_STRIPE_MODULE = "deploy.local.pretend_stripe"
WRITER_STOP_TIMEOUT_S = 15.0
PROVIDER_STOP_TIMEOUT_S = 5.0
# What a worker needs beyond the time it gives to its calls: to settle those that it cuts.
WORKER_EXTRA_STOP_S = 10.0


def workers(
    settings: Settings, environment: Mapping[str, str], listener: socket.socket
) -> ChildrenStage:
    """The workers that share `listener`, which is closed here when they are to stop."""
    told = {**environment, **address(settings, listener)}
    descriptor = listener.fileno()
    children = [
        ChildProcess(
            ChildPlan(
                name=f"worker-{number}",
                module=COMMAND_MODULE,
                arguments=["serve-worker", "--fd", str(descriptor)],
                environment=told,
                descriptors=[descriptor],
            )
        )
        for number in range(1, settings.workers + 1)
    ]
    calls_s = settings.shutdown_timeout_s + settings.shutdown_delay_s
    return ChildrenStage(
        children, stop_timeout_s=calls_s + WORKER_EXTRA_STOP_S, before_stop=listener.close
    )


def writer(environment: Mapping[str, str]) -> ChildrenStage:
    """The writer. It is given time also where calls are not: what it drains is there at once."""
    plan = ChildPlan(
        name="writer", module=COMMAND_MODULE, arguments=["writer"], environment=environment
    )
    return ChildrenStage([ChildProcess(plan)], stop_timeout_s=WRITER_STOP_TIMEOUT_S, patience=3)


def pretend_provider(
    environment: Mapping[str, str], listener: socket.socket, *, log_path: Path, rank_folder: Path
) -> ChildrenStage:
    """The pretend provider on `listener`, which is closed here when it is to stop."""
    descriptor = listener.fileno()
    plan = ChildPlan(
        name="pretend-provider",
        module=PRETEND_PROVIDER_MODULE,
        arguments=["--fd", str(descriptor), "--cache-dir", str(rank_folder)],
        environment=environment,
        descriptors=[descriptor],
        log_path=log_path,
    )
    child = ChildProcess(plan)
    return ChildrenStage(
        [child], stop_timeout_s=PROVIDER_STOP_TIMEOUT_S, before_stop=listener.close
    )


def pretend_stripe(
    environment: Mapping[str, str],
    listener: socket.socket,
    *,
    log_path: Path,
    state_path: Path,
    webhook_url: str,
) -> ChildrenStage:
    """The pretend Stripe on `listener`, which is closed here when it is to stop.

    It finds its secrets in the environment, by the real one's variables.
    """
    descriptor = listener.fileno()
    arguments = ["--fd", str(descriptor), "--state", str(state_path), "--webhook-url", webhook_url]
    plan = ChildPlan(
        name="pretend-stripe",
        module=PRETEND_STRIPE_MODULE,
        arguments=arguments,
        environment=environment,
        descriptors=[descriptor],
        log_path=log_path,
    )
    return ChildrenStage(
        [ChildProcess(plan)], stop_timeout_s=PROVIDER_STOP_TIMEOUT_S, before_stop=listener.close
    )


def base_url(settings: Settings, listener: socket.socket) -> str:
    """Where clients on this machine reach the workers, without `/v1`."""
    return local_url(settings.host, port_of(listener))


def address(settings: Settings, listener: socket.socket) -> dict[str, str]:
    """What children cannot know by themselves where the port was a free one."""
    public_url = settings.public_url or base_url(settings, listener)
    return {"TOLLGATE_PORT": str(port_of(listener)), "TOLLGATE_PUBLIC_URL": public_url}
