"""Andon inside other frameworks."""
