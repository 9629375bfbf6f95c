"""A template takes a bounded time and memory of the worker that it shares with other messages, whatever it does.

Before the sandbox kept accounts, nearly every attack here hung the worker or took all the memory it had.
"""

import re
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from cProfile import Profile
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from handlers.domain.content import budget
from handlers.domain.content.budget import MAX_APART, MAX_CHARACTERS, MAX_NAME, MAX_STEPS, MAX_TOKENS, MAX_WIDTH
from handlers.domain.content.dialects import PLAIN
from handlers.domain.content.rendering import MAX_RENDERED_BYTES, Content, Fault, TemplateError, check, render
from handlers.domain.content.sandbox.environment import environment as sandboxed
from handlers.domain.content.sandbox.filters import FILTERS
from handlers.domain.content.sandbox.functions import TESTS
from handlers.domain.content.sandbox.metering import metered
from handlers.domain.content.sandbox.parsing import parse

DATA: dict[str, Any] = {
    "x": "ab",
    "n": 3,
    "rows": list(range(1000)),
    "same": list(range(1000)),
    "text": "a" * 100_000,
    "words": "я " * 50_000,
    "hex": "f" * 100_000,
    "tags": "<b>" * 30_000,
}

NAMESPACE = "{% set ns = namespace(x='ab', l=[1], t=(1,), n=0) %}"
SIXTY = NAMESPACE + "{% for i in range(60) %}"
NESTED_LIST = "{% set l = ['ab'] %}" + "{% set l = [l, l] %}" * 60
OTHER_NESTED_LIST = "{% set m = ['ab'] %}" + "{% set m = [m, m] %}" * 60
NESTED_TUPLE = "{% set l = ('ab',) %}" + "{% set l = (l, l) %}" * 60
TWO_MILLION = "{% set t = text ~ text ~ text ~ text %}" + "{% set t = t ~ t %}" * 3
MANY_TEXTS = "range(99999)|map(attribute='none', default=text)"
"""The same long text a hundred thousand times, without a doubling."""

LOOPS = {
    "a loop in a loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "loops over the data": "{% for a in rows %}" * 4 + "{% endfor %}" * 4,
    "loops over a text": "{% for a in text %}{% for b in text %}{% endfor %}{% endfor %}",
    "a loop with a test": "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}{% endfor %}{% endfor %}",
    "a recursive loop": "{% for a in [1] recursive %}{% if loop.depth < 60 %}{{ loop([1, 1]) ~ loop([1, 1]) }}"
    "{% endif %}{% endfor %}",
    "a loop that only looks up": "{% for a in range(99999) %}" + "{% set b = a.real %}" * 200 + "{% endfor %}",
    "a loop that only compares": "{% for a in range(99999) %}" + "{% set b = rows != same %}" * 200 + "{% endfor %}",
    "a loop that only searches": "{% for a in range(99999) %}" + "{% set b = -1 in rows %}" * 200 + "{% endfor %}",
}

CALLS = {
    "a macro that calls itself twice": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
    "{{ f(60) }}",
    "callers of callers": "{% macro twice() %}{{ caller() }}{{ caller() }}{% endmacro %}"
    + ("{% call twice() %}" * 40 + "x" + "{% endcall %}" * 40),
    "a block that calls itself twice": NAMESPACE + "{% block a %}{% set ns.n = ns.n + 1 %}"
    "{% if ns.n < 60 %}{{ self.a() }}{{ self.a() }}{% endif %}{% set ns.n = ns.n - 1 %}{% endblock %}",
}

ASIDE = {
    "text set aside": "{% set kept %}{% for a in range(99999) %}" + "x" * 10_000 + "{% endfor %}{% endset %}",
    "values set aside": "{% set kept %}{% for a in range(99999) %}{{ text }}{% endfor %}{% endset %}",
    "escaped values set aside": "{% set kept %}{% for a in range(99999) %}{{ '<' ~ text }}{% endfor %}{% endset %}",
    "text of a macro": "{% macro f() %}" + "x" * 10_000 + "{% endmacro %}"
    "{% set kept %}{% for a in range(99999) %}{{ f() }}{% endfor %}{% endset %}",
    "text given to a filter": "{% set kept %}{% filter upper %}{% for a in range(99999) %}"
    + ("x" * 10_000 + "{% endfor %}{% endfilter %}{% endset %}"),
    "a set block of itself twice": "{% set x %}ab{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40,
    "a long chain": NAMESPACE + "{% for a in range(99999) %}{% set ns.x = namespace(x=ns.x) %}{% endfor %}",
    "a long chain of cyclers": NAMESPACE + "{% for a in range(99999) %}{% set ns.x = cycler(ns.x) %}{% endfor %}",
}

