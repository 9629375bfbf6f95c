from policies.catalogue import CATALOGUE, catalogue
from policies.pack import ALL_RULES


def test_the_catalogue_in_docs_is_what_the_rules_say() -> None:
    assert CATALOGUE.read_text() == catalogue(), "run `python -m policies.catalogue` and commit docs/policies.md"


def test_each_rule_tells_a_reviewer_all_there_is_to_know() -> None:
    names = [rule.name for rule in ALL_RULES]
    assert len(set(names)) == len(names)
    for rule in ALL_RULES:
        assert rule.reference.url.startswith("https://docs.aws.amazon.com/")
        for text in (rule.summary, rule.unknowns, rule.why, rule.fix):
            assert text.endswith("."), f"{rule.name}: {text!r} is not a sentence"
