"""The native module (crates/nexus-python). Bodies are decoded and batches encoded without the GIL.

Times are nanoseconds since the Unix epoch. A fault inside the module is a `RuntimeError`, never an abort.
"""

from typing import final

class DecodeError(ValueError):
    """The whole body cannot be decoded; the message says what was found, where, and what was expected."""

class UnknownEncoding(ValueError):
    """The content encoding is not known."""

class BadEncoding(ValueError):
    """The body is not what its encoding says, is truncated, or something follows it."""

class TooLarge(ValueError):
    """The body is larger than the limit after decompression."""

@final
class LogBatch:
    """Log records of one tenant in columns; immutable."""

    @property
    def num_rows(self) -> int: ...
    @property
    def num_bytes(self) -> int:
        """Bytes held in memory."""

    def __len__(self) -> int: ...
    def days(self) -> list[tuple[int, int]]:
        """(UTC day since the epoch, rows), by day; at most 366 days."""

    def services(self) -> list[tuple[str, int, int]]:
        """(service, rows, bytes of bodies, attribute keys and attribute values), by service."""

    def attribute_stats(self) -> list[tuple[str, str, int, int]]:
        """(key, type letter s, i, f, b or j, rows, distinct values among up to 1,000). Distinct values of JSON are
        not counted."""

    @staticmethod
    def concat(batches: list[LogBatch]) -> LogBatch:
        """The rows of several batches of one tenant as one batch. It pays when they are small: at 200 rows each, one
        sorted block halves the CPU of encoding and inserting; from 2,000 rows on it makes no difference. Raises ValueError
        when a column would exceed 2 GiB."""

    def take(self, mask: bytes) -> LogBatch:
        """The records that `mask` marks: one byte a record, 0 leaves it out. Raises ValueError on another length."""

    def to_ipc(self) -> bytes:
        """The Arrow envelope, version 1, as an IPC stream."""

    @staticmethod
    def from_ipc(data: bytes) -> LogBatch:
        """A batch from an envelope. Raises `DecodeError`."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """The envelope as a struct array (Arrow PyCapsule interface)."""

@final
class Decoded:
    """A decoded body: the accepted records, and what was wrong with the others."""

    @property
    def batch(self) -> LogBatch: ...
    @property
    def accepted(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def errors(self) -> list[tuple[int, str]]:
        """(line or record number from 1, message) of the first 100 rejected records."""

@final
class Pipelines:
    """Compiled pipelines of one tenant, with what their steps remember; usable from several threads."""

    def __init__(self, spec: bytes, previous: Pipelines | None = None) -> None:
        """Compile a list of `{name, when, steps: [{type, options, when, enabled}], enabled}` in JSON. `when` and options
        that are queries hold predicates as `encode_predicate` writes them. Steps that `previous` has, too, keep what they
        remember. Raises ValueError that names pipeline, step and option."""

    def fork(self, previous: Pipelines | None = None) -> Pipelines:
        """The same pipelines for another tenant: nothing is remembered in common."""

    @property
    def empty(self) -> bool:
        """No steps at all?"""

    def run(self, batch: LogBatch, *, now_ns: int, seed: int, delivery: int) -> Processed:
        """Process a batch. `seed` decides what is left to chance; `delivery` is different for each one under way."""

    def trace(self, batch: LogBatch, *, now_ns: int, seed: int) -> Traced:
        """Process a batch, noting what happens to each record; nothing is remembered. Slow."""

@final
class Processed:
    """A processed batch. `settle` it once it is known whether it was stored."""

    @property
    def batch(self) -> LogBatch:
        """The records that stay, in order."""

    @property
    def routed(self) -> list[tuple[str, LogBatch]]:
        """Records for other tenants."""

    def counts(self) -> list[tuple[str, int, str, int, int, int, int, list[tuple[str, int]], float]]:
        """(pipeline, step, type, records in, out, failed, routed, [(reason, dropped)], seconds) of each step that ran."""

    def settle(
        self, stored: bool
    ) -> list[tuple[str, str, str, list[float], list[tuple[list[tuple[str, str]], int, float, float, list[int]]]]]:
        """Make what steps remember of the batch final, or forget it. Returns derived metrics to count: (name, kind,
        description, bounds, [(labels, count, sum, last, by bucket)])."""

@final
class Traced:
    """A processed batch, with what happened to each record. Rows are those of the batch that came in."""

    @property
    def processed(self) -> Processed: ...
    @property
    def origins(self) -> list[int]:
        """Row of each record that stays."""

    @property
    def routed_origins(self) -> list[list[int]]:
        """Row of each record of each routed batch."""

    @property
    def changes(self) -> list[tuple[int, str, int, str, list[tuple[str, bytes | None, bytes | None]], str]]:
        """(row, pipeline, step, outcome, [(field, JSON before, JSON after)], message): `changed`, `dropped`, `routed` or
        `failed`."""

@final
class SkeletonMemory:
    """Which skeletons are common over all blocks of a store: 1 MiB, usable from several threads."""

    def __init__(self) -> None: ...

@final
class Filter:
    """A predicate of the plan over batches; finds what a search of the stored records would. Usable from several threads."""

    def __init__(self, encoded: bytes) -> None:
        """`encoded` is what `nexus.query.encode.encode_predicate` makes. Raises ValueError."""

    def count(self, batch: LogBatch | SpanBatch) -> int:
        """Number of records that match. Spans lack what only records have."""

    def matches(self, batch: LogBatch | SpanBatch) -> bytes:
        """One byte a record: 1 when it matches, else 0."""

    def split(self, batch: LogBatch) -> tuple[LogBatch, LogBatch]:
        """(records that match, the others)."""

class SyslogFramer:
    """Splits the TCP stream of one syslog sender into messages (RFC 6587), whichever framing it uses."""

    def __init__(self, source: str, max_message: int) -> None:
        """`source` is the sender's address; a longer message is cut to `max_message` bytes."""

    def feed(self, chunk: bytes) -> int:
        """Read a piece of the stream; returns the bytes of whole messages that wait to be taken."""

    def finish(self) -> None:
        """The stream has ended: what is left is a message."""

    def take(self) -> tuple[bytes, int, int]:
        """(body for `decode_syslog`, messages in it, how many of them were cut); bodies can be joined."""

