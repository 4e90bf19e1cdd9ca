"""The HTTP APIs that are spoken: two functions each, bytes in and bytes out."""
