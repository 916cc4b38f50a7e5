"""The audit log: a chain of records under signed checkpoints, verified, forwarded."""