DOUBLING = {
    "~ in a loop": SIXTY + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "+ in a loop": SIXTY + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "+ of lists": SIXTY + "{% set ns.l = ns.l + ns.l %}{% endfor %}",
    "+ of tuples": SIXTY + "{% set ns.t = ns.t + ns.t %}{% endfor %}",
    "join of two": SIXTY + "{% set ns.x = [ns.x, ns.x]|join %}{% endfor %}",
    "* of integers": SIXTY + "{% set ns.n = (ns.n + 3) * (ns.n + 3) %}{% endfor %}",
    "a list of itself twice, printed": NESTED_LIST + "{{ l }}",
    "a list of itself twice, compared": NESTED_LIST + OTHER_NESTED_LIST + "{{ l == m }}",
    "a list of itself twice, ordered": NESTED_LIST + OTHER_NESTED_LIST + "{{ [l, m]|sort }}",
    "a list of itself twice, as JSON": NESTED_LIST + "{{ l|tojson }}",
    "a list of itself twice, in an error": NESTED_LIST + "{{ {}[l] }}",
    "a tuple of itself twice, as a key": NESTED_TUPLE + "{{ {l: 1} }}",
    "a tuple of itself twice, looked up": NESTED_TUPLE + "{{ {}.get(l) }}",
    "a dict of itself twice": "{% set d = {} %}" + "{% set d = {'a': d, 'b': d} %}" * 60 + "{{ d }}",
    "dict() of itself twice": "{% set d = {} %}" + "{% set d = dict(a=d, b=d) %}" * 60 + "{{ d }}",
    "the arguments of a macro": NAMESPACE
    + "{% macro f() %}{% set ns.t = varargs %}{% endmacro %}"
    + ("{% set _ = f(ns.t, ns.t) %}" * 60 + "{{ ns.t }}"),
    "the names of a macro": NAMESPACE
    + "{% macro f() %}{% set ns.t = kwargs %}{% endmacro %}"
    + ("{% set _ = f(a=ns.t, b=ns.t) %}" * 60 + "{{ ns.t }}"),
    "defaults": "{% set l = [1] %}" + "{% set l = ['', '']|map('default', l, true)|list %}" * 60 + "{{ l }}",
    "the items of a cycler": "{% set l = (1,) %}" + "{% set l = cycler(l, l).items %}" * 60 + "{{ {l: 1} }}",
    "groups of groups": "{% set l = [[1, [2]]]" + "|groupby(1)" * 100 + " %}{{ l }}",
    "batches filled with themselves": "{% set l = [1] %}" + "{% set l = [l]|batch(2, l)|list %}" * 60 + "{{ l }}",
    "slices filled with themselves": "{% set l = [1] %}" + "{% set l = [l]|slice(1, l)|list %}" * 60 + "{{ l }}",
    "copies by slicing": NAMESPACE
    + "{% for a in range(900) %}{% set ns.x = namespace(x=ns.x, y=text[a + 1:]) %}{% endfor %}" * 9,
}

ONE_FILTER = {
    "center": "{{ 'x'|center(1000000000) }}",
    "format": "{{ '%1000000000d'|format(1) }}",
    "format with a width of the data": "{{ '%*d'|format(1000000000, 1) }}",
    "format with a precision": "{{ '%.1000000000f'|format(1) }}",
    "format with a name in brackets": "{{ '%(a(b)c)1000000000d'|format(**{'a(b)c': 1}) }}",
    "format that repeats": "{% set f = '%(t)s' %}" + "{% set f = f ~ f %}" * 12 + "{{ f|format(t=text) }}",
    "indent": "{{ words|replace(' ', '\n')|indent(100000000) }}",
    "wordwrap": "{{ words|wordwrap(1, wrapstring=text) }}",
    "join with a long separator": "{% if rows|join(text) %}{% endif %}" * 9,
    "join of many": "{{ " + MANY_TEXTS + "|join }}",
    "replace": "{{ text|replace('a', text) }}",
    "replace of nothing": "{{ text|replace('', text) }}",
    "replace of what is escaped": "{% set s = text|replace('a', '<') %}{{ s|replace('t', text|safe) }}",
    "batch": "{% for b in [1]|batch(1000000000, 'x') %}{% endfor %}",
    "batch by what is no number": NAMESPACE + "{% set _ = [1]|batch('nan'|float, 1) %}"
    "{% for a in range(99999) %}{% for b in range(99) %}{% endfor %}{% endfor %}",
    "slice": "{% for b in rows|slice(1000000000) %}{% endfor %}",
    "slice in a list": "{{ rows|slice(1000000000)|list|length }}",
    "xmlattr": "{% for a in range(99999) %}{% set _ = {'a': text}|xmlattr %}{% endfor %}",
    "urlize": "{% for a in range(99999) %}{% set _ = text|urlize %}{% endfor %}",
    "pprint": "{{ " + MANY_TEXTS + "|list|pprint }}",
    "tojson with an indent": "{{ rows|tojson(100000000) }}",
    "tojson of many": "{{ " + MANY_TEXTS + "|list|tojson }}",
    "round of an integer": "{{ 5|round(-1000000000) }}",
    "round down of an integer": "{{ 5|round(1000000000, 'floor') }}",
    "int in another base": TWO_MILLION + "{{ (t|replace('a', 'f'))|int(0, 16) // (t|int(1, 16)) }}",
    "trim of many characters": "{% set w = words|replace(' ', '') ~ 'b' %}"
    + "{% if w|trim(w|replace('я', 'ж') ~ 'я') %}{% endif %}" * 9,
    "sum of lists": "{{ range(30000)|map(attribute='none', default=rows)|sum(start=[])|length }}",
    "a list of many": "{{ " + MANY_TEXTS + "|list }}",
    "sort of many": "{{ " + MANY_TEXTS + "|sort|length }}",
    "unique of many": "{{ " + MANY_TEXTS + "|unique|list|length }}",
    "max of many": "{{ " + MANY_TEXTS + "|max|length }}",
    "upper case of many": "{{ " + MANY_TEXTS + "|map('upper')|list|length }}",
    "sort by a long path": "{{ text|list|sort(attribute='0" + ".0" * 5000 + "')|length }}",
    "a path of many names": "{{ [1]|map(attribute=(words ~ words ~ words)|replace(' ', '.'))|list }}",
    "the letters of a text": "{{ (words ~ words ~ words)|list|length }}",
    "striptags": "{% for a in range(99999) %}{% if tags|striptags %}{% endif %}{% endfor %}",
    "title": "{% for a in range(99999) %}{% if words|title %}{% endif %}{% endfor %}",
    "wordcount": "{% for a in range(99999) %}{% if words|wordcount %}{% endif %}{% endfor %}",
    "urlencode": "{% for a in range(99999) %}{% if words|urlencode %}{% endif %}{% endfor %}",
    "filters that select nothing": "{% for a in rows %}{% for b in rows|select('none') %}{% endfor %}{% endfor %}" * 9,
}

