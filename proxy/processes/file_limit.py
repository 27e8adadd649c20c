"""Room for as many connections as the system allows: each call has two."""

import resource

ENOUGH = 65_536


def raise_file_limit() -> None:
    """Raises the limit of open files of this process, and of those that it will start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
