"""The pages that recipients see: plain HTML that works without scripts, in light and dark, and by keyboard.

They show categories, channels and choices; no name and no address, as a link may have been passed on.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment

from handlers.domain.channels import Channel
from handlers.domain.notifications.deliveries import Delivery
from handlers.services.tracking import Told

CHANNEL_NAMES: Final[Mapping[Channel, str]] = {"email": "email", "sms": "SMS", "push": "push", "chat": "chat"}

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of the page is all that it takes to change the settings
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_LAYOUT: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{% endblock %}</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --accent: #2457c5; }
@media (prefers-color-scheme: dark) { :root { --accent: #8fb1ff; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.done { border-left: .25rem solid var(--accent); padding: .5rem 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .55rem .4rem; border-bottom: 1px solid var(--line); text-align: center; }
th:first-child { text-align: left; }
tbody th { font-weight: normal; }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; accent-color: var(--accent); }
input[type=time] { font: inherit; padding: .2rem .4rem; }
button { font: inherit; padding: .6rem 1.2rem; border: 1px solid var(--accent); border-radius: .4rem;
  background: none; color: var(--accent); cursor: pointer; }
button:hover, button:focus-visible { background: var(--accent); color: Canvas; }
small { opacity: .75; }
</style>
</head>
<body>
{% block body %}{% endblock %}
</body>
</html>
"""

_SETTINGS: Final = """{% extends layout %}
{% block title %}Your notifications{% endblock %}
{% block body %}
{% if told.is_always_sent %}
<h1>“{{ told.delivery.category }}” notifications are always sent</h1>
{% if saved %}<p class="done" role="status">Your choices are saved.</p>{% endif %}
<p>Notifications of this category cannot be switched off.</p>
{% elif told.wanted %}
<h1>You receive “{{ told.delivery.category }}” notifications by {{ names[told.delivery.channel] }}</h1>
{% if saved %}<p class="done" role="status">Your choices are saved.</p>{% endif %}
<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe from these</button></form>
{% else %}
<h1>You are unsubscribed</h1>
<p class="done" role="status">No more “{{ told.delivery.category }}” notifications will be sent to you by
{{ names[told.delivery.channel] }}.</p>
{% endif %}
<h2>Everything you can choose</h2>
<form method="post">
<table>
<thead><tr><th scope="col">Category</th>
{% for channel in channels %}<th scope="col">{{ names[channel][0] | upper }}{{ names[channel][1:] }}</th>
{% endfor %}</tr></thead>
<tbody>
{% for category in categories %}<tr><th scope="row">{{ category }}</th>
{% for channel in channels %}<td><input type="checkbox" name="wanted" value="{{ category }}/{{ channel }}"
 aria-label="{{ category }} by {{ names[channel] }}{% if category in critical %}, always sent{% endif %}"
{%- if category in critical %} checked disabled{% elif told.settings.allow(category, channel) %} checked{% endif %}>\
</td>{% endfor %}</tr>
{% endfor %}</tbody>
</table>
{% if critical %}<p><small>What is ticked and cannot be changed is always sent.</small></p>{% endif %}
{% if told.is_user %}
<h2 id="quiet">Quiet hours</h2>
{% if mistaken %}<p class="done" role="alert">Nothing is saved yet: enter two different times, or leave both empty.</p>
{% endif %}
<p><label>from <input type="time" name="start" value="{{ quiet.start }}"></label>
<label>until <input type="time" name="end" value="{{ quiet.end }}"></label><br>
<small>By the clock of your own time zone. Leave both empty to be notified at any time.</small></p>
{% endif %}
<p><button name="save" value="yes">Save</button></p>
</form>
{% endblock %}
"""

_PROBLEM: Final = """{% extends layout %}
{% block title %}{{ title }}{% endblock %}
{% block body %}<h1>{{ title }}</h1><p>{{ text }}</p>{% endblock %}
"""

_environment: Final = Environment(autoescape=True)
_layout, _settings, _problem = (_environment.from_string(each) for each in (_LAYOUT, _SETTINGS, _PROBLEM))


@dataclass(frozen=True, slots=True)
class Times:
    """Quiet hours as a form has them, `22:00`; empty where nothing was entered."""

    start: str = ""
    end: str = ""


def shown_categories(delivery: Delivery, categories: Iterable[str]) -> list[str]:
    """Return the categories that the page lets choose: all there are, and the delivery's, which may be gone."""
    return sorted({*categories, delivery.category})


def shown_channels(told: Told, channels: Sequence[Channel]) -> Sequence[Channel]:
    """Return the channels that the page lets choose: whoever is no user has one alone."""
    return channels if told.is_user else [told.delivery.channel]


def settings_page(
    told: Told,
    categories: Iterable[str],
    critical: AbstractSet[str],
    channels: Sequence[Channel],
    *,
    saved: bool = False,
    mistaken: Times | None = None,
) -> str:
    """Return the page of a delivery's recipient, critical categories as always on.

    Whoever is no user has no quiet hours. `mistaken` ones are shown as they were entered, with what is wrong.
    """
    quiet = told.settings.quiet_hours
    kept = Times(f"{quiet.start:%H:%M}", f"{quiet.end:%H:%M}") if quiet else Times()
    return _settings.render(
        layout=_layout,
        told=told,
        categories=shown_categories(told.delivery, categories),
        critical=critical,
        channels=shown_channels(told, channels),
        names=CHANNEL_NAMES,
        quiet=kept if mistaken is None else mistaken,
        mistaken=mistaken is not None,
        saved=saved,
    )


def problem_page(title: str, text: str) -> str:
    """Return a page that says what is wrong."""
    return _problem.render(layout=_layout, title=title, text=text)