ONE_METHOD = {
    "ljust": "{{ x.ljust(1000000000) }}",
    "rjust": "{{ x.rjust(1000000000) }}",
    "center": "{{ x.center(1000000000) }}",
    "zfill": "{{ x.zfill(1000000000) }}",
    "expandtabs": "{{ '\t'.expandtabs(1000000000) }}",
    "replace": "{{ text.replace('a', text) }}",
    "replace of markup": "{{ (text|safe).replace('a', '<' ~ text) }}",
    "join": "{{ text.join(text) }}",
    "translate": "{{ text.translate({97: text}) }}",
    "format": "{{ '{:1000000000}'.format(1) }}",
    "format of markup": "{{ ('{:1000000000}'|safe).format(1) }}",
    "format with a width of the data": "{{ '{:{}}'.format(1, 1000000000) }}",
    "format with a precision": "{{ '{:.1000000000f}'.format(1) }}",
    "format with other digits": "{{ '{:１０００００００００}'.format(1) }}",
    "format that repeats": "{% set f = '{0}' %}" + "{% set f = f ~ f %}" * 12 + "{{ f.format(text) }}",
    "format_map": "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
    "format by another way": "{{ '{:1000000000}'['format'](1) }}",
    "methods in a list": "{{ (['{:1000000000}']|map(attribute='format')|first)(1) }}",
    "to_bytes": "{{ n.to_bytes(1000000000, 'big')|length }}",
    "fromkeys": "{{ {}.fromkeys(range(99999), text) }}",
    "rfind": "{{ (text ~ text).rfind('ab' ~ text) }}" * 10,
    "strip": "{% set w = words.replace(' ', '') ~ 'b' %}" + "{{ w.strip(w.replace('я', 'ж') ~ 'я') }}" * 9,
    "split": NAMESPACE + "{% for a in range(99) %}{% set ns.x = namespace(x=ns.x, y=words.split()) %}{% endfor %}",
    "%": "{{ '%1000000000d' % 1 }}",
    "% of nothing": "{% set t = '%%' %}" + "{% set t = t ~ t %}" * 17 + "{{ t % 1 }}",
    "% of markup": "{{ ('%1000000000d'|safe) % 1 }}",
    "is divisibleby": "{{ '%1000000000d' is divisibleby(1) }}",
    "is even": "{{ '%.1000000000f' is even }}",
    "select odd": "{{ ['%1000000000d']|select('odd')|list }}",
    "a text taken apart": "{% set _ = cycler(*(words ~ words ~ words ~ words ~ words)) %}",
}

BEFORE_DATA = {
    "blocks that each know all the names": "".join(f"{{% set a{n} = 1 %}}" for n in range(500))
    + "".join(f"{{% block b{n} scoped %}}{{% endblock %}}" for n in range(500)),
    "more to compile than anybody writes": "{% if x %}{% set y = x %}{% endif %}" * 6000,
    "names in a list": "{% macro "
    + "m" * 50_000
    + "() %}{% endmacro %}{{ range(9999)|map(attribute='none', default="
    + ("m" * 50_000 + ")|list }}"),
    "a constant": "{{ 'x'|center(1000000000) }}{{ '%1000000000d' % 1 }}",
}

ATTACKS = {
    f"{kind}: {name}": source
    for kind, attacks in {
        "loops": LOOPS,
        "calls": CALLS,
        "kept aside": ASIDE,
        "doubling": DOUBLING,
        "one filter": ONE_FILTER,
        "one method": ONE_METHOD,
        "before there are data": BEFORE_DATA,
    }.items()
    for name, source in attacks.items()
}


