"""Measuring: bodies and load for a running service."""