@final
class ForwardStream:
    """Splits the TCP stream of one forward client into messages."""

    def __init__(self, max_message: int) -> None: ...
    def set_limit(self, max_message: int) -> None:
        """Messages from now on may have so many bytes."""

    def feed(self, chunk: bytes) -> None:
        """Read a piece of the stream. Raises ValueError when it is none of the protocol or a message is too large."""

    def take_strings(self) -> list[bytes] | None:
        """Take the first whole message as its strings (empty for other values); None when there is none. For the
        handshake. Raises ValueError when it is no array."""

    def take(self) -> list[tuple[bytes, bytes]]:
        """Take all whole messages as (body for `decode_forward`, chunk to acknowledge). Those that name no chunk come
        together, with an empty one."""

def decode_syslog(body: bytes, *, now_ns: int, zone: list[tuple[int, int]] = ..., charset: str = "utf-8") -> Decoded:
    """Decode syslog messages: framed as `SyslogFramer` has them, see `nexus-core/src/syslog/frames.rs`.

    `zone` holds for times without one: (Unix seconds from when on, offset in seconds east); empty is UTC. `charset`
    (utf-8, latin-1, windows-1252) is that of text which is no UTF-8. Only empty messages are rejected.
    """

def decode_forward(body: bytes, *, now_ns: int, limit: int) -> Decoded:
    """Decode messages of the forward protocol, end to end; compressed ones may have `limit` bytes after decompression."""

def decode_json_lines(
    body: bytes,
    *,
    now_ns: int,
    time_fields: list[str] | None = None,
    message_fields: list[str] | None = None,
    level_fields: list[str] | None = None,
    stream_fields: list[str] = ...,
    ignore_fields: list[str] = ...,
    extra_fields: dict[str, str] | None = None,
) -> Decoded:
    """Decode JSON lines, or one JSON array of objects.

    Field lists replace the defaults, best first. `stream_fields` become resource attributes; `ignore_fields` are left out
    (a trailing `*` means all that begin so); `extra_fields` are added to each record, over its own. Raises `DecodeError`.
    """

def decode_otlp_logs_protobuf(body: bytes, *, now_ns: int) -> Decoded:
    """Decode an `ExportLogsServiceRequest`. Raises `DecodeError`."""

def decode_otlp_logs_json(body: bytes, *, now_ns: int) -> Decoded:
    """Decode an `ExportLogsServiceRequest` in OTLP/JSON. Raises `DecodeError`."""

@final
class FieldMapping:
    """A sender's field mapping for the decoders of other protocols; the arguments of `decode_json_lines`."""

    def __init__(
        self,
        *,
        time_fields: list[str] | None = None,
        message_fields: list[str] | None = None,
        level_fields: list[str] | None = None,
        stream_fields: list[str] = ...,
        ignore_fields: list[str] = ...,
        extra_fields: dict[str, str] | None = None,
    ) -> None: ...

def decode_loki_protobuf(body: bytes, *, now_ns: int, mapping: FieldMapping) -> Decoded:
    """Decode Loki's `PushRequest`, without its snappy encoding. Raises `DecodeError`."""

def decode_loki_json(body: bytes, *, now_ns: int, mapping: FieldMapping) -> Decoded:
    """Decode Loki's push request in JSON. Raises `DecodeError`."""

def decode_splunk_events(
    body: bytes, *, now_ns: int, mapping: FieldMapping, defaults: dict[str, str] | None = None
) -> Decoded:
    """Decode concatenated events of Splunk's collector; `defaults` are fields of events that do not have them.

    Raises `DecodeError`. The same holds for the next two.
    """

def decode_splunk_raw(body: bytes, *, now_ns: int, mapping: FieldMapping, defaults: dict[str, str] | None = None) -> Decoded:
    """Decode lines of text, each an event of Splunk's collector."""

def decode_datadog(body: bytes, *, now_ns: int, mapping: FieldMapping, defaults: dict[str, str] | None = None) -> Decoded:
    """Decode a request of Datadog's logs intake: an array, objects, or lines of text."""

def decode_firehose(
    body: bytes, *, now_ns: int, mapping: FieldMapping, limit: int, common: dict[str, str] | None = None
) -> Decoded:
    """Decode a delivery of Amazon Data Firehose, of at most `limit` bytes unpacked; `common` are resource attributes.

    Errors count Firehose's records. Raises `DecodeError`.
    """

def decode_journald(body: bytes, *, now_ns: int, mapping: FieldMapping) -> Decoded:
    """Decode journald's export format. Raises `DecodeError`."""

@final
class BulkItems:
    """The items of an Elasticsearch bulk request, in order."""

    def __len__(self) -> int: ...
    def render(self, took_ms: int, *, compact: bool = False, busy: str | None = None) -> bytes:
        """The answer as JSON; `compact` has status and error only; `busy` is why good items answer 429."""

def decode_elasticsearch_bulk(
    body: bytes, *, now_ns: int, mapping: FieldMapping, index: str = ""
) -> tuple[Decoded, BulkItems]:
    """Decode an Elasticsearch bulk request; `index` is the one of its path. Raises `DecodeError` for a line that should be
    an action and is none."""

