"""How good a model is on labelled images, and where its doubt should begin: pure functions of scores and verdicts."""
