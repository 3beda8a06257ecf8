"""How the stand-in for Coder's provider compares a template with what is there."""

from local.providers.coderd_template_values import same


def test_a_set_is_the_same_in_whatever_order_its_keys_arrive() -> None:
    """A protobuf map has no order: the keys of two variables come in one or the other."""
    given = [{"name": "a", "value": "2"}, {"name": "b", "value": "1"}]
    arrived = [{"name": "b", "value": "1"}, {"value": "2", "name": "a"}]
    assert same({"tfVars": given}, {"tfVars": arrived})
    assert same([{"tfVars": given}], [{"tfVars": arrived}], "versions")
    assert not same({"tfVars": given}, {"tfVars": [{"value": "3", "name": "a"}, given[1]]})
