"""Finds floats near money in a module's source."""

import ast
import re
from collections.abc import Iterator

_MONEY = re.compile(r"_mc$|_mc_|^mc$|credits$|millionths$|micros$|^rate$|amount")


def floats_near_money(source: str) -> list[str]:
    """What stands where no float may: `line: code` of each place."""
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.expr | ast.stmt | ast.arg) and _is_offence(node)
    ]


def any_float(source: str) -> list[str]:
    """Every float of a module that may have none at all."""
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.expr | ast.stmt) and (_is_division(node) or _is_float(node))
    ]


def _is_offence(node: ast.expr | ast.stmt | ast.arg) -> bool:
    return _calculates(node) or _declares(node)


def _calculates(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp | ast.AugAssign):
        return (_is_division(node) or _has_float(node)) and _is_about_money(node)
    if isinstance(node, ast.Call):
        is_float = isinstance(node.func, ast.Name) and node.func.id in {"float", "round"}
        return is_float and any(_is_about_money(argument) for argument in node.args)
    if isinstance(node, ast.Assign):
        return _is_float(node.value) and any(_is_about_money(target) for target in node.targets)
    return False


def _declares(node: ast.AST) -> bool:
    if isinstance(node, ast.AnnAssign):
        return _has_float(node.annotation) and _is_about_money(node.target)
    if isinstance(node, ast.arg):
        return node.annotation is not None and _has_float(node.annotation) and _is_money(node.arg)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.returns is not None and _has_float(node.returns) and _is_money(node.name)
    return False


def _is_division(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)


def _is_float(node: ast.AST) -> bool:
    is_constant = isinstance(node, ast.Constant) and isinstance(node.value, float)
    return is_constant or (isinstance(node, ast.Name) and node.id == "float")


def _has_float(node: ast.AST) -> bool:
    return any(_is_float(child) for child in ast.walk(node))


def _is_about_money(node: ast.AST) -> bool:
    return any(_is_money(name) for child in ast.walk(node) for name in _names(child))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _is_money(name: str) -> bool:
    return bool(_MONEY.search(name))
