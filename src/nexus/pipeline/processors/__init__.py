"""Steps between decoder and store, each `(tenant, batch) -> batch`; `nexus.components` lists the ones in use."""
