"""A Jinja2 sandbox in which a template can neither leave its data nor take the time and memory of other messages.

Jinja's own sandbox sees to the former (https://jinja.palletsprojects.com/en/stable/sandbox/). For the latter every
render has a `Budget`, kept in `budget`, and one rule: **whatever a template makes is paid for by its size, so nothing
that exists in a render is large.** A text costs its characters. A list or dict may not hold more than a text may,
counted at every depth and as often as it holds it: a list of itself twice, and so on, would be small to make and
endless to print. What a filter yields item by item becomes a list at once. As nothing is large, every operation that
makes no more than it reads is short, and is a step. Those that make more are checked before they begin, or are not
available.

`metering` keeps the accounts in loops, literals, slices, comparisons and `~`, for which compiled code calls nobody; the
`environment` keeps them in what it is asked for: calls, operators, lookups, and what is printed. What a template may
use is in `filters` and `functions`; `checks` refuse what makes much out of little; `printing` says what a value is in
print. `parsing` looks at a source before there are data, and `paths` names its expressions in errors.
"""
