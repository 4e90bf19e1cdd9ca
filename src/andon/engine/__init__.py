"""What runs models for many callers: a queue with priorities and deadlines, and exactly one answer each."""
