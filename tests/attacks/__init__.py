"""Hostile bundles: one file an attack, whose docstring says the attack and its defence."""
