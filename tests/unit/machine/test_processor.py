"""The processor is named as the kernel names it."""

from andon.machine.processor import name_in, processor_name


def test_the_name_is_found_in_what_the_kernel_tells() -> None:
    """The first of them; a line that only looks alike is not one, and no line gives no name."""
    text = "vendor_id\t: x\nmodel\t\t: 2\nmodel name\t: Chip 3 @ 2 GHz: fast\nmodel name\t: other\n"
    assert name_in(text) == "Chip 3 @ 2 GHz: fast"
    assert name_in("processor\t: 0\nmodel\t: 2\n") == ""
    assert name_in("flags : model name") == ""


def test_this_machine_has_a_name() -> None:
    """At least the kind of its processor."""
    assert processor_name()
