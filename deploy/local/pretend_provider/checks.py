"""Checks of single JSON values: each raises ProviderError (400) that names the parameter."""

from collections.abc import Callable

from deploy.local.pretend_provider.errors import invalid, wrong_type, wrong_value

Check = Callable[[str, object], None]


def boolean(param: str, value: object) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong_type(param, "a boolean", value)


def string(param: str, value: object) -> None:
    """Any string."""
    if not isinstance(value, str):
        raise wrong_type(param, "a string", value)


def array(param: str, value: object) -> None:
    """A list of anything."""
    if not isinstance(value, list):
        raise wrong_type(param, "an array", value)


def json_object(param: str, value: object) -> None:
    """An object with any fields."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)


def string_or_array(param: str, value: object) -> None:
    """A string, or a list of strings."""
    if not isinstance(value, (str, list)):
        raise wrong_type(param, "a string or an array of strings", value)


def string_or_object(param: str, value: object) -> None:
    """A string, or an object with any fields."""
    if not isinstance(value, (str, dict)):
        raise wrong_type(param, "a string or an object", value)


def one_of(*supported: str) -> Check:
    """One of the given strings."""

    def check(param: str, value: object) -> None:
        string(param, value)
        if value not in supported:
            raise wrong_value(param, value, supported)

    return check


def integer(least: int | None = None, most: int | None = None) -> Check:
    """A whole number within bounds, both inclusive."""

    def check(param: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(param, "an integer", value)
        _within(param, value, "integer", least, most)

    return check


def decimal(least: float, most: float) -> Check:
    """A number within bounds, both inclusive."""

    def check(param: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong_type(param, "a decimal", value)
        _within(param, value, "decimal", least, most)

    return check


def _within(param: str, value: float, kind: str, least: float | None, most: float | None) -> None:
    if least is not None and value < least:
        bound, side = f">= {least}", "below_min"
    elif most is not None and value > most:
        bound, side = f"<= {most}", "above_max"
    else:
        return
    words = side.replace("_min", " minimum").replace("_max", " maximum")
    message = f"Invalid '{param}': {kind} {words} value. Expected a value {bound}, but got {value}"
    raise invalid(f"{message} instead.", param, f"{kind}_{side}_value")
