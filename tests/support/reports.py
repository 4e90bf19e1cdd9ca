"""Made-up measurements, to be summarised, told and drawn."""

from typing import Any

from andon.bench.ledger import Count
from andon.bench.outcome import OK
from andon.bench.plan import LoadPlan
from andon.bench.records import Records
from andon.bench.report import Machine, Report, Target
from andon.bench.summary import Run, Setting, summarise

MACHINE = Machine(
    processor="Abacus 9",
    cores=4,
    load_before=0.1,
    system="Linux",
    python="3.11",
    andon="1",
    libraries={"numpy": "2"},
)
TARGET = Target(kind="service", address="http://x", model="parts", runtime="onnxruntime", precision="fp32")
COUNT = Count(sent=0, answered=0, failed=0, missing=0, doubled=0)


def setting(plan: LoadPlan, **fields: Any) -> Setting:
    """Give a setting around a plan."""
    around: dict[str, Any] = {"target": TARGET, "machine": MACHINE, "images": 3, "command": "andon bench run"}
    return Setting(began="2026-11-25T08:00:00+00:00", plan=plan, **{**around, **fields})


def records(count: int = 2000, *, errors: int = 0, seconds: float = 10.0) -> Records:
    """Take down requests spread over so many seconds: the n-th takes n / 100 ms; the last ones are errors."""
    made = Records()
    for number in range(count):
        due = seconds * number / count
        made.add(
            (due, due + 1e-4, due + (number + 1) * 1e-5),
            OK if number < count - errors else "429 engine.full",
            ("ok", "scratch")[number % 2],
            sizes=(1000, 100),
            stages_ms=(0.1, 1, 2, 3, 4, 0.2),
        )
    return made


def report(plan: LoadPlan | None = None, made: Records | None = None, **fields: Any) -> Report:
    """Summarise a made-up measurement."""
    used = plan or LoadPlan(connections=4, warm_up_s=0)
    table = (records() if made is None else made).table()
    run = {"count": COUNT, "ended_s": used.end_s, "cpu_s": 1.0}
    around = {name: fields.pop(name) for name in ("target", "machine", "images") if name in fields}
    return summarise(Run(table=table, **{**run, **fields}), setting(used, **around))
