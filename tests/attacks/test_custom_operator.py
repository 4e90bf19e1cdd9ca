"""
Attack: the artifact uses an operator of its own domain, whose library would be loaded to run it.

Defence: no library of operators is ever registered, so the runtime refuses the graph.
"""

import onnx
import pytest

import andon
from andon.errors import RuntimeFault
from tests.attacks.support import GRAPH, Contents, Lay, redeclared
from tests.support.bundles import colour_graph


@pytest.mark.parametrize("domain", ["evil.ops", "com.microsoft", "ai.onnx.contrib", ""])
@pytest.mark.parametrize("operator", ["Evil", "PyOp", "PythonOp"])
def test_an_unknown_operator_is_refused(operator: str, domain: str, contents: Contents, lay: Lay) -> None:
    """An operator that ONNX Runtime does not bring itself does not load, in a domain of its own or in a known one."""
    model = onnx.load_from_string(colour_graph())
    model.graph.node[0].op_type = operator
    model.graph.node[0].domain = domain
    if domain:
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    with pytest.raises(RuntimeFault) as caught:
        andon.load(lay(redeclared(contents, {GRAPH: model.SerializeToString()})))
    assert caught.value.code == "runtime.load"
    assert GRAPH in caught.value.where
