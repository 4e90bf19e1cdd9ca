"""A number beside what it must be and what it should reach."""

from msgspec import Struct


class Measure(Struct, frozen=True, kw_only=True):
    """One number of the table."""

    what: str
    value: float
    unit: str = ""
    must: float
    reach: float
    is_floor: bool = False
    """Whether more is better."""
    about: str = ""

    def holds(self, bound: float) -> bool:
        """Whether the number is on the right side of a bound; one that was not measured is not."""
        return self.value >= bound if self.is_floor else self.value <= bound

    @property
    def verdict(self) -> str:
        """`reach`, `must`, or `MISSED`."""
        if self.holds(self.reach):
            return "reach"
        return "must" if self.holds(self.must) else "MISSED"


def line(measure: Measure) -> str:
    """Print one number with its bounds."""
    sign = ">=" if measure.is_floor else "<="
    value = f"{measure.value:.4g} {measure.unit}".strip()
    bounds = f"must {sign} {measure.must:g}, reach {sign} {measure.reach:g}"
    return f"{measure.verdict:7}{measure.what:52}{value:>10}   {bounds:30}{measure.about}"
