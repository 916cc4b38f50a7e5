"""The ClickHouse store: the engine embedded in the process, its schema, one writer and one reader."""