def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its encoding (gzip, deflate, zstd, snappy, identity), of at most `limit` bytes.

    Raises `UnknownEncoding`, `BadEncoding`, `TooLarge`.
    """

def encode_native(
    batch: LogBatch,
    *,
    tenant: str,
    commit_id: int,
    retention_days: int,
    now_ns: int,
    day: int | None = None,
    promoted: list[tuple[str, str, str, str]] = ...,
    skeletons: SkeletonMemory | None = None,
    retention: list[tuple[Filter, int]] = ...,
) -> tuple[bytes, int]:
    """One Native block of `nexus.logs` with all its columns, rows sorted as the table is (empty when it would have no rows),
    and how many of its rows have no skeleton.

    `day` (days since the epoch) takes the rows of that UTC day only. `promoted` are learned columns: (key, type letter s, i,
    f or b, column name, column type); their keys leave the maps. `retention` are rules: the first that matches a record says
    for how many days it is kept, `retention_days` for the others; 0 is for ever. Without `skeletons`, the
    common ones are counted within this block. Raises ValueError on a column type that does not fit its letter.
    """

def render_records(rows: bytes, attributes: list[tuple[str, str | None]]) -> list[tuple[int, int, bytes]]:
    """(timestamp ns, identity hash, one JSON object) of each row of the engine's RowBinary format.

    Rows hold timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id,
    resource, scope_name, scope_version, then `attributes`: (type letter, None) for a map, (type letter, key) for a
    Nullable column. The identity is defined in `nexus-core/src/render.rs`. Raises ValueError when rows end early.
    """

@final
class Masks:
    """Fields that somebody may not see. Usable from several threads."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        """(kind, name) of fields: column, attribute or resource. Raises ValueError for one that cannot be masked."""

    def apply(self, batch: LogBatch) -> LogBatch:
        """The batch with `***` in the place of their values, as a store shows such records."""

def render_batch(batch: LogBatch, filter: Filter | None, limit: int) -> list[tuple[int, int, bytes]]:
    """(timestamp ns, identity hash, one JSON object) of the last `limit` records that match, in the order of the batch:
    exactly as `render_records` gives them when they are stored. No filter means all."""

def mask_template(text: str) -> tuple[str, int]:
    """Template text and template id of a message."""

def fingerprint(body: bytes) -> int:
    """xxh3-64 of a body."""

def version() -> str:
    """Version of the native module."""

def logql_check(kind: str, text: str) -> None:
    """Raises ValueError when a text cannot be compiled; `kind` is regex, pattern, filter-pattern, template or ip."""

def logql_line(program: str, line: str) -> tuple[bool, str, list[tuple[str, str]], str]:
    """Run a program over one line without labels: (passes, line, labels, error). Raises ValueError."""

def logql_streams(rows: bytes, selectors: str) -> list[tuple[list[tuple[str, str]], str, str, int, int]]:
    """(labels, service, resource, count, bytes) of the streams of a tally that match any selector. Raises ValueError."""

def logql_patterns(rows: bytes, limit: int) -> bytes:
    """Patterns of a tally by severity and template with samples, as the JSON list of Loki's answer."""

@final
class LogqlEntries:
    """Collects the entries of a log query from pages that come in the order of the answer. Faults are ValueError."""

    def __init__(self, program: str, *, forward: bool, limit: int, interval: int = 0, categorize: bool = False) -> None: ...
    def feed(self, rows: bytes, attributes: list[tuple[str, str | None]]) -> int:
        """Take in a page; how many entries there are now."""

    def feed_rendered(self, records: list[bytes]) -> int:
        """Take in records as a search renders them; how many entries there are now."""

    @property
    def totals(self) -> tuple[int, int, int]:
        """Lines and bytes read, lines that passed."""

    def encode(self) -> bytes:
        """The streams as JSON."""

@final
class LogqlMatrix:
    """Series over steps."""

    @property
    def num_series(self) -> int: ...
    def encode(self, instant: bool) -> bytes:
        """JSON of a matrix, or of the last step as a vector."""

@final
class LogqlRange:
    """A range aggregation over the evaluation times `start`, `start + step`, ... `end` (ns). Faults are ValueError."""

    def __init__(self, program: str, start: int, end: int, step: int) -> None: ...
    def feed(self, rows: bytes, attributes: list[tuple[str, str | None]]) -> None:
        """Take in a page of records."""

    def feed_tally(self, rows: bytes, labels: list[str]) -> None:
        """Take in a tally by stream, severity and these labels, in buckets that windows are made of."""

    @property
    def totals(self) -> tuple[int, int, int]:
        """Lines and bytes read, lines that passed; zeros once finished."""

    def finish(self) -> LogqlMatrix:
        """The values; ends the aggregation."""

def logql_evaluate(expression: str, leaves: list[LogqlMatrix], start: int, end: int, step: int) -> LogqlMatrix:
    """An expression (`nexus-core/src/logql/matrix.rs`) over range aggregations. Raises ValueError."""

@final
class LogqlFields:
    """What fields lines turn out to have. Faults are ValueError."""

    def __init__(self, program: str) -> None: ...
    def feed(self, rows: bytes, attributes: list[tuple[str, str | None]]) -> int:
        """Take in a page; how many lines were looked at."""

    def encode(self, limit: int) -> bytes:
        """The fields as the JSON list of Loki's `detected_fields`."""

    def values(self, name: str, limit: int) -> bytes:
        """The values of one as a JSON list."""

# ------------------------------------------------------------------------------------------------------------- metrics

@final
class MetricBatch:
    """Metrics of one tenant, columnar; immutable."""

    @property
    def num_series(self) -> int: ...
    @property
    def num_samples(self) -> int:
        """Float samples and histograms."""

    @property
    def num_bytes(self) -> int:
        """Bytes held in memory, nearly."""

    @property
    def is_empty(self) -> bool:
        """Is there nothing at all in it, no metadata either?"""

    def render(self, limit: int) -> list[bytes]:
        """The first `limit` series, each a JSON object of its labels, samples and exemplars, for people to look at."""

@final
class DecodedMetrics:
    """What a decoder of metrics made of a body."""

    @property
    def batch(self) -> MetricBatch: ...
    @property
    def rejected(self) -> int:
        """Samples that were not understood."""

    @property
    def errors(self) -> list[tuple[int, str]]:
        """(record number from 1, sentence), the first 100."""

class HeadFull(RuntimeError):
    """The open samples of all tenants take all the memory they may: seal and store, then try again."""

class LogFull(RuntimeError):
    """The segment log takes all the disk it may, because what it holds was not stored for too long."""

