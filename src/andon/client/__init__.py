"""Ask a running service over HTTP: `Client` and `AsyncClient`, which share all that is no I/O."""
