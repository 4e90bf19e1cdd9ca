"""Tests of the reasons why an export stopped."""

import pytest
import torch

from andon.build.explain_export import explain_conversion, explain_tracing, other_forms
from andon.errors import PackError


def _divide(number: int) -> float:
    return 1 / number


def test_the_line_of_the_author_is_named() -> None:
    """The innermost that is neither torch's nor ours."""
    with pytest.raises(ZeroDivisionError) as caught:
        _divide(0)
    found = explain_tracing(caught.value)
    assert found.code == "pack.export"
    assert "1 / number" in found.where
    assert "eager" in found.hint


def test_an_error_of_ours_stays_what_it_is() -> None:
    """It says already what is wrong."""
    error = PackError("no scores", code="pack.model")
    assert explain_tracing(error) is error


def test_the_operator_that_has_no_form_is_named() -> None:
    """The exporter holds the node while it raises; its stack trace has the author's line."""
    graph = torch.fx.Graph()
    node = graph.call_function(torch.ops.aten.sin.default, (graph.placeholder("x"),))
    node.stack_trace = 'File "/home/me/train.py", line 3, in forward\n  return x.sin()'

    def translate(node: torch.fx.Node) -> None:
        raise ValueError(f"no translation of {node}")

    def convert() -> None:
        try:
            translate(node)
        except ValueError as error:
            raise RuntimeError("conversion failed") from error

    with pytest.raises(RuntimeError) as caught:
        convert()
    found = explain_conversion(caught.value)
    assert "aten::sin" in found.message
    assert found.where.startswith("/home/me/train.py, line 3")
    assert "pt2" in found.hint


def test_without_a_node_the_librarys_reason_is_told() -> None:
    """Its first line."""
    assert "first" in explain_conversion(ValueError("first\nsecond")).message


def test_the_hint_names_what_is_possible_and_what_it_costs() -> None:
    """A factory only where it is needed."""
    assert 'artifacts=["torchscript"]' in other_forms("torchscript")
    assert "factory" not in other_forms("torchscript")
    assert "factory" in other_forms("pt2", "eager")
    assert "trusted" in other_forms("pt2")
