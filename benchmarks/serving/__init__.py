"""Model servers side by side, and what a running `andon serve` holds: `scripts/bench serving`."""
