import pytest

from skerry.wire.tool_names import own_name


@pytest.mark.parametrize(
    ("tool", "own"),
    [("accounts___get_email", "get_email"), ("get_email", "get_email"), ("a-b___c_d", "c_d"), ("", "")],
)
def test_the_name_of_the_target_is_left_out(tool, own):
    assert own_name(tool) == own
