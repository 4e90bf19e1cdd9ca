"""HTTP without a server: pure codecs of bytes, and the status of each error."""
