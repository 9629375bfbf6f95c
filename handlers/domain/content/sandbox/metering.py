"""The accounts of what compiled code does by itself: loops, literals, slices, comparisons and `~`."""

from collections.abc import Callable
from typing import Any

from jinja2 import (
    nodes,
)
from jinja2.visitor import NodeTransformer

from handlers.domain.content.budget import (
    Budget,
)
from handlers.domain.content.sandbox.environment import DICT_METHODS, ONE_OF_MANY, MeteredEnvironment, filter_name
from handlers.domain.content.sandbox.paths import written


def metered(tree: nodes.Template, source: str) -> nodes.Template:
    """Return the tree, changed in place, with accounts kept of what compiled code would do by itself.

    What is looked up or printed knows its path, as the source writes it, should it be missing or no text.
    """
    _Metering(source).visit(tree)
    return tree


class _Metering(NodeTransformer):
    def __init__(self, source: str) -> None:
        self._source = source
        self._called: nodes.Node | None = None

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 (names that Jinja looks for)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, Budget.each)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        node.nodes = [
            part if isinstance(part, nodes.TemplateData) else self._at(MeteredEnvironment.print_value, part)
            for part in node.nodes
        ]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        paths = tuple(written(part, self._source) for part in node.nodes)
        parts = nodes.List([self.visit(part) for part in node.nodes], lineno=node.lineno, environment=node.environment)
        return _filtered(parts, MeteredEnvironment.print_joined, nodes.Const(paths))

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        is_method = node is self._called and node.attr in DICT_METHODS
        how = MeteredEnvironment.method_at if is_method else MeteredEnvironment.attribute_at
        path = written(node, self._source)
        return _filtered(self.visit(node.node), how, nodes.Const(node.attr), nodes.Const(path))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        if isinstance(node.arg, nodes.Slice):
            return _filtered(self.generic_visit(node), Budget.made)
        path = written(node, self._source)
        return _filtered(self.visit(node.node), MeteredEnvironment.item_at, self.visit(node.arg), nodes.Const(path))

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.expr, nodes.Const):
            node.expr = _filtered(node.expr, Budget.compared)
        return node

    def visit_literal(self, node: nodes.Literal) -> nodes.Node:
        return _filtered(self.generic_visit(node), Budget.made_of_any)

    visit_List = visit_Dict = visit_literal  # noqa: N815

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        return self.visit_literal(node) if node.ctx == "load" else node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        self._called = node.node
        return self.visit_arguments(node)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        if node.name not in ONE_OF_MANY:
            return self.visit_arguments(node)
        path = written(node, self._source)
        return _filtered(self.visit_arguments(node), MeteredEnvironment.named_at, nodes.Const(path))

    def visit_arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> nodes.Node:
        self.generic_visit(node)
        if node.dyn_args is not None:
            node.dyn_args = _filtered(node.dyn_args, Budget.each)
        return node

    visit_Test = visit_arguments  # noqa: N815

    def _at(self, function: Callable[..., Any], node: nodes.Expr) -> nodes.Filter:
        path = written(node, self._source)
        return _filtered(self.visit(node), function, nodes.Const(path))


def _filtered(node: Any, account: Callable[..., Any], *args: nodes.Expr) -> nodes.Filter:
    name = filter_name(account)
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno, environment=node.environment)
