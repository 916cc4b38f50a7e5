"""The engine's generated configuration: memory caps, pools, storage policy, backup path. Pure text from options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from nexus.storage.clickhouse.options import MIB, StoreOptions

# Caches are bounded one by one; by default each of them may take gigabytes.
_CACHES: Final = {
    "mark_cache_size": 128 * MIB,
    "index_mark_cache_size": 64 * MIB,
    "primary_index_cache_size": 64 * MIB,
    "uncompressed_cache_size": 0,
    "index_uncompressed_cache_size": 32 * MIB,
    "query_condition_cache_size": 32 * MIB,
    "compiled_expression_cache_size": 16 * MIB,
    "vector_similarity_index_cache_size": MIB,
    "text_index_tokens_cache_size": MIB,
    "text_index_header_cache_size": MIB,
    "text_index_postings_cache_size": MIB,
    "iceberg_metadata_files_cache_size": MIB,
    "parquet_metadata_cache_size": MIB,
    "unique_key_index_cache_size_bytes": MIB,
    "page_cache_max_size": 0,
}

_SERVER: Final = {
    # Nothing reads these metrics: the default wakes up every second.
    "asynchronous_metrics_update_period_s": 3600,
    "memory_worker_period_ms": 1000,
    "dns_cache_update_period": 3600,
    "config_reload_interval_ms": 3_600_000,
    "background_schedule_pool_size": 2,
    "background_schedule_pool_initial_size": 2,
    "background_move_pool_size": 1,
    "background_fetches_pool_size": 1,
    "background_common_pool_size": 1,
    "max_thread_pool_size": 512,
    "max_thread_pool_free_size": 32,
    "max_io_thread_pool_free_size": 0,
    "max_format_parsing_thread_pool_free_size": 0,
    "backup_threads": 2,
    "restore_threads": 2,
    # Dropped tables are gone at once: only migrations drop any.
    "database_atomic_delay_before_drop_table_sec": 0,
    "max_table_size_to_drop": 0,
    "max_partition_size_to_drop": 0,
}

_MERGE_TREE: Final = {
    # What a merge costs is what it writes: each takes many parts of like size, so that a record is rewritten
    # less often. 2 M records in commits of 40 k: 1.9 M rewritten, 2.5 M with 16 parts and the default base of 5.
    "min_parts_to_merge_at_once": 24,
    "merge_selector_base": 12,
    # A day to which nothing is added for an hour gets tidy: its last small parts are merged, too.
    "min_partition_age_to_force_merge_seconds": 3600,
    # Inserts write one file instead of 60; merged parts are wide as usual. -40 % CPU per insert of 100 k records.
    "min_level_for_wide_part": 1,
    # Column by column from small merges on: row by row costs twice as much.
    "min_bytes_for_wide_part": MIB,
    "vertical_merge_algorithm_min_rows_to_activate": 16_384,
    # Nobody plans with them, and computing them takes 10 % of ingest; the same goes for the next two.
    "auto_statistics_types": "",
    "string_serialization_version": "single_stream",
    "ratio_of_defaults_for_sparse_serialization": 1.0,
    "old_parts_lifetime": 5,
    "merge_tree_clear_old_parts_interval_seconds": 1,
    "cleanup_delay_period": 5,
    "cleanup_delay_period_random_add": 0,
    "max_cleanup_delay_period": 5,
    "merge_with_ttl_timeout": 3600,
    "parts_to_delay_insert": 1000,
    "parts_to_throw_insert": 3000,
    "finished_mutations_to_keep": 100,
}

# The default codec: LZ4 for fresh parts (an insert does not know its size: 0), ZSTD once they are merged, for a fifth less
# CPU time of inserts (9 to 37 % in three runs) and -1 B a record, as it holds for every stream and index file.
_COMPRESSION: Final = (
    "  <compression><case><min_part_size>1</min_part_size><min_part_size_ratio>0</min_part_size_ratio>"
    "<method>zstd</method><level>1</level></case></compression>\n"
)

_MERGE_TREE_FSYNC: Final = {
    "fsync_after_insert": 1,
    "fsync_part_directory": 1,
    # The parts that a merge replaces are removed soon after it, so the merged one has to be on disk by then.
    "min_rows_to_fsync_after_merge": 1,
    "min_compressed_bytes_to_fsync_after_merge": 1,
}


def merge_threads() -> int:
    """Threads for background merges: one per CPU, 2 to 4."""
    return min(max(os.cpu_count() or 2, 2), 4)


def render(options: StoreOptions, data_dir: Path) -> str:
    """The whole config.xml. Paths are made from `data_dir`, which is absolute."""
    memory = options.engine_memory
    merge_tree = _MERGE_TREE | (_MERGE_TREE_FSYNC if options.fsync else {})
    server: dict[str, object] = {
        "path": f"{data_dir}/engine/",
        "tmp_path": f"{data_dir}/engine/tmp/",
        "user_files_path": f"{data_dir}/engine/user_files/",
        "format_schema_path": f"{data_dir}/engine/format_schemas/",
        "max_server_memory_usage": memory,
        "merges_mutations_memory_usage_soft_limit": memory // 2,
        "background_pool_size": merge_threads(),
        "background_merges_mutations_concurrency_ratio": 1,
        **{name: min(size, memory // 8) for name, size in _CACHES.items()},
        **({} if options.reader.condition_cache else {"query_condition_cache_size": 0}),
        **_SERVER,
    }
    return (
        "<clickhouse>\n"
        + "".join(_element(name, value) for name, value in server.items())
        + "  <merge_tree>\n"
        + "".join("  " + _element(name, value) for name, value in merge_tree.items())
        + "  </merge_tree>\n"
        + _COMPRESSION
        + "  <storage_configuration>\n"
        + f"    <disks><hot><type>local</type><path>{escape(str(data_dir))}/hot/</path></hot></disks>\n"
        + "    <policies><nexus><volumes><hot><disk>hot</disk></hot></volumes></nexus></policies>\n"
        + "  </storage_configuration>\n"
        + f"  <backups><allowed_path>{escape(str(data_dir))}/backups/</allowed_path></backups>\n"
        + "</clickhouse>\n"
    )


def _element(name: str, value: object) -> str:
    return f"  <{name}>{escape(str(value))}</{name}>\n"
