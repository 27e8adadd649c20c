"""What is wrong with the configuration, said with file, key and reason."""


class ConfigError(Exception):
    """The configuration cannot be used: names the file (or the environment), key and reason."""

    def __init__(self, source: str, key: str, reason: str) -> None:
        super().__init__(f"{source}: {key}: {reason}" if key else f"{source}: {reason}")
        self.source = source
        self.key = key
        self.reason = reason
