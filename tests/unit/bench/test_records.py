"""What is taken down of each request."""

import numpy as np

from andon.bench.outcome import OK, STAGES
from andon.bench.records import Records


def test_a_row_comes_out_as_it_went_in() -> None:
    """Times to the nanosecond, kinds and labels by name, sizes, and the stages where they are told."""
    records = Records()
    records.add((1.0, 1.5, 1.75), OK, "cat", sizes=(104_000, 900), stages_ms=[1, 2, 3, 4, 5, 6])
    records.add((2.0, 2.0, 2.000_000_001), "429 engine.full")
    table = records.table()
    assert len(records) == 2
    assert table.latency_ms.tolist() == [750.0, (2.000_000_001 - 2.0) * 1e3]
    assert [table.kinds[place] for place in table.kind] == [OK, "429 engine.full"]
    assert table.is_ok.tolist() == [True, False]
    assert ([table.labels[table.label[0]]], table.label[1]) == (["cat"], -1)
    assert (table.sent.tolist(), table.received.tolist()) == ([104_000, 0], [900, 0])
    assert table.stages_ms[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert np.isnan(table.stages_ms[1]).all()


def test_nothing_recorded_is_an_empty_table() -> None:
    """Of the same columns, so that nobody has to ask."""
    table = Records().table()
    assert table.stages_ms.shape == (0, len(STAGES))
    assert table.is_ok.shape == table.latency_ms.shape == (0,)
