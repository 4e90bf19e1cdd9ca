"""Nodes of a quantised graph come back as they were."""

import numpy as np
import onnxruntime

from andon.build.optimize.restore import name_nodes, quantised_nodes, restore
from tests.support.bundles import colour_graph
from tests.support.quantised import LAYER, original, quantised


def answer(data: bytes) -> np.ndarray:
    """Run a graph on three noisy images."""
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": images})
    return np.asarray(found)


def test_the_nodes_that_are_quantised_are_found() -> None:
    """Only the linear layer takes other inputs than before."""
    assert quantised_nodes(quantised(), original()) == [LAYER]
    assert quantised_nodes(original(), original()) == []


def test_nodes_without_names_get_their_own() -> None:
    """They are named after their first output, those of one name too."""
    model = original()
    model.graph.node[0].name = model.graph.node[1].name = "same"
    name_nodes(model)
    assert [node.name for node in model.graph.node][:3] == ["same", "Mul:scaled", "Sub:centred"]


def test_a_graph_with_all_nodes_restored_answers_as_in_floats() -> None:
    """To the last bit, and nothing of the 8 bits is left in it."""
    back = restore(quantised(0.5), original(), [LAYER])
    assert np.array_equal(answer(back), answer(colour_graph()))
    assert b"QuantizeLinear" not in back
    assert b"whole" not in back


def test_a_graph_with_no_node_restored_stays_in_8_bits() -> None:
    """It answers as the quantised one, which is not as in floats; neither argument is changed."""
    coarse, floats = quantised(0.5), original()
    before = coarse.SerializeToString(), floats.SerializeToString()
    same = restore(coarse, floats, [])
    assert np.array_equal(answer(same), answer(coarse.SerializeToString()))
    assert not np.allclose(answer(same), answer(colour_graph()))
    assert (coarse.SerializeToString(), floats.SerializeToString()) == before


def test_equal_arguments_give_equal_bytes() -> None:
    """So bundles of the same work are the same."""
    assert restore(quantised(), original(), [LAYER]) == restore(quantised(), original(), [LAYER])
