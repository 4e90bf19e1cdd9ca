"""Bundles: strict manifests, safe archives, golden samples. Formats only; nothing here runs a model."""
