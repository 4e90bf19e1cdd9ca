"""Runtimes: what executes an artifact. One module a library, one contract for all."""
