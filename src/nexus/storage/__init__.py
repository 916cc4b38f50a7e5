"""Stores behind the contract in `storage.api`."""
