"""The pages that recipients see: plain HTML that works without scripts, in light and dark, and by keyboard.

They show categories, channels and choices; no name and no address, as a link may have been passed on.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from handlers.config import Category, Look
from handlers.domain.channels import REGISTRY, Channel
from handlers.domain.people.time_zones import UTC, by_region
from handlers.domain.security_headers import SECURITY_HEADERS
from handlers.entrypoints.page_texts import CHANNELS, DEFAULT, REGIONS, TEXTS
from handlers.services.tracking import Told

_STYLE: Final = """
:root { color-scheme: light dark; --brand: BRAND; --on-brand: ON_BRAND;
  --line: color-mix(in srgb, CanvasText 16%, Canvas); --soft: color-mix(in srgb, CanvasText 68%, Canvas);
  --page: color-mix(in srgb, CanvasText 4%, Canvas); --off: color-mix(in srgb, CanvasText 55%, Canvas); }
* { box-sizing: border-box; }
body { background: var(--page); color: CanvasText; font: 1rem/1.5 system-ui, sans-serif; margin: 0;
  border-top: .375rem solid var(--brand); }
header, main, nav { max-width: 44rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.25rem; font-weight: 600; display: flex; align-items: center; gap: .6rem; }
header::before { content: ""; width: .85rem; height: .85rem; border-radius: 50%; background: var(--brand);
  border: 1px solid var(--line); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1.5rem 0 .75rem; text-wrap: balance; }
