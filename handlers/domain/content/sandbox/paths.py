"""What an expression is called in errors."""

from typing import Any

from jinja2 import (
    nodes,
)

from handlers.domain.content.budget import (
    MAX_PATH,
)


def written(node: Any, source: str) -> str:
    """Return an expression as the source writes it, as far as it is a path: `user.name`, `lines[3]`, `rows|first`."""
    match node:
        case nodes.Name():
            path = node.name
        case nodes.Getattr():
            path = f"{written(node.node, source)}.{node.attr}"
        case nodes.Getitem():
            path = f"{written(node.node, source)}{_subscript(node.arg, source)}"
        case nodes.Filter() if node.node is not None:
            path = f"{written(node.node, source)}|{node.name}"
        case nodes.Call():
            path = f"{written(node.node, source)}(…)"
        case nodes.Sub():
            path = f"{written(node.left, source)}-{written(node.right, source)}"
        case _:
            path = "…"
    return path if len(path) <= MAX_PATH else f"…{path[-MAX_PATH:]}"


def _subscript(argument: nodes.Node, source: str) -> str:
    """Return `[3]`, `['first-name']` with the quotes of the source, `.3`, or what else stands in brackets."""
    if not isinstance(argument, nodes.Const):
        return f"[{written(argument, source)}]"
    forms = (f"[{argument.value!r}]", f'["{argument.value}"]', f".{argument.value}")
    return next((form for form in forms if form in source), forms[0])[:MAX_PATH]
