"""What several tests need, each thing once; the first line of a file says which."""
