"""What a source says before there are data: whether it may say it, and which names it needs."""

from collections.abc import Iterator

from jinja2 import (
    Environment,
    nodes,
)
from jinja2.meta import TrackingCodeGenerator

from handlers.domain.content.budget import (
    MAX_NAME,
    MAX_TOKENS,
)
from handlers.domain.content.sandbox.filters import FILTERS
from handlers.domain.content.sandbox.functions import TESTS
from handlers.domain.content.syntax import UnavailableSyntaxError


def parse(environment: Environment, source: str) -> nodes.Template:
    """Return the tree of the source; raises `TemplateSyntaxError` for what is no template, or is not available here."""
    tokens = (token for token in environment.lex(source) if token[1] != "whitespace")
    for count, (line, kind, word) in enumerate(tokens):
        if count >= MAX_TOKENS:
            raise UnavailableSyntaxError(f"it is too complex: more than {MAX_TOKENS} words and signs", line)
        if kind == "name" and len(word) > MAX_NAME:
            raise UnavailableSyntaxError(f"a name is longer than {MAX_NAME} characters", line)
    tree = environment.parse(source)
    if fault := min(_unavailable(tree), default=None):
        line, message = fault
        raise UnavailableSyntaxError(message, line)
    return tree


def _unavailable(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of what templates can do elsewhere, even where it would never be reached."""
    yield from ((line, f"filter {name} is not available") for line, name in _filters(tree) if name not in FILTERS)
    for test in tree.find_all(nodes.Test):
        if test.name not in TESTS:
            yield test.lineno, f"test {test.name} is not available"
    for other in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        yield other.lineno, "a template cannot use another one"
    yield from ((loop.lineno, "a loop cannot be recursive") for loop in tree.find_all(nodes.For) if loop.recursive)
    yield from ((block.lineno, "a block cannot be scoped") for block in tree.find_all(nodes.Block) if block.scoped)


def _filters(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    for node in tree.find_all(nodes.Filter):
        yield node.lineno, node.name
        if node.name == "map" and node.args and isinstance(node.args[0], nodes.Const):
            yield node.lineno, str(node.args[0].value)[:MAX_NAME]


def undeclared(environment: Environment, tree: nodes.Template) -> frozenset[str]:
    """Return the names that the data must give; as `jinja2.meta` does, but without computing constants.

    To try that for each of a hundred filters in a row, at each of them anew, takes seconds.
    """
    generator = TrackingCodeGenerator(environment)
    generator.optimizer = None
    generator.visit(tree)
    return frozenset(generator.undeclared_identifiers)
