"""Which names a source needs of the data, read from its tree before there are any."""

from collections.abc import Iterator, Mapping

from jinja2 import nodes

from handlers.domain.content.sandbox.paths import written

_DEFAULTS = frozenset({"default", "d"})
_ASKS_WHETHER_IT_IS = frozenset({"defined", "undefined"})


def unguarded(tree: nodes.Template) -> frozenset[str]:
    """Return the names that are used at least once where nothing says what to do without them.

    A default is for its own use alone (`name | default("you")`); a condition (`name is defined`) for all that depends
    on it. A name that the source sets itself may be guarded where it is set, so any guard of it counts.
    """
    set_by_source = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    guarded_somewhere = {name for node in tree.find_all((nodes.Filter, nodes.Test)) for name in _guarded_by(node)}
    return frozenset(_unguarded(tree, frozenset(set_by_source & guarded_somewhere)))


def _unguarded(node: nodes.Node, guarded: frozenset[str]) -> Iterator[str]:
    if isinstance(node, nodes.Name):
        if node.name not in guarded:
            yield node.name
        return
    own = frozenset(_guarded_by(node))
    if isinstance(node, nodes.If | nodes.CondExpr):
        guarded |= _asked(node.test)
    elif isinstance(node, nodes.And | nodes.Or):
        guarded |= _asked(node.left)
    for child in node.iter_child_nodes():
        is_guarded_here = isinstance(child, nodes.Name) and child.name in own
        if not is_guarded_here:
            yield from _unguarded(child, guarded)


def _asked(condition: nodes.Node) -> frozenset[str]:
    """Return the names whose presence a condition tests."""
    tests = [condition, *condition.find_all(nodes.Test)]
    return frozenset(name for test in tests if isinstance(test, nodes.Test) for name in _guarded_by(test))


def _guarded_by(node: nodes.Node) -> Iterator[str]:
    """Yield the name whose absence this filter or test deals with."""
    if not isinstance(node, nodes.Filter | nodes.Test) or not isinstance(node.node, nodes.Name):
        return
    if node.name in (_DEFAULTS if isinstance(node, nodes.Filter) else _ASKS_WHETHER_IT_IS):
        yield node.node.name


def subtractions(tree: nodes.Template, source: str) -> Mapping[str, frozenset[str]]:
    """Return what looks like a name with a dash in it, each with the names that Jinja reads there.

    `first-name` is first minus name, so whoever has a `first-name` in the data hears of two names they never used.
    """
    found = {}
    for node in tree.find_all(nodes.Sub):
        path = written(node, source)
        if isinstance(node.right, nodes.Name) and path in source:
            found[path] = frozenset(name.name for name in node.find_all(nodes.Name))
    return found
