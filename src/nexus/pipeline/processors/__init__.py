"""Processors: the catalogue of what they are called and take. The work is done in `crates/nexus-core/src/process`."""