@final
class MetricLimits:
    """What `MetricsEngine.append` takes; 0 is no limit. Series count while they are active: their last sample is not older
    than the engine's `active_ms`. Lengths are bytes."""

    def __init__(
        self,
        *,
        series: int = 0,
        series_per_metric: int = 0,
        values_per_label: int = 0,
        labels_per_series: int = 0,
        name_bytes: int = 0,
        value_bytes: int = 0,
        exemplars: int = 100_000,
        metadata: int = 100_000,
    ) -> None:
        """`values_per_label`: values that one label may have on the active series of one metric. `exemplars` are kept in
        memory until they are stored, per tenant; `metadata`: families per tenant."""

@final
class Appended:
    """What of a batch was taken. What was there already counts as taken."""

    @property
    def samples(self) -> int: ...
    @property
    def histograms(self) -> int: ...
    @property
    def exemplars(self) -> int: ...
    @property
    def metadata(self) -> int: ...
    @property
    def new_series(self) -> int: ...
    @property
    def refusals(self) -> list[tuple[str, str, int, bool]]:
        """(reason, sentence about the first of its kind, samples, retryable), by reason."""

@final
class ChunkRows:
    """Chunks of the tables, packed; immutable, to be used by any number of queries."""

    def __init__(self, rows: bytes) -> None:
        """RowBinary of rows: series UInt128, times Array(String), values Array(String); a series may come more than once.
        Raises DecodeError for what is no row or no chunk."""

    @property
    def weight(self) -> int:
        """Bytes it takes, at most."""

@final
class Sealed:
    """Samples that left the open head for the engine's tables, readable by queries until `done`. Rows are RowBinary."""

    @property
    def number(self) -> int:
        """The same number has the same contents, over restarts, too: a token for the inserts is made of it."""

    @property
    def samples(self) -> int: ...
    @property
    def chunks(self) -> list[tuple[int, int, bytes]]:
        """(UTC day since the epoch, rows, RowBinary), by day; a row is a series: tenant String, metric String (its
        name), series UInt128 (id), day Date, expires_on Date, first Int64 (ms), last Int64, samples UInt32,
        times Array(String), values Array(String). The arrays run in step; equal times of several series have equal bytes."""

    @property
    def series(self) -> tuple[int, bytes]:
        """(rows, RowBinary) of series that are new, or have samples of a day they had none of: tenant String,
        metric String, series UInt128, labels String (packed), day Date, expires_on Date."""

    @property
    def exemplars(self) -> list[tuple[int, int, bytes]]:
        """(UTC day, rows, RowBinary): tenant String, metric String, series UInt128, day Date, expires_on Date,
        time Int64 (ms), value Float64, labels String (packed)."""

    @property
    def metadata(self) -> tuple[int, bytes]:
        """(rows, RowBinary): tenant String, metric String, kind UInt8, unit String, help String, seen Int64 (ms)."""

    @property
    def touched(self) -> list[tuple[str, list[int]]]:
        """(tenant, UTC days whose rollups would be others with these samples)."""

    def recent(self) -> list[tuple[str, ChunkRows]]:
        """The chunks by tenant, as queries take them."""

    def done(self) -> None:
        """All rows are stored: forget them, and the part of the log that made them durable. Raises OSError."""

    def give_back(self) -> None:
        """They are not: `take_sealed` will answer with them again. What nobody refers to any more is given back by
        itself."""

@final
class Selection:
    """Series that somebody may see, as they were when selected; labels masked. JSON answers are what stands under `data`
    in the Prometheus API; with them comes whether `limit` (0: none) cut them."""

    @property
    def count(self) -> int: ...
    def series_json(self, limit: int = 0) -> tuple[bytes, bool]:
        """Array of label objects, by labels."""

    @property
    def met(self) -> int:
        """Number of series an answer was made of: where all of a tenant were asked for, those that are known."""

    def label_names_json(self, limit: int = 0) -> tuple[bytes, bool]:
        """Sorted array of texts."""

    def label_values_json(self, name: str, limit: int = 0) -> tuple[bytes, bool]:
        """Sorted array of texts."""

    def cardinality_json(self, limit: int = 10, focus: str = "") -> bytes:
        """`/status/tsdb`; with `focus` also `seriesCountByFocusLabelValue` (of series that have the label)."""

    def catalog_json(self, search: str, order: str, limit: int, offset: int) -> bytes:
        """`{"metrics": [{"name", "kind", "unit", "help", "series", "last"}], "total"}`; order name, series or last."""

    def exemplars_json(self, rows: bytes) -> bytes:
        """`/query_exemplars` of the selection's time range, from what is in memory and rows of the table as
        `Sealed.exemplars` has them, without day and expires_on. Raises DecodeError."""

    def needs(self) -> list[tuple[int, int, list[str], bytes, int]]:
        """As `Run.needs`, for `read`."""

    def exemplar_needs(self) -> list[tuple[int, int, list[str], bytes, int]]:
        """As `needs`, for exemplars: they leave memory before samples do."""

    def series_ids(self) -> bytes:
        """Ids, 16 bytes each, little endian."""

    def read(self, encoding: str) -> Reading:
        """Begin to read its samples in an encoding: `samples` (fields of a remote-read `QueryResult`), `chunks` (framed
        `ChunkedReadResponse` messages), `text` (OpenMetrics with timestamps). Raises ValueError for another."""

@final
class Reading:
    """Samples of a selection, series in the order of labels. Ending it lets go of what it reads."""

    @property
    def samples(self) -> int:
        """Samples read so far."""

    def estimate(self) -> tuple[int, int, int]:
        """As `Run.estimate`."""

    def needs(self) -> list[tuple[int, int, list[str], bytes, int]]:
        """As `Run.needs`."""

    def feed(self, rows: ChunkRows) -> None:
        """As `Run.feed`, before the first piece."""

    def next(self, max_bytes: int = 1 << 20) -> bytes | None:
        """The next piece, whole series, as many as reach `max_bytes`; None at the end. Raises ValueError when a chunk is
        damaged."""