COMPILING = {
    "filters in a row": ("{{ x" + "|upper" * 190 + " }}") * 15,
    "names in loops": "{% for a in x %}" * 19
    + "".join(f"{{% set a{n} = 1 %}}" for n in range(900))
    + "{% endfor %}" * 19,
    "names after conditions": "".join(f"{{% if x %}}{{% set a{n} = 1 %}}{{% endif %}}" for n in range(450)),
    "names in macros": "{% macro m() %}" * 19 + "".join(f"{{{{ a{n} }}}}" for n in range(1300)) + "{% endmacro %}" * 19,
}
"""The dearest sources that are still compiled; the first took minutes, as each filter was tried as a constant anew."""


MOST_CALLS = 6_000_000
"""Of one render: some sixty for a step, of which there are 100,000."""

MOST_PYTHON = 2_000_000
"""Characters of what a source is compiled to, which Python takes time to read."""


def faults(source: str) -> tuple[Fault, ...]:
    """Render the source as the HTML of an e-mail, which escapes."""
    try:
        render(Content(subject="s", body=source), "email", DATA)
    except TemplateError as error:
        return error.faults
    return ()


def calls(work: Callable[[], Any]) -> int:
    """Return how many functions of Python and of C are called meanwhile: the same however busy the machine is.

    What one of them does is bounded by the size of what it is given, which `megabytes` bounds.
    """
    with Profile() as profile:
        work()
    return sum(entry.callcount for entry in profile.getstats())


