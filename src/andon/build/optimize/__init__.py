"""A bundle becomes a faster one: candidates are made, measured on this machine and held to the bundle's own answers."""