@final
class Run:
    """A query under way. `needs`, `feed` each answer, `run`. Ending it, in any way, lets go of what it reads."""

    def needs(self) -> list[tuple[int, int, list[str], bytes, int]]:
        """What to fetch from the table of chunks or of rollups: (from ms, to ms, names of metrics, ids of series of 16 bytes
        each; no ids: all series of the metrics; windows of the rollups in s, 0 for chunks). A row is wanted when
        `last >= from and first <= to`. [] when the head has it all."""

    def more_needs(self) -> list[tuple[int, int, list[str], bytes, int]]:
        """What is to be fetched beyond that when all of `needs` was fed: chunks of series without rollups."""

    def feed(self, rows: ChunkRows, window: int = 0) -> None:
        """Chunks of the series, of samples or of rollups with a window in s, and others, which are passed over; a chunk that
        comes twice counts once. One whose contents are damaged is found when it is read (`MetricQueryError`)."""

    def estimate(self) -> tuple[int, int, int]:
        """(series, samples, bytes) to read, at most, before anything is fed."""

    def run(self, timeout_ms: int) -> tuple[bytes, list[str], list[str], tuple[int, int, int, int, int]]:
        """(JSON of `{"resultType", "result"}`, warnings, infos, (series, samples looked at, samples read, most samples in
        memory, bytes of chunks decoded)). Raises MetricQueryError (the query cannot be answered), MetricLimitExceeded,
        MetricQueryTimeout, MetricQueryCanceled."""

    def cancel(self) -> None:
        """End it soon, from any thread."""

class MetricQueryError(ValueError):
    """A query fails while it is evaluated; the message is Prometheus' sentence."""

class MetricLimitExceeded(MetricQueryError):
    """It needs more samples than it may have in memory at a time."""

class MetricQueryTimeout(RuntimeError):
    """Its time is over."""

class MetricQueryCanceled(RuntimeError):
    """It was cancelled."""

@final
class MetricsEngine:
    """Series, open samples and the log that makes them durable, of all tenants. Usable from several threads; no call holds
    the GIL while it works. One engine per directory."""

    def __init__(
        self,
        directory: str,
        *,
        head_bytes: int = 2 << 30,
        log_bytes: int = 16 << 30,
        chunk_ms: int = 7_200_000,
        chunk_samples: int = 1_024,
        active_ms: int = 3_600_000,
    ) -> None:
        """Open or create the log and replay it. Chunks span `chunk_ms` at most, or `chunk_samples`. Raises OSError, and
        ValueError when the directory holds a newer format."""

    def append(
        self,
        tenant: str,
        batch: MetricBatch,
        limits: MetricLimits,
        *,
        now_ms: int,
        oldest_ms: int = -(1 << 60),
        newest_ms: int = 1 << 60,
    ) -> Appended:
        """Take a batch: in the log file and visible to queries on return. Samples outside of `oldest_ms ..= newest_ms` are
        refused (`too_old`, `too_new`). Raises HeadFull, LogFull, OSError (errno ENOSPC: the disk is full)."""

    def sync(self) -> None:
        """fsync of what was appended. Raises OSError."""

    def set_retention(self, rules: bytes) -> None:
        """JSON `{tenant: {"days": 30, "rollups": [[300, 90]], "rules": [{"matchers": [{"name", "op", "value"}], "days": 7,
        "rollups": []}]}}`, the first rule that matches counts; 0 days: for ever (day 65535); `rollups` are windows in s
        (300, 3600) with their days. Tenant "*" is for those not named. Raises ValueError."""

    def set_rolled_days(self, tenant: str, window: int, fresh: list[int], stale: list[int]) -> None:
        """Which UTC days of a tenant have rollups of a window (s): made of all that is stored, or to be made anew."""

    def rollup(self, tenant: str, day: int, today: int, first: int, most: int) -> Rollup | None:
        """Begin a part of the rollups of a UTC day: the next `most` series that have any, from number `first` on. None:
        there are no more. Raises ValueError when closed."""

    def expire(self, now_ms: int) -> int:
        """Forget series whose last sample is older than they are kept; how many. Those with samples that are not in the
        tables stay. Raises ValueError when closed."""

    def take_sealed(self, now_ms: int, *, all: bool = False, max_samples: int = 4_000_000) -> Sealed | None:
        """What is due to be stored: chunks whose time is over, that are full, or that memory has no more room for; with
        `all`, everything. None when nothing is. Call again until None."""

    def load_series(self, rows: bytes) -> int:
        """Series of the table, at start: RowBinary tenant String, labels String (packed), days Array(UInt16) (UTC days
        with samples). Answers with the number of rows. Raises ValueError."""

    def load_metadata(self, rows: bytes) -> int:
        """Rows as `Sealed.metadata` has them. Raises ValueError."""

    def select(self, tenant: str, matcher_sets: bytes, sight: bytes, from_ms: int, to_ms: int) -> Selection:
        """Series with samples in `[from_ms, to_ms]` (to the day) that match all matchers of a set: JSON
        `[[{"name", "op", "value"}]]` (`[]`: every series), and `nexus_series::policy::SightSpec`. Raises ValueError."""

    def query(self, tenant: str, program: bytes, sight: bytes) -> Run:
        """Begin a query. Raises ValueError."""

    def metadata_json(self, tenant: str, sight: bytes, metric: str, limit: int, limit_per_metric: int) -> bytes:
        """`/metadata`: `{family: [{"type", "help", "unit"}]}`; limits of 0 or less are none."""

    def erase(self, tenant: str, matcher_sets: bytes, sight: bytes, from_ms: int, to_ms: int) -> tuple[int, bytes]:
        """Remove samples of series from head and log; series that have none left are forgotten. Answers with the number
        of series and their ids. The caller removes the table's rows, with `cut_chunks` those that stay in part."""

    def forget_tenant(self, tenant: str) -> None:
        """Remove everything of a tenant from memory and log."""

    def stats(self) -> dict[str, int]:
        """series, active_series, head_bytes, index_bytes, log_bytes, log_segments, batches, replayed_samples, replay_ms,
        sequence, tenants."""

    def tenant_stats(self, tenant: str) -> dict[str, int]:
        """series, active_series, head_samples, first_ms, last_ms."""

    def close(self) -> None:
        """Write out and close the log. Later calls raise ValueError. May be repeated."""