h1:lang(zh) { word-break: keep-all; overflow-wrap: anywhere; }
h2, h3 { font-size: 1rem; line-height: 1.4; margin: 0; }
h2.all { font-size: 1.15rem; margin: 2.25rem 0 .75rem; }
p { margin: .25rem 0 1rem; text-wrap: pretty; }
.done { border-left: .25rem solid var(--brand); padding: .5rem 1rem; background: Canvas; }
.done[role=alert] { border-color: #d13438; }
.card { background: Canvas; border: 1px solid var(--line); border-radius: .6rem; }
.row, .times { padding: .9rem 1rem; display: grid; gap: .6rem 1.5rem; }
.row + .row { border-top: 1px solid var(--line); }
.row p, .times p { margin: 0; color: var(--soft); font-size: .9rem; }
.switches { display: grid; grid-template-columns: 1fr 1fr; gap: .35rem 1.25rem; align-items: center; }
.switches label { display: flex; align-items: center; gap: .5rem; min-height: 2.25rem; cursor: pointer; }
.always { font-size: .85rem; color: var(--soft); border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem;
  grid-column: 1 / -1; justify-self: start; }
input[type=checkbox] { appearance: none; position: relative; flex: none; width: 2.4rem; height: 1.4rem; margin: 0;
  border-radius: 1rem; background: var(--off); cursor: inherit; }
input[type=checkbox]::before { content: ""; position: absolute; top: .2rem; left: .2rem; width: 1rem; height: 1rem;
  border-radius: 50%; background: Canvas; }
input[type=checkbox]:checked { background: var(--brand); outline: 1px solid var(--line); }
input[type=checkbox]:checked::before { left: 1.2rem; background: var(--on-brand); }
input[type=checkbox]:disabled { opacity: .55; }
input:focus-visible, select:focus-visible, button:focus-visible, a:focus-visible {
  outline: .2rem solid CanvasText; outline-offset: .15rem; }
@media (forced-colors: active) { input[type=checkbox] { appearance: auto; width: 1.3rem; }
  input[type=checkbox]::before { content: none; } }
input[type=time], select { font: inherit; padding: .4rem .6rem; border: 1px solid var(--off); border-radius: .4rem;
  background: Canvas; color: CanvasText; min-width: 0; }
.times { margin: 1rem 0; }
.times div + div { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem 1.25rem; }
.times label { display: grid; align-items: center; gap: .25rem .5rem; }
.times .zone { grid-column: 1 / -1; }
#zone-why::first-letter { text-transform: uppercase; }
select { width: 100%; min-height: 2.5rem; }
[aria-invalid=true] { border-color: #d13438; outline: 1px solid #d13438; }
button { font: inherit; font-weight: 600; padding: .65rem 1.4rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--brand); color: var(--on-brand); cursor: pointer; }
button.plain { background: Canvas; color: CanvasText; border-color: var(--off); }
a { color: inherit; }
nav { padding-top: 1.5rem; padding-bottom: 2rem; display: flex; gap: 1.25rem; font-size: .9rem; color: var(--soft); }
@media (max-width: 26rem) { main > form > button, form > p > button { width: 100%; } }
@media (min-width: 40rem) { header { padding-top: 2rem; } .switches { display: flex; flex-wrap: wrap; }
  .times label { grid-template-columns: auto 1fr; }
  .row, .times { grid-template-columns: 1fr auto; align-items: center; } }
"""

_LAYOUT: Final = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{% endblock %}{% if brand %} – {{ brand }}{% endif %}</title>
<style>{{ style }}</style>
</head>
<body>
{% if brand %}<header>{{ brand }}</header>{% endif %}
<main>{% block body %}{% endblock %}</main>
<nav aria-label="{{ t.languages }}">{% for tag, texts in languages.items() %}
{% if tag == language %}<span aria-current="true">{{ texts.language }}</span>
{%- else %}<a href="?lang={{ tag }}" lang="{{ tag }}" hreflang="{{ tag }}">{{ texts.language }}</a>{% endif %}
{% endfor %}</nav>
</body>
</html>
"""

_SETTINGS: Final = """{% extends layout %}
{% block title %}{{ t.title }}{% endblock %}
{% block body %}
{% if mistakes %}
<h1>{{ t.mistaken }}</h1>
<p class="done" role="alert">{% for each in mistakes %}<a href="#{{ each }}">{{ t[each] }}</a>: {{ t[each ~ "_why"] }}\
{% if not loop.last %}<br>{% endif %}{% endfor %}</p>
{% elif told.is_always_sent %}
<h1>{{ t.always.format(category=category) }}</h1>
{% if saved %}<p class="done" role="status">{{ t.saved }}</p>{% endif %}
<p>{{ t.always_why }}</p>
{% elif told.wanted %}
<h1>{% for part in t.receives.split("|") %}{{ part.format(category=category, channel=channel) }}\
{% if not loop.last %}<wbr>{% endif %}{% endfor %}</h1>
{% if saved %}<p class="done" role="status">{{ t.saved }}</p>{% endif %}
<form method="post"><button name="List-Unsubscribe" value="One-Click">{{ t.unsubscribe }}</button></form>
{% else %}
<h1>{{ t.unsubscribed }}</h1>
<p class="done" role="status">{{ t.no_more.format(category=category, channel=channel) }}</p>
<form method="post"><button class="plain" name="again" value="yes">{{ t.resume }}</button></form>
{% endif %}
<h2 class="all">{{ t.all }}</h2>
<form method="post">
<div class="card">
{% for each in rows %}<div class="row" role="group" aria-labelledby="of-{{ loop.index }}">
<div><h3 id="of-{{ loop.index }}">{{ each.name }}</h3>{% if each.description %}<p>{{ each.description }}</p>{% endif %}\
</div>
<div class="switches">{% if each.is_critical %}<span class="always">{{ t.always_on }}</span>{% endif %}
{% for box in each.boxes %}<label><input type="checkbox" role="switch" name="wanted" value="{{ box.value }}"
{%- if box.is_on %} checked{% endif %}{% if each.is_critical %} disabled{% endif %}>{{ box.channel }}</label>
{%- if not each.is_critical %}<input type="hidden" name="shown" value="{{ box.value }}">{% endif %}
{% endfor %}</div>
</div>
{% endfor %}</div>
{% if told.is_user %}
<div class="card times" role="group" aria-labelledby="quiet">
<div><h3 id="quiet">{{ t.quiet }}</h3><p>{{ t.quiet_help }}\
{% if not told.has_contact %} {{ t.clock.format(zone=zone) }}{% endif %}</p></div>
<div><label>{{ t.from }} <input type="time" name="start" value="{{ quiet.start }}"></label>
<label>{{ t.until }} <input type="time" name="end" value="{{ quiet.end }}"></label>
{% if told.has_contact %}<label class="zone">{{ t.zone }} <select name="zone" id="zone"\
{% if "zone" in mistakes %} aria-invalid="true" aria-describedby="zone-why"{% endif %}>
<option value="{{ zone }}" selected>{{ zone }}{% if zone != "UTC" %}<option value="UTC">UTC{% endif %}
{{ zones }}</select></label>
{% if "zone" in mistakes %}<p class="zone" id="zone-why">{{ t.zone_why }}</p>{% endif %}
<input type="hidden" name="zone_shown" value="{{ kept_zone }}">{% endif %}</div>
</div>
{% endif %}
<p><button name="save" value="yes">{{ t.save }}</button></p>
</form>
{% endblock %}
"""

# An option ends where the next one begins, which is less to send: there are 500.
_ZONES: Final = """
{% for region, names in zones.items() %}<optgroup label="{{ called.get(region, region) }}">
{%- for name in names %}<option value="{{ name }}">{{ name.partition("/")[2].replace("_", " ") }}{% endfor %}</optgroup>
{% endfor %}"""

_PROBLEM: Final = """{% extends layout %}
{% block title %}{{ title }}{% endblock %}
{% block body %}<h1>{{ title }}</h1><p>{{ text }}</p>{% endblock %}
"""

_environment: Final = Environment(autoescape=True)
_layout, _settings, _zones, _problem = (
    _environment.from_string(each) for each in (_LAYOUT, _SETTINGS, _ZONES, _PROBLEM)
)


@dataclass(frozen=True, slots=True)
class Times:
    """Quiet hours as a form has them, `22:00`; empty where nothing was entered."""

    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """What a form has that is not saved, as it is mistaken: in its `quiet` hours, its `zone`, or both.

    `zone` is None where it was left as it is.
    """

    times: Times
    zone: str | None = None
    mistakes: Sequence[str] = ("quiet",)


@dataclass(frozen=True, slots=True)
class _Box:
    """A switch: of a channel, as it is called; its value in the form is `<category>/<channel>`."""

    value: str
    channel: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """A category as it is shown."""

    name: str
    description: str
    is_critical: bool
    boxes: Sequence[_Box]


@dataclass(frozen=True)
class Pages:
    """The pages of an environment: of its categories and channels, in its looks."""

    categories: Mapping[str, Category]
    channels: Sequence[Channel]
    look: Look = field(default_factory=Look)

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers of every page."""
        # The browser applies this style and no other: https://www.w3.org/TR/CSP3/#match-element-to-source-list
        digest = b64encode(sha256(self._style.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
        return {
            **SECURITY_HEADERS,  # no referrer, as the address of the page is all that it takes to change the settings
            "Content-Security-Policy": f"{policy}frame-ancestors 'none'",
            "X-Robots-Tag": "noindex",
        }

    @cached_property
    def _style(self) -> Markup:
        colour = self.look.brand.colour
        style = _STYLE.replace("ON_BRAND", _readable_on(colour)).replace("BRAND", colour)
        return Markup(style)  # noqa: S704 - it is the constant above, and a colour that was checked

    def shown_categories(self, told: Told) -> list[str]:
        """Return the categories that the page lets choose: that of the delivery, which may be gone, and then others."""
        own = told.delivery.category
        return [own, *(name for name in self.categories if name != own and name not in self.look.hidden)]

    def possible_channels(self, told: Told) -> Sequence[Channel]:
        """Return the channels that may be on the page: whoever is no user has one alone."""
        return self.channels if told.is_user else [told.delivery.channel]

    def settings(
        self,
        told: Told,
        critical: AbstractSet[str],
        language: str = DEFAULT,
        *,
        saved: bool = False,
        entered: Entered | None = None,
    ) -> str:
        """Return the page of a delivery's recipient, critical categories as always on.

        Whoever is no user has no quiet hours, and who has no contact no time zone to choose. What was `entered` by
        mistake is shown as it was, with what is wrong at the top, where it is seen, instead of whether the delivery's
        category is received: that follows from what is saved.
        """
        quiet = told.settings.quiet_hours
        kept = Times(f"{quiet.start:%H:%M}", f"{quiet.end:%H:%M}") if quiet else Times()
        kept_zone = told.timezone or UTC
        return _settings.render(
            **self._common(language),
            told=told,
            category=self._described(told.delivery.category, language)[0],
            channel=_called(told.delivery.channel, language),
            rows=[self._row(told, name, language, name in critical) for name in self.shown_categories(told)],
            quiet=kept if entered is None else entered.times,
            zone=(None if entered is None else entered.zone) or kept_zone,
            kept_zone=kept_zone,
            zones=_options(language) if told.has_contact else "",
            mistakes=() if entered is None else entered.mistakes,
            saved=saved,
        )

    def problem(self, language: str, what: str, why: str) -> str:
        """Return a page that says what is wrong, by the names of two texts."""
        texts = TEXTS[language]
        return _problem.render(**self._common(language), title=texts[what], text=texts[why])

    def _common(self, language: str) -> dict[str, object]:
        return {
            "layout": _layout,
            "style": self._style,
            "brand": self.look.brand.name,
            "language": language,
            "languages": TEXTS,
            "t": TEXTS[language],
        }

    def _row(self, told: Told, category: str, language: str, is_critical: bool) -> _Row:
        name, description = self._described(category, language)
        boxes = [
            _Box(
                f"{category}/{channel}",
                _capital(_called(channel, language)),
                is_critical or told.settings.allow(category, channel),
            )
            for channel in self._shown_channels(told, category)
        ]
        return _Row(name, description, is_critical, boxes)

    def _shown_channels(self, told: Told, category: str) -> list[Channel]:
        """Return those that the category has, and those on which a user is reached: a producer may name any of them."""
        usual = self.categories[category].channels if category in self.categories else ()
        used = {*usual, *told.reached_on, told.delivery.channel}
        return [channel for channel in self.possible_channels(told) if channel in used]

    def _described(self, category: str, language: str) -> tuple[str, str]:
        """Return the name and description, in another language rather than none, or a name made from its key."""
        display = self.look.display.get(category, {})
        made = _capital(category.replace("_", " ").replace("-", " ")), ""
        return display.get(language) or next(iter(display.values()), made)


@cache
def _options(language: str) -> Markup:
    """Return the time zones to choose from. What is chosen already, whatever that is, stands before them."""
    return Markup(_zones.render(zones=by_region(), called=REGIONS.get(language, {})))  # noqa: S704 - a template's own


def _called(channel: Channel, language: str) -> str:
    return CHANNELS.get(language, {}).get(channel, REGISTRY[channel].title)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _readable_on(colour: str) -> str:
    """Return black or white, whichever contrasts more with it: 4.5 to 1 at least, as WCAG 2.2 wants (1.4.3)."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    luminance = sum(
        part * (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4)
        for part, each in ((0.2126, red), (0.7152, green), (0.0722, blue))
    )
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"
