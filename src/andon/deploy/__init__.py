"""Targets: each writes a folder that runs as it is, and checks one."""