@final
class Rollup:
    """Some series of a day on their way to rollups: `needs`, `feed` each answer, `rows`."""

    @property
    def next(self) -> int:
        """`first` of the next part."""

    def needs(self) -> list[tuple[int, int, list[str], bytes, int]]:
        """As `Run.needs`."""

    def feed(self, rows: bytes) -> None:
        """RowBinary of chunks, as `ChunkRows` takes them. Raises DecodeError."""

    def rows(self) -> tuple[int, bytes]:
        """(rows, RowBinary): tenant String, metric String, series UInt128, day Date, expires_on Date, tier UInt32 (s), built
        UInt64, first Int64 (last ms of the first window), last Int64, samples UInt32 (windows), times Array(String), values
        Array(String). Raises ValueError for damaged chunks."""

def cut_rollups(rows: bytes, from_ms: int, to_ms: int) -> bytes:
    """Rows as `Rollup.rows` has them, without the windows that reach into `[from_ms, to_ms]`."""

def cut_chunks(rows: bytes, from_ms: int, to_ms: int) -> bytes:
    """Rows as `Sealed.chunks` has them, without the samples in `[from_ms, to_ms]`; rows without any are left out."""

def decode_remote_write_v1(body: bytes) -> DecodedMetrics:
    """Decode a `prometheus.WriteRequest`, without its snappy encoding. Raises `DecodeError`."""

def decode_remote_write_v2(body: bytes) -> DecodedMetrics:
    """Decode an `io.prometheus.write.v2.Request`, without its snappy encoding. Raises `DecodeError`."""

def encode_remote_write(
    batch: MetricBatch, *, version: int, max_series: int, compress: bool
) -> list[tuple[bytes, int, int]]:
    """The batch as requests of remote write 1 or 2 with at most so many series each, in snappy's block format if
    `compress`: (body, float samples, histograms). Metadata come with the first (1) or with their series (2). Raises
    ValueError."""

# ------------------------------------------------------------------------------------ exposition, relabelling, scrapes

def decode_exposition(
    body: bytes,
    *,
    now_ms: int,
    content_type: str = "text/plain",
    labels: list[tuple[str, str]] = ...,
    lenient: bool = False,
    refuse_timestamps: bool = False,
    optional_eof: bool = False,
) -> DecodedMetrics:
    """Decode Prometheus text, OpenMetrics or delimited protobuf, as `content_type` says (text when it says nothing known).

    `now_ms` is the time of samples without one. `labels` are set on every series, whatever it says; an empty value removes.
    A line that cannot be read refuses the body (`DecodeError` with its number), or, when `lenient`, is reported. With
    `refuse_timestamps` samples may have no times of their own. Source: Prometheus' exposition formats, OpenMetrics 1.0.
    """

@final
class Relabel:
    """Compiled relabelling rules (Prometheus `relabel_config`)."""

    def __init__(self, rules: list[tuple[list[str], str, str, int, str, str, str]], *, utf8_names: bool = True) -> None:
        """Rules as (source labels, separator, regex, modulus, target label, replacement, action).

        Raises ValueError that names the rule, from 1."""

    def apply(self, labels: list[tuple[str, str]]) -> list[tuple[str, str]] | None:
        """The labels, sorted by name, after every rule; None when they are dropped."""

    def trace(self, labels: list[tuple[str, str]]) -> list[tuple[list[tuple[str, str]], bool]]:
        """(labels sorted by name, kept) after each rule, up to the one that drops."""

def metric_chart(
    data: bytes,
    *,
    start: int,
    step: int,
    steps: int,
    points: int,
    top: int,
    ordered: bool = False,
    heatmap: bool = False,
) -> bytes:
    """An answer's `data` of the Prometheus API as charts draw it: `{"type", "points", "total", "text", "series"}`, the `top`
    series with the greatest mean of absolute values (`ordered`: the first), each with a value a step (null: a gap), or with
    the first, least, greatest and last value of each of `points` pixels and their `times`; `last`, `min`, `max` and `mean`
    are over all steps. Times and steps are ms. Raises ValueError."""

@final
class OtlpMetrics:
    """Decodes requests of OTLP metrics; remembers the totals of streams of deltas. Usable from several threads."""

    def __init__(
        self,
        *,
        strategy: str,
        promoted: list[str],
        keep_identifying: bool,
        scope_labels: bool,
        custom_buckets: bool,
        delta_bytes: int,
    ) -> None:
        """`strategy` is one of Prometheus' `translation_strategy`; `promoted` are resource attributes that become labels;
        totals of deltas take `delta_bytes` at most. Raises ValueError."""

    @property
    def streams(self) -> tuple[int, int]:
        """Streams of deltas, and bytes of their totals."""

    def decode_protobuf(self, body: bytes, *, now_ns: int, tenant: str) -> DecodedMetrics:
        """Decode an `ExportMetricsServiceRequest`. Rejections count data points. Raises `DecodeError`."""

    def decode_json(self, body: bytes, *, now_ns: int, tenant: str) -> DecodedMetrics:
        """Decode an `ExportMetricsServiceRequest` in OTLP/JSON. Raises `DecodeError`."""

def decode_influx(body: bytes, *, now_ms: int, unit_ns: int, database: str) -> DecodedMetrics:
    """Decode InfluxDB's line protocol. Times are in units of `unit_ns`; `database` becomes the label `db`, if not empty."""

def decode_graphite(body: bytes, *, now_ms: int) -> DecodedMetrics:
    """Decode Graphite's plaintext protocol."""

@final
class StatsdAggregator:
    """Adds up what StatsD and DogStatsD clients send. Usable from several threads."""

    def __init__(self, *, max_series: int, buckets: list[float]) -> None:
        """`buckets` are upper bounds of timers and histograms; none makes native histograms. Raises ValueError."""

    def __len__(self) -> int:
        """Number of series."""

    def feed(self, packet: bytes, now_ms: int) -> None:
        """Take lines."""

    def flush(self, now_ms: int) -> tuple[MetricBatch, tuple[int, int, int, list[str]]]:
        """Samples of all series now, and (values taken, lines that could not be read, values without room, some errors)
        since the last time."""

