"""One loaded bundle, and the proof that it answers as its author meant."""
