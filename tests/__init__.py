"""The tests of Andon: unit mirrors src, attacks holds hostile bundles, behaviour runs real processes."""
