"""A picture of costs: one bar for each profile, stacked by service, with the floor below it. SVG, without a library."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader

from ops.cost.model import Cost

# Paul Tol's muted scheme, told apart by the colour-blind: https://personal.sron.nl/~pault/
_COLOURS: Final = (
    "#332288",
    "#ee8866",
    "#44aa99",
    "#88ccee",
    "#117733",
    "#ddcc77",
    "#cc6677",
    "#882255",
    "#999933",
    "#aa4499",
    "#7f8794",
)
_LEFT, _RIGHT, _BAR, _FLOOR = 150, 880, 26, 12


def svg(costs: Mapping[str, Cost], title: str, subtitle: str) -> str:
    """Return the picture. A dashed line is the profile's target."""
    services = [name for name in next(iter(costs.values())).lines if any(each.lines[name] for each in costs.values())]
    colours = dict(zip(services, _COLOURS, strict=False))
    most = max(max(each.total, each.profile.target_usd or 0) for each in costs.values())
    step = _step(most)
    scale = (_RIGHT - _LEFT) / most
    top = 70 + 22 * -(-len(services) // 5) + 24
    bars = []
    for place, (name, each) in enumerate(costs.items()):
        y = top + place * 66
        target = each.profile.target_usd
        bars.append(_bar(name, each.lines, y, _BAR, scale, colours, None if target is None else _LEFT + target * scale))
        bars.append(_bar("floor", each.floor, y + _BAR + 5, _FLOOR, scale, colours, None))
    ticks = [{"usd": f"{at * step:g}", "x": round(_LEFT + at * step * scale, 1)} for at in range(int(most / step) + 1)]
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template("picture.svg.j2").render(
        title=title,
        subtitle=subtitle,
        legend=colours.items(),
        bars=bars,
        ticks=ticks,
        top=top,
        left=_LEFT,
        height=top + 66 * len(costs) + 40,
    )


def _bar(
    name: str,
    lines: Mapping[str, float],
    y: int,
    height: int,
    scale: float,
    colours: Mapping[str, str],
    target: float | None,
) -> dict[str, object]:
    at, parts = float(_LEFT), []
    for service, colour in colours.items():
        width = lines[service] * scale
        parts.append(
            {
                "service": service,
                "usd": lines[service],
                "x": round(at, 1),
                "width": round(width, 1),
                "colour": colour,
            }
        )
        at += width
    return {
        "name": name,
        "y": y,
        "height": height,
        "middle": height // 2 + 5,
        "parts": [part for part in parts if part["width"]],
        "end": round(at, 1),
        "total": sum(lines.values()),
        "target": None if target is None else round(target, 1),
        "is_ours": height == _BAR,
    }


def _step(most: float) -> float:
    """Return a round distance between the lines of a scale, at most ten of them."""
    return next(step for step in (0.5, 1, 2, 5, 10, 20, 50, 100, 500, 1000) if most / step <= 10)
