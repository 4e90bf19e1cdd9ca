"""What is known of the machine."""

import platform

from andon.bench.facts import read_facts


def test_this_machine_is_described() -> None:
    """With what a reader needs to believe a number, read from this system."""
    facts = read_facts()
    assert facts.cores >= 1
    assert facts.python == platform.python_version()
    assert {"numpy", "onnxruntime", "uvloop"} <= facts.libraries.keys()


def test_the_processor_is_that_of_the_kernel() -> None:
    """Where it tells none there is still a word."""
    assert read_facts({"/proc/cpuinfo": "model name\t: Abacus 9\n"}.get).processor == "Abacus 9"
    assert read_facts(lambda _path: None).processor
