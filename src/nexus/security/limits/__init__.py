"""Rate limits and quotas: what can be limited, the buckets, and what is in force."""
