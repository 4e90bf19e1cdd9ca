"""What several tests need: a small real bundle made without torch."""
