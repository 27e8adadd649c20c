"""What can go wrong when somebody is told something."""


class DeliveryError(Exception):
    """A notice was not taken. `is_final` where trying again would not help."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final
