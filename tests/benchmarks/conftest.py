"""For these tests Python looks into the folder of the benchmarks, as in scripts/bench."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
