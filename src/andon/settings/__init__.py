"""What can be set, with units, ranges and defaults; this decides nothing and reads nothing by itself."""
