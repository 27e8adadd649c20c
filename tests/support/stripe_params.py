"""Checks requests to Stripe against the types that the installed `stripe` library declares.

The library's own types are open: where it lists words, it allows any other, too. Here they are
closed, so that a misspelled one is found.
"""

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import FrameType, UnionType
from typing import Any, ForwardRef, Literal, NotRequired, Required, Union, get_args, get_origin
from unittest.mock import patch

from stripe._api_requestor import _APIRequestor
from stripe._request_options import RequestOptions
from stripe._stripe_object import StripeObject
from stripe._stripe_service import StripeService
from typing_extensions import is_typeddict

_OPTIONS = frozenset(RequestOptions.__annotations__)


def problems(params: object, shape: Any, *, module: str = "", at: str = "") -> list[str]:
    """What is wrong with a value of a declared type; each names its place. Nothing: it is good.

    `module` is where the names in the declaration are looked up.
    """
    shape, module = _resolved(shape, module)
    if is_typeddict(shape):
        return _of_typed_dict(params, shape, at)
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is Literal:
        return [] if params in arguments else [_wrong(at, _words(arguments), params)]
    if origin in (Union, UnionType):
        return _of_union(params, arguments, module, at)
    if origin is list:
        return _of_list(params, arguments[0], module, at)
    if origin is dict:
        return _of_dict(params, arguments, module, at)
    return _of_plain(params, shape, at)


def _of_typed_dict(params: object, shape: Any, at: str) -> list[str]:
    if not isinstance(params, dict):
        return [_wrong(at, f"a {shape.__name__}", params)]
    # Options of a request are not among its parameters, although the types inherit them.
    declared = {
        name: kind
        for name, kind in shape.__annotations__.items()
        if name not in _OPTIONS or RequestOptions not in getattr(shape, "__orig_bases__", ())
    }
    found = [f"{_place(at, name)}: unknown" for name in params if name not in declared]
    missing = sorted(name for name in shape.__required_keys__ if name not in params)
    found += [f"{_place(at, name)}: required, but missing" for name in missing]
    for name, value in params.items():
        if name in declared:
            kind, module = declared[name], shape.__module__
            found += problems(value, kind, module=module, at=_place(at, str(name)))
    return found


def _of_union(params: object, members: tuple[Any, ...], module: str, at: str) -> list[str]:
    resolved = [_resolved(member, module)[0] for member in members]
    # A list of words makes the `str` beside it pointless; the empty one only unsets.
    if any(get_origin(one) is Literal and set(get_args(one)) != {""} for one in resolved):
        resolved = [one for one in resolved if one is not str]
    tries = [problems(params, one, module=module, at=at) for one in resolved]
    if [] in tries:
        return []
    # What it was meant to be is where the problems lie deepest.
    return max(tries, key=lambda found: max(_depth(one) for one in found))


def _of_list(params: object, item: Any, module: str, at: str) -> list[str]:
    if not isinstance(params, list):
        return [_wrong(at, "a list", params)]
    return [
        problem
        for number, one in enumerate(params)
        for problem in problems(one, item, module=module, at=f"{at}[{number}]")
    ]


def _of_dict(params: object, arguments: tuple[Any, ...], module: str, at: str) -> list[str]:
    if not isinstance(params, dict):
        return [_wrong(at, "a dict", params)]
    keys, values = arguments
    return [
        problem
        for name, value in params.items()
        for problem in (
            *problems(name, keys, module=module, at=f"{at}.{name}"),
            *problems(value, values, module=module, at=f"{at}.{name}"),
        )
    ]


def _of_plain(params: object, shape: Any, at: str) -> list[str]:
    if shape is Any:
        return []
    shape = get_origin(shape) or shape
    if not isinstance(shape, type):
        raise TypeError(f"{at}: cannot check {shape!r}")
    if issubclass(shape, StripeObject):
        return [] if isinstance(params, shape) else [_wrong(at, shape.__name__, params)]
    if shape not in (str, int, bool, float, Decimal, type(None)):
        raise TypeError(f"{at}: cannot check {shape!r}")
    # A bool is no int to Stripe, though it is to Python.
    kinds = (int, float) if shape is float else (shape,)
    return [] if type(params) in kinds else [_wrong(at, shape.__name__, params)]


def _resolved(shape: Any, module: str) -> tuple[Any, str]:
    """The declared type itself: names looked up, wrappers taken off."""
    while True:
        if isinstance(shape, ForwardRef):
            module = shape.__forward_module__ or module
            shape = shape.__forward_arg__
        elif isinstance(shape, str):
            # The library's own declarations, which it has left as text.
            shape = eval(shape, vars(importlib.import_module(module)))
        elif get_origin(shape) in (NotRequired, Required):
            [shape] = get_args(shape)
        else:
            return shape, module


def _place(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _depth(problem: str) -> int:
    place = problem.partition(": ")[0]
    return place.count(".") + place.count("[")


def _words(arguments: tuple[object, ...]) -> str:
    return f"one of {', '.join(map(repr, arguments))}"


def _wrong(at: str, wanted: str, params: object) -> str:
    return f"{at}: must be {wanted}, but is {params!r}"


@dataclass
class SentRequests:
    """What was sent while it was watched: `POST /v1/refunds` and its parameters."""

    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def params(self, request: str) -> list[Mapping[str, Any]]:
        """The parameters of all requests of a method and path."""
        return [params for name, params in self.sent if name == request]


@contextmanager
def watched_requests() -> Iterator[SentRequests]:
    """Everything that the library sends from here on is checked, its further pages too.

    What is wrong, or cannot be checked because the library declares nothing, is in `problems`.
    """
    watched = SentRequests()
    declared: dict[tuple[str, str], Any] = {}
    request, ask = StripeService._request_async, _APIRequestor.request_async

    def called(self: StripeService, method: str, url: str, *args: Any, **options: Any) -> Any:
        shape = _declaration(sys._getframe(1), self)
        if shape is not None:
            declared[method, url] = shape
        return request(self, method, url, *args, **options)

    def asked(
        self: _APIRequestor, method: str, url: str, params: Any = None, *args: Any, **options: Any
    ) -> Any:
        name = f"{method.upper()} {url}"
        watched.sent.append((name, dict(params or {})))
        shape = declared.get((method, url))
        if shape is None:
            watched.problems.append(f"{name}: nothing declares its parameters")
        else:
            found = problems(dict(params or {}), shape)
            watched.problems += [f"{name}: {problem}" for problem in found]
        return ask(self, method, url, params, *args, **options)

    with (
        patch.object(StripeService, "_request_async", called),
        patch.object(_APIRequestor, "request_async", asked),
    ):
        yield watched


def _declaration(caller: FrameType | None, service: StripeService) -> Any:
    """The type of `params` of the service's method that is running."""
    assert caller is not None
    method = inspect.getattr_static(type(service), caller.f_code.co_name)
    annotation = method.__annotations__.get("params")
    if annotation is None:
        return None
    [name] = [
        one.__forward_arg__ for one in get_args(annotation) if isinstance(one, ForwardRef)
    ] or [annotation]
    # It is imported for type checkers only.
    tree = ast.parse(inspect.getsource(sys.modules[method.__module__]))
    [module] = [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names)
    ]
    assert module is not None
    return getattr(importlib.import_module(module), name)