def restamp(batch: MetricBatch, timestamp_ms: int, *, stale: bool = False) -> MetricBatch:
    """The last sample of every series at another time, or a staleness marker there."""

def replace_families(old: MetricBatch, new: MetricBatch) -> MetricBatch:
    """`old` without the families that `new` has, and `new`."""

def missing_series(old: MetricBatch, new: MetricBatch) -> MetricBatch:
    """The series of `old` that `new` has not."""

@final
class TsdbBlock:
    """A block of Prometheus' database, to be read from its directory once, series by series."""

    def __init__(self, path: str) -> None:
        """Read its index. Raises `OSError`, `DecodeError`."""

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes of the index read so far, and of all."""

    def next(self, max_samples: int) -> DecodedMetrics | None:
        """The next series with about so many samples; None at the end. Rejections count chunks."""

@final
class Scraped:
    """What came of a scrape: its samples, those after relabelling, those of new series; `error` says why it failed, "" when
    it did not; `size` is the body unpacked."""

    batch: MetricBatch
    error: str
    scraped: int
    kept: int
    added: int
    duplicates: int
    out_of_bounds: int
    seconds: float
    size: int

@final
class ScrapeCache:
    """What is remembered of one target from scrape to scrape. Usable from several threads, one scrape at a time."""

    def __init__(
        self,
        labels: list[tuple[str, str]],
        relabel: Relabel,
        *,
        honor_labels: bool = False,
        honor_timestamps: bool = True,
        track_timestamps_staleness: bool = False,
        sample_limit: int = 0,
        label_limit: int = 0,
        label_name_length_limit: int = 0,
        label_value_length_limit: int = 0,
        bucket_limit: int = 0,
        min_bucket_factor: float = 0.0,
        native_histograms: bool = False,
        classic_histograms: bool = False,
        convert_histograms: bool = False,
        utf8_names: bool = True,
        extra_metrics: bool = False,
        timeout_seconds: float = 0.0,
        fallback: str = "",
    ) -> None:
        """For a target with these labels whose series are relabelled so; keys are those of a scrape job, 0 is no limit.
        `fallback` is the media type to take when the target names none that is known."""

    def scrape(
        self,
        body: bytes,
        *,
        content_type: str = "",
        encoding: str = "",
        limit: int,
        timestamp_ms: int,
        seconds: float,
        error: str = "",
    ) -> Scraped:
        """Take a body as it came, of at most `limit` bytes unpacked, or why there is none (`error`). The batch has samples,
        staleness markers of what went away (all of it when the scrape failed), and `up` and the other series about it."""

    def end(self, timestamp_ms: int) -> MetricBatch:
        """Staleness markers for everything: the target is gone."""

    def lost(self) -> None:
        """The last batch was not stored: what it marked is marked again with the next one."""

    def adopt(self, before: ScrapeCache) -> None:
        """Take over from the cache that the target had under other settings."""

    def metadata(self, limit: int, name: str = "") -> list[tuple[str, str, str, str]]:
        """(name, type, help, unit) of the target's families."""

    @property
    def num_bytes(self) -> int: ...

def evaluate_spansets(
    rows: bytes,
    program: bytes,
    *,
    limit: int,
    spans_per_trace: int,
    sets_per_trace: int = 100,
    newest_first: bool = True,
) -> list[tuple[bytes, int, int, list[tuple[int, bytes, bytes, list[tuple[int, bytes | float | None]]]]]]:
    """The traces of which something matches; rows and program as `query.trace_plan.Spansets` says (an empty program takes
    every span that meets a leaf).

    A trace is (id, start ns of its newest matching span, number of its spansets, spansets); a spanset is (number of its
    spans, ids of the first `spans_per_trace` by start, 8 bytes each, parent, left and right of the nested set of each of
    those as int32 when the program asks for it, [(index of a label, key or number)]). At most `limit` traces: those with
    the newest match, or the first of the rows. Raises ValueError.
    """

def matching_spans(rows: bytes, program: bytes) -> bytes:
    """Ids of the trace and of the span (24 bytes) of each span of the spansets, in order of the rows. Raises ValueError."""

@final
class SpanBatch:
    """Spans of one tenant in columns; immutable."""

    @property
    def num_rows(self) -> int: ...
    @property
    def num_bytes(self) -> int:
        """Bytes held in memory."""

    def __len__(self) -> int: ...
    def days(self) -> list[tuple[int, int]]:
        """(UTC day since the epoch, spans that began on it), by day; at most 366 days."""

    def services(self) -> list[tuple[str, int, int]]:
        """(service, spans, bytes of names, status messages, attributes, events and links), by service."""

    def attribute_stats(self) -> list[tuple[str, str, int, int]]:
        """As `LogBatch.attribute_stats`."""

    @staticmethod
    def concat(batches: list[SpanBatch]) -> SpanBatch:
        """As `LogBatch.concat`."""

    def take(self, mask: bytes) -> SpanBatch:
        """The spans that `mask` marks: one byte a span, 0 leaves it out. Raises ValueError on another length."""

    def distinct(self) -> SpanBatch:
        """Each span once: the first of those with one trace id, span id and kind."""

    def trace_ids(self) -> list[bytes]:
        """Ids of the traces, each once."""

    def times(self) -> tuple[int, int] | None:
        """When the first and the last span began, ns; None without spans."""

    def render(self, limit: int) -> list[bytes]:
        """The first `limit` spans, each a JSON object, for people to look at."""

