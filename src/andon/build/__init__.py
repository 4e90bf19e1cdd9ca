"""Making bundles: weights, export, comparison with the author's own code."""
