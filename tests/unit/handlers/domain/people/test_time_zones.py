"""The time zones that there are, and those that people choose from."""

from handlers.domain.people.time_zones import by_region, is_time_zone


def test_people_choose_from_the_zones_of_places_in_order() -> None:
    zones = by_region()
    assert "Asia/Shanghai" in zones["Asia"]
    assert "America/Argentina/Buenos_Aires" in zones["America"]
    for region, names in zones.items():
        assert list(names) == sorted(names), region
        assert all(is_time_zone(name) and name.startswith(f"{region}/") for name in names), region
    assert all(zones.values())
