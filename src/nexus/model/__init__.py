"""Pure data of the field: time, sizes, tenants, severities, batches. Imports nothing of ours but `errors`."""