@final
class DecodedSpans:
    """A decoded body: the accepted spans, and what was wrong with the others."""

    @property
    def batch(self) -> SpanBatch: ...
    @property
    def accepted(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def errors(self) -> list[tuple[int, str]]:
        """(span number from 1, message) of the first 100 rejected spans."""

def decode_otlp_traces_protobuf(body: bytes, *, now_ns: int) -> DecodedSpans:
    """Decode an OTLP traces export request. `now_ns` stands in for missing times; see `nexus-core/src/traces`. A span
    without ids, or with ids of another length, is rejected. Raises `DecodeError` on a body that is no such message."""

def decode_otlp_traces_json(body: bytes, *, now_ns: int) -> DecodedSpans:
    """The same request in JSON. What Tempo answers (`batches`, ids in base64, names of enums) is read too."""

def decode_trace_file(body: bytes, *, now_ns: int) -> SpanBatch:
    """Decode a file of spans as `spans_of_file` reads them. Raises `DecodeError`, also when no span can be used."""

def decode_zipkin_json(body: bytes, *, now_ns: int) -> DecodedSpans:
    """Decode an array of Zipkin's spans, version 2 or 1. Raises `DecodeError` on anything else."""

def decode_jaeger_thrift_binary(body: bytes, *, now_ns: int) -> DecodedSpans:
    """Decode a `Batch` of jaeger.thrift, or a call of `emitBatch` with one. Raises `DecodeError`; Thrift has no lengths, so
    that nothing behind a fault can be read."""

def decode_jaeger_thrift_compact(body: bytes, *, now_ns: int) -> DecodedSpans:
    """As `decode_jaeger_thrift_binary`, in the compact protocol."""

def decode_jaeger_datagrams(body: bytes, *, now_ns: int, compact: bool) -> DecodedSpans:
    """Decode calls of `emitBatch`, each behind its length (4 bytes, little-endian), in the compact or the binary protocol.
    One that cannot be read is rejected and costs nothing else. Raises `DecodeError` on lengths that do not fit."""

def decode_jaeger_protobuf(body: bytes, *, now_ns: int) -> DecodedSpans:
    """Decode a `jaeger.api_v2.PostSpansRequest`. Raises `DecodeError`."""

@final
class SpanDeriver:
    """Request rates and the service graph of one tenant's spans, see `nexus-core/src/traces/derive`. `groups` bounds
    operations and edges, `waiting` the spans that wait for the other side of their request, for `wait_ns`."""

    def __new__(cls, groups: int, waiting: int, wait_ns: int) -> SpanDeriver: ...
    def observe(self, spans: SpanBatch, now_ns: int) -> None:
        """Count the spans of a batch that arrived at `now_ns`."""

    def collect(self, now_ns: int) -> MetricBatch:
        """The series that changed since the last call or are due to be said again, as samples of `now_ns`."""

    def statistics(self) -> tuple[int, int, int, int, int]:
        """(spans, edges, unpaired, hurried, overflowed) since the start."""

def encode_native_spans(
    batch: SpanBatch,
    *,
    tenant: str,
    commit_id: int,
    retention_days: int,
    now_ns: int,
    day: int | None = None,
    promoted: list[tuple[str, str, str, str]] = ...,
    retention: list[tuple[Filter, int]] = ...,
    pending: int = 0,
) -> tuple[bytes, int]:
    """One Native block of `nexus.spans` with all its columns, rows sorted as the table is (empty when it would have no
    rows), and 0. `pending` is the slice of time in which undecided spans arrived. Other arguments and errors as those of
    `encode_native`."""

def encode_otlp_traces(batch: SpanBatch, *, max_spans: int, max_bytes: int) -> list[tuple[bytes, int]]:
    """`ExportTraceServiceRequest` bodies in gzip, each with how many spans it has: `max_spans` at most, of about `max_bytes`
    before they are compressed. A larger span has a body of its own."""

# Rows of whole spans (`rows`, `sources`: a `SpanRows` of the trace store), those of a trace one after the other, rendered; a
# span that came twice is shown once. Raise ValueError when rows end early.

def render_spans_otlp_json(
    rows: bytes, sources: list[tuple[str, str | None]], *, key: str = "resourceSpans", names: bool = False
) -> bytes:
    """`{"resourceSpans":[...]}`, or under another key; `names`: ids in base64 and enumerations by name, as protobuf's JSON
    has them."""

def render_spans_otlp_protobuf(rows: bytes, sources: list[tuple[str, str | None]]) -> bytes:
    """One `TracesData`."""

def render_traces_otlp_protobuf(rows: bytes, sources: list[tuple[str, str | None]]) -> list[bytes]:
    """`TracesData` messages of at most a thousand spans, each of one trace."""

def render_spans_jaeger(rows: bytes, sources: list[tuple[str, str | None]]) -> bytes:
    """A JSON array of traces as Jaeger's older API has them."""

def render_spans_jaeger_protobuf(rows: bytes, sources: list[tuple[str, str | None]]) -> list[bytes]:
    """`jaeger.api_v2.SpansResponseChunk` messages of about 1 MiB at most, each with spans of one trace."""

def render_spans_zipkin(rows: bytes, sources: list[tuple[str, str | None]]) -> bytes:
    """A JSON array of Zipkin v2 spans."""

def render_traces_zipkin(rows: bytes, sources: list[tuple[str, str | None]]) -> bytes:
    """A JSON array of arrays of Zipkin v2 spans, one a trace."""

def order_traces(rows: bytes, sources: list[tuple[str, str | None]], ids: list[bytes]) -> bytes:
    """The rows of traces in the order of their ids (16 bytes each); others come last."""

def render_trace(rows: bytes, sources: list[tuple[str, str | None]]) -> bytes | None:
    """The web UI's document of the first trace (`schema.TraceDocument`); None without rows."""

def render_span(rows: bytes, sources: list[tuple[str, str | None]]) -> bytes | None:
    """The first span with everything that is known of it (`schema.WholeSpan`); None without rows."""

def sum_critical_paths(rows: bytes) -> tuple[int, list[tuple[str, str, int]]]:
    """Rows of a `CriticalPaths` plan: how many critical paths there are, and (service, operation, ns) of all of them, most
    first. Raises ValueError when rows end early."""

def spans_of_file(body: bytes, *, now_ns: int = 0) -> tuple[bytes, list[tuple[str, str | None]]]:
    """A file of spans (OTLP in JSON, or traces as Jaeger's UI saves them) as rows and sources for the functions above.
    Raises DecodeError (a ValueError) for anything else."""
