"""Images: encoded bytes to 8-bit pixels to what a graph takes, and raw outputs to scores."""