def megabytes(source: str) -> float:
    """Return the peak of what rendering the source allocates, apart from time, which this takes too."""
    tracemalloc.start()
    faults(source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def sms(body: str, **data: Any) -> str:
    return render(Content(body=body), "sms", data).body


def fault(body: str, **data: Any) -> Fault:
    with pytest.raises(TemplateError) as raised:
        sms(body, **data)
    [found] = raised.value.faults
    return found


# -- what takes too much -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_soon_and_takes_little_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of the steps may do a fifth of the work. Loops, the dearest of all, are given every step."""
    part = 1 if name.startswith("loops: ") else 5
    found: list[Fault] = []
    budget_of_render = budget.Budget
    monkeypatch.setattr(budget, "Budget", partial(budget_of_render, steps=MAX_STEPS // part))
    assert calls(lambda: found.extend(faults(ATTACKS[name]))) < MOST_CALLS / part
    assert found
    # Memory follows the characters, all of which are there, and a twentieth of the steps takes as much as a fifth; to
    # trace each of them takes long.
    monkeypatch.setattr(budget, "Budget", partial(budget_of_render, steps=MAX_STEPS // 20))
    assert megabytes(ATTACKS[name]) < 5


def test_an_attack_is_refused_with_few_steps_as_with_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the tracer on, which few steps can afford."""
    monkeypatch.setattr(budget, "Budget", partial(budget.Budget, steps=MAX_STEPS // 100))
    assert [name for name, source in ATTACKS.items() if not faults(source)] == []


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", COMPILING)
def test_what_can_be_compiled_is_compiled_with_little_work(name: str) -> None:
    assert calls(lambda: check(Content(body=COMPILING[name]), "sms")) < MOST_CALLS


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", COMPILING)
def test_what_can_be_compiled_is_little_python(name: str) -> None:
    environment = sandboxed(PLAIN)
    tree = metered(parse(environment, COMPILING[name]), COMPILING[name])
    assert len(environment.compile(tree, raw=True)) < MOST_PYTHON


@pytest.mark.usefixtures("untraced")
def test_an_error_deep_in_macros_does_not_copy_the_data_for_each_of_them() -> None:
    data = {f"k{n}": n for n in range(20_000)}
    tracemalloc.start()
    assert fault("{% macro f() %}\n{{ f() }}{% endmacro %}{{ f() }}", **data) == Fault(
        "body", "is nested too deeply", 2
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.usefixtures("untraced")
def test_an_attack_in_each_field_takes_no_more_than_one() -> None:
    source = ATTACKS["one filter: wordcount"]

    def attack() -> None:
        with pytest.raises(TemplateError):
            render(Content(subject=source, body=source, text=source), "email", DATA)

    assert calls(attack) < MOST_CALLS


@pytest.mark.usefixtures("untraced")
def test_the_fields_of_a_message_share_its_budget() -> None:
    half = "{% for a in range(" + str(MAX_STEPS * 2 // 3) + ") %}{% endfor %}"
    render(Content(subject="s", body=half), "email", {})
    with pytest.raises(TemplateError) as raised:
        render(Content(subject="s", body=half, text=half), "email", {})
    assert [found.field for found in raised.value.faults] == ["text"]


def test_each_render_has_a_budget_of_its_own() -> None:
    source = "{% for a in range(" + str(MAX_STEPS * 2 // 3) + ") %}{% endfor %}"
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(sms, [source] * 4)) == [""] * 4


def test_the_faults_say_what_was_too_much_and_where() -> None:
    assert fault("\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}") == Fault(
        "body", f"takes too long to render: more than {MAX_STEPS} steps", 2
    )
    assert fault("\n\n{{ (t ~ t)|length }}", t="x" * MAX_CHARACTERS) == Fault(
        "body", f"makes more than {MAX_CHARACTERS} characters on the way", 3
    )


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("filtered", ["wordcount", "striptags", "title", "upper", "trim", "replace('x', 'y')"])
def test_a_filter_of_a_long_text_is_as_many_steps_as_it_is_long(filtered: str) -> None:
    source = "{% for a in range(99999) %}{% if words|" + filtered + " %}{% endif %}{% endfor %}"
    assert calls(lambda: faults(source)) < MOST_CALLS / 5


@pytest.mark.usefixtures("untraced")
def test_a_lookup_is_a_step() -> None:
    lookups = "{% set b = d.x %}" * 2
    found = fault("{% for a in range(" + str(MAX_STEPS // 2) + ") %}" + lookups + "{% endfor %}", d={"x": 1})
    assert "takes too long" in found.message


# -- what is not available ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ x|random }}", "filter random is not available"),
        ("{{ x|attr('y') }}", "filter attr is not available"),
        ("{% if false %}{{ x|nosuch }}{% endif %}", "filter nosuch is not available"),
        ("{{ x|map('indent')|list }}", "filter indent is not available"),
        ("{{ 1 if false and x is nosuch }}", "test nosuch is not available"),
        ("{% for a in x recursive %}{% endfor %}", "a loop cannot be recursive"),
        ("{% block a scoped %}{% endblock %}", "a block cannot be scoped"),
        ("{% if false %}{% include 'y' %}{% endif %}", "a template cannot use another one"),
        ("{{ " + "a" * (MAX_NAME + 1) + " }}", f"a name is longer than {MAX_NAME} characters"),
        ("{{ 1 }}" * MAX_TOKENS, f"it is too complex: more than {MAX_TOKENS} words and signs"),
    ],
)
def test_what_is_not_available_is_said_before_there_are_data(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as raised:
        check(Content(body="\n" + source), "sms")
    assert raised.value.faults == (Fault("body", f"is not a valid template: {message}", 2),)


@pytest.mark.parametrize(
    "source",
    [
        "{{ t.encode() }}",
        "{{ t.translate({}) }}",
        "{{ t.rsplit(' ') }}",
        "{{ {}.copy() }}",
        "{{ {}.pop('x') }}",
        "{{ {}.update({}) }}",
        "{{ {}.setdefault('x', 1) }}",
        "{{ {}.fromkeys(t) }}",
        "{{ [].copy() }}",
        "{{ (5).to_bytes(1) }}",
        "{{ dict.fromkeys(t) }}",
        "{{ cycler.reset(f) }}",
        "{{ namespace.mro() }}",
        "{{ range.__wrapped__ }}",
        "{{ t.format.__self__ }}",
        "{{ t.format.__closure__ }}",
        "{{ [t]|map('(each)')|list }}{{ t.encode() }}",
    ],
)
def test_a_method_that_no_mail_needs_is_out_of_reach(source: str) -> None:
    def function() -> None: ...

    with pytest.raises(TemplateError):
        sms(source, t="x", f=function)
    assert not vars(function)


@pytest.mark.parametrize("printed", ["f", "t.upper", "joiner", "loop", "m", "caller"])
def test_a_function_is_not_printed_with_its_address(printed: str) -> None:
    source = "{% macro m() %}{% endmacro %}{% for a in [1] %}{{ " + printed + " }}{% endfor %}"
    found = fault(source, f=lambda: "x", t="x", d={"items": [1]}, caller=len)
    assert found.message == f"prints a function and not what it returns, {printed}"


@pytest.mark.parametrize("printed", ["namespace(x=1)", "cycler(1)", "loop.cycle", "[namespace()]|tojson"])
def test_an_object_of_the_sandbox_is_not_printed(printed: str) -> None:
    found = fault("{% for a in [1] %}{{ " + printed + " }}{% endfor %}")
    assert not set(re.findall(r"[A-Z]\w+|0x\w+", found.message)) - {"JSON"}


def test_no_message_of_a_refusal_repeats_a_value_of_the_data() -> None:
    for source in (
        "{{ s.ljust(999) }}",
        "{{ ('%' ~ s)|format(1) }}",
        "{{ s is odd }}",
        "{{ s[s] }}",
        "{{ s.center(s) }}",
    ):
        assert "1000000hunter2" not in str(fault(source, s="1000000hunter2"))


# -- what authors use --------------------------------------------------------------------------------------------------

ORDER: dict[str, Any] = {
    "name": "ada lovelace",
    "html": "<b>Hi</b> &amp; bye",
    "price": 1234.5,
    "lines": [
        {"name": "Pen", "price": 2.5, "kind": "office", "stock": True},
        {"name": "Ink", "price": 7.25, "kind": "office", "stock": False},
        {"name": "Tea", "price": 4, "kind": "food", "stock": True},
    ],
    "prices": {"b": 2, "a": 1},
}


FOUND = {
    "{{ name|title }} {{ name|upper }} {{ name|capitalize }}": "Ada Lovelace ADA LOVELACE Ada lovelace",
    "{{ ' x '|trim }}{{ '--x-'|trim('-') }}{{ name|truncate(6) }}{{ name|wordcount }}": "xxada...2",
    "{{ '%.2f'|format(price) }} {{ '%05d' % 7 }} {{ '{:,.2f}'.format(price) }}": "1234.50 00007 1,234.50",
    "{{ '%-6s|%6s'|format('a', 'b') }} {{ '{0:<4}{b:>4}'.format('a', b='b') }}": "a     |     b a      b",
    "{{ '%(a)s%%'|format(a=5) }} {{ '{a}{{}}'.format_map({'a': 1}) }}": "5% 1{}",
    "{{ price|round(1) }} {{ price|int }} {{ '3.5'|float }} {{ -3|abs }}": "1234.5 1234 3.5 3",
    "{{ 2500|filesizeformat }} {{ name|length }} {{ lines|count }}": "2.5 kB 12 3",
    "{{ price * 2 + 1 - 0.5 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 7 / 2 }}": "2469.5 3 3 3.5",
    "{{ lines|map(attribute='name')|join(', ') }} {{ lines|join(', ', 'name') }}": "Pen, Ink, Tea Pen, Ink, Tea",
    "{{ lines|sum(attribute='price') }} {{ lines|map(attribute='price')|max }} {{ [3, 1]|min }}": "13.75 7.25 1",
    "{{ lines|selectattr('stock')|map(attribute='name')|list|tojson }}": '["Pen", "Tea"]',
    "{{ lines|rejectattr('kind', 'equalto', 'food')|list|length }}": "2",
    "{% if lines|selectattr('kind', 'eq', 'toys') %}toys{% else %}no toys{% endif %}": "no toys",
    "{{ (lines|sort(attribute='price')|first).name }} {{ (lines|last).name }}": "Pen Tea",
    "{% for kind, of in lines|groupby('kind') %}{{ kind }}:{{ of|length }} {% endfor %}": "food:1 office:2 ",
    "{% for row in lines|batch(2, none) %}{{ row|length }}{% endfor %}": "21",
    "{% for row in [1, 2, 3]|batch(2, 'x') %}{{ row|join }} {% endfor %}": "12 3x ",
    "{% for column in [1, 2, 3]|slice(2) %}{{ column|join }} {% endfor %}": "12 3 ",
    "{% for k, v in prices|dictsort %}{{ k }}{{ v }}{% endfor %}": "a1b2",
    "{% for k, v in prices.items() %}{{ k }}{{ v }}{% endfor %}": "b2a1",
    "{% for k, v in prices|items %}{{ k }}{% endfor %}{{ prices.get('c', 'no') }}": "bano",
    "{{ prices.keys()|list|tojson }} {{ prices.values()|sum }}": '["b", "a"] 3',
    "{{ [1, 1, 2]|unique|join }}{{ [1, 2]|reverse|join }}{{ 'ab'|reverse }}": "1221ba",
    "{{ ['a']|map('upper')|first }}{{ [0, 1]|select|list|tojson }}{{ [1, 2]|reject('odd')|list|tojson }}": "A[1][2]",
    "{{ html|striptags }} {{ html|e }}": "Hi & bye &lt;b&gt;Hi&lt;/b&gt; &amp;amp; bye",
    "{{ 'a b/c'|urlencode }} {{ {'q': 'a b'}|urlencode }} {{ {'a': [1]}|tojson }}": 'a%20b/c q=a+b {"a": [1]}',
    "{{ 'a-b'|replace('-', '+') }} {{ 'aa'.replace('a', 'b', 1) }} {{ 'aa'|replace('a', 'b', 1) }}": "a+b ba ba",
    "{{ name.split(' ')|last }} {{ 'a\nb'.splitlines()|join('<br>') }}": "lovelace a<br>b",
    "{{ ', '.join(['x', 'y']) }} {{ name.partition(' ')[0] }} {{ ' x '.strip() }}": "x, y ada x",
    "{{ name.startswith('ada') }} {{ name.upper()[:3] }} {{ name.find('l') }}": "true ADA 4",
    "{{ 'x'.zfill(3) }}{{ 'x'.ljust(3) }}|{{ 'x'|center(3) }}|": "00xx  | x |",
    "{{ nothing|default('-') }}{{ ''|d('empty', true) }}{{ 1 if nothing is defined else 2 }}": "-empty2",
    "{{ 'Pen' in 'Pencil' }} {{ 2 in [1, 2] }} {{ 3 is odd }}": "true true true",
    "{{ 4 is divisibleby(num=2) }} {{ 3 is in([3]) }} {{ 2 < 3 <= 3 }}": "true true true",
    "{% macro m(a, b='-') %}{{ a }}{{ b }};{% endmacro %}{{ m(1) }}{{ m(1, b=2) }}{{ m(*[3]) }}": "1-;12;3-;",
    "{% macro all() %}{{ varargs|join }}{{ kwargs.x }}{% endmacro %}{{ all(1, 2, x=3) }}": "123",
    "{% macro box() %}[{{ caller('x') }}]{% endmacro %}{% call(a) box() %}{{ a }}!{% endcall %}": "[x!]",
    "{% set x %}a{{ 1 }}{% endset %}{{ x }}{% set x|upper %}b{% endset %}{{ x }}": "a1B",
    "{% filter upper %}b{% endfilter %}{% with y = 2 %}{{ y }}{% endwith %}": "B2",
    "{% set n = namespace(x=0) %}{% for l in lines %}{% set n.x = n.x + l.price %}{% endfor %}{{ n.x }}": "13.75",
    "{% for l in lines if l.stock %}{{ loop.index }}/{{ loop.length }}{{ ',' if loop.first }}{% endfor %}": "1/2,2/2",
    "{% for l in lines %}{{ loop.cycle('a', 'b') }}{{ loop.revindex }}{{ loop.changed(l.kind) }} {% endfor %}": (
        "a3true b2false a1true "
    ),
    "{% for l in [] %}{% else %}none{% endfor %}{% block a %}{{ 1 }}{% endblock %}{{ self.a() }}": "none11",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}": "ab",
    "{% set j = joiner('|') %}{{ j() }}{{ j() }}{{ dict(a=1).a }}": "|1",
    "{{ lines[0].name ~ ' & ' ~ lines[-1]['name'] ~ 1 }}": "Pen & Tea1",
    "{{ ([1] + [2])|tojson }} {{ ((1,) + (2,))|join }} {{ 'a' + 'b' }}": "[1, 2] 12 ab",
    "{{ {'a': 1, 'b': [none, true]}|tojson }}": '{"a": 1, "b": [null, true]}',
}


@pytest.mark.parametrize(("source", "text"), FOUND.items())
def test_authors_find_what_they_use(source: str, text: str) -> None:
    assert sms(source, **ORDER) == text


ESCAPED = {
    "{{ t }}": "&lt;x&gt;",
    "{{ t|safe }}": "<x>",
    "{{ t|replace('x', '<') }}": "&lt;&lt;&gt;",
    "{{ t|safe|replace('x', '<') }}": "<&lt;>",
    "{{ t|replace('x', '<'|safe) }}": "&lt;<&gt;",
    "{{ '<i>'|safe ~ t }}": "<i>&lt;x&gt;",
    "{{ [t, '<i>'|safe]|join('&') }}": "&lt;x&gt;&amp;<i>",
    "{{ ('<i>%s'|safe) % t }}": "<i>&lt;x&gt;",
    "{{ '<i>%s'|safe|format(t) }}": "<i>&lt;x&gt;",
    "{{ ('<i>{}'|safe).format(t) }}": "<i>&lt;x&gt;",
    "{{ ('<i>'|safe) + t }}": "<i>&lt;x&gt;",
    "{{ (t|safe)[:1] }}{{ t[:1] }}": "<&lt;",
    "{{ [t]|tojson }}": '["\\u003cx\\u003e"]',
    "{% set s %}<b>{{ t }}</b>{% endset %}{{ s }}": "<b>&lt;x&gt;</b>",
    "{% macro m() %}<u>{{ t }}{% endmacro %}{{ m() }}": "<u>&lt;x&gt;",
    "{% autoescape false %}{{ t }}{% endautoescape %}": "<x>",
}


@pytest.mark.parametrize(("source", "text"), ESCAPED.items())
def test_what_is_escaped_is_escaped_once(source: str, text: str) -> None:
    assert render(Content(subject="s", body=source), "email", {"t": "<x>"}).body == text


def test_a_function_of_the_platform_can_be_called() -> None:
    links: list[str] = []

    def tracked(url: str, *, label: str = "") -> Markup:
        links.append(url)
        return Markup('<a href="{}">{}</a>').format(url, label)

    source = "{% for u in urls %}{{ tracked(u, label='<' ~ loop.index) }}{% endfor %}"
    body = render(Content(subject="s", body=source), "email", {"urls": ["a", "b"], "tracked": tracked}).body
    assert body == '<a href="a">&lt;1</a><a href="b">&lt;2</a>'
    assert links == ["a", "b"]


@pytest.mark.usefixtures("untraced")
def test_a_call_of_a_function_is_a_step() -> None:
    calls: list[int] = []
    found = fault("{% for a in range(99999) %}{% if f() %}{% endif %}{% endfor %}", f=lambda: calls.append(1))
    assert "takes too long" in found.message
    assert len(calls) == pytest.approx(MAX_STEPS / 2, abs=1)


@pytest.mark.usefixtures("untraced")
def test_a_long_message_of_many_parts_is_rendered() -> None:
    row = (
        "<tr class='{{ loop.cycle('odd', 'even') }}'><td>{{ loop.index }} of {{ rows|length }}</td>"
        "<td>{{ r.name|title }}</td>"
        "<td>{{ '%.2f'|format(r.price) }}</td><td>{{ '{:,.2f}'.format(r.price * 3) }}</td>"
        "<td><a href='{{ link(r.url) }}?q={{ r.name|urlencode }}'>{{ r.note|default('-') }}</a></td></tr>"
    )
    source = "{% for r in rows|sort(attribute='name') %}" + row + "{% endfor %}"
    rows = [{"name": f"thing {n}", "price": n / 3, "url": f"https://shop.example/{n}"} for n in range(1200)]
    data = {"rows": rows, "link": lambda url: "https://t.example/c?u=" + url}
    assert len(render(Content(subject="s", body=source), "email", data).body) > 0.7 * MAX_RENDERED_BYTES


def test_a_long_text_of_the_data_is_printed_whole() -> None:
    text = "<p>" * (MAX_RENDERED_BYTES // 3)
    assert render(Content(subject="s", body="{{ t|safe }}", text="{{ t }}"), "email", {"t": text}).body == text
    assert sms("{{ t|truncate(9, true, '') }}{{ t|striptags|length }}", t=text[:MAX_APART]) == "<p><p><p>1"


def test_a_value_may_be_as_wide_as_a_line() -> None:
    assert sms("{{ 'x'.rjust(w) }}", w=MAX_WIDTH) == "x".rjust(MAX_WIDTH)
    assert "pads" in fault("{{ 'x'.rjust(w) }}", w=MAX_WIDTH + 1).message


# -- whatever the template ---------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["x", "n", "rows", "text", "l", "m", "i", "ns", "ns.x", "ns.l", "f", "loop"])
CONSTANTS = st.sampled_from(
    ["0", "2", "-1", "99999", "1000000000", "0.5", "'a'", "'%s'", "'{0}'", "''", "none", "true"]
)
ARGUMENTS = st.sampled_from(
    ["", "(x)", "(9)", "(text)", "(rows)", "(1, l)", "('upper')", "(attribute='0.0')", "(l, true)"]
)
METHODS = ["format", "join", "replace", "split", "strip", "ljust", "get", "items", "count", "upper", "encode", "title"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "<", "in", "and"]


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    filters = st.sampled_from([*sorted(FILTERS), "indent", "(each)"])
    tests = st.sampled_from(sorted(name for name in TESTS if name.isalpha()))
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("{}|{}{}".format, inner, filters, ARGUMENTS),
        st.builds("({} is {}{})".format, inner, tests, ARGUMENTS),
        st.builds("({}).{}({})".format, inner, st.sampled_from(METHODS), inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'a': {}, {}: 1}}".format, inner, inner),
        st.builds("({})[{}]".format, inner, st.sampled_from(["0", "-1", "1:", "::-1", "'upper'", "l"])),
        st.builds("range({})".format, inner),
        st.builds("m({}, {})".format, inner, inner),
    )


EXPRESSIONS = st.recursive(NAMES | CONSTANTS, _larger, max_leaves=6)


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% for i in {} %}}{}{{% endfor %}}".format, EXPRESSIONS, inner),
        st.builds("{{% for i in {} if i %}}{}{{% else %}}{}{{% endfor %}}".format, EXPRESSIONS, inner, inner),
        st.builds("{{% if {} %}}{}{{% endif %}}".format, EXPRESSIONS, inner),
        st.builds("{{% set l %}}{}{{% endset %}}".format, inner),
        st.builds("{{% macro m(l, x=1) %}}{}{{% endmacro %}}".format, inner),
        st.builds("{{% call m({}) %}}{}{{% endcall %}}".format, EXPRESSIONS, inner),
        st.builds("{{% filter {} %}}{}{{% endfilter %}}".format, st.sampled_from(["upper", "list", "title"]), inner),
    )


STATEMENTS = st.recursive(
    st.one_of(
        st.builds("{{{{ {} }}}}".format, EXPRESSIONS),
        st.builds("{{% set {} = {} %}}".format, st.sampled_from(["l", "x", "ns.x", "ns.l"]), EXPRESSIONS),
        st.just("{% set l = [l, l] %}{% set ns.l = [ns.l, l] %}{% set ns.x = ns.x ~ ns.x %}"),
    ),
    _longer,
    max_leaves=8,
)


@pytest.mark.usefixtures("untraced")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # Python's own on `1[0]`
@settings(deadline=None, max_examples=50)
@given(STATEMENTS)
def test_whatever_a_template_does_it_ends_soon_with_a_text_or_a_fault(source: str) -> None:
    prelude = (
        NAMESPACE + "{% set l = [1] %}{% macro m(a, b=1) %}{{ a }}{{ caller() if caller is defined }}{% endmacro %}"
    )
    source = prelude + "{% for _ in range(30) %}" + source + "{% endfor %}"
    found: list[Fault] = []
    assert calls(lambda: found.extend(faults(source))) < MOST_CALLS
    assert {each.field for each in found} <= {"body"}
    assert megabytes(source) < 20
