"""Deterministic log records for the benchmarks, as JSON lines and as OTLP requests, cached on disk.

The records are a pure function of the seed and of their position: block ``b`` (10,000 records) is drawn from its own
random generator, so that any prefix of the data set is a data set, and blocks can be made in parallel. Every block
carries the truth about itself (how many records hold the common word, a status of 503, ...), which is what the answers
of both systems are checked against.

Run ``python benchmarks/logs_data.py --rows 2000000 --otlp`` to fill the cache and to print what the data looks like.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import multiprocessing
import os
import random
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

DATA_VERSION: Final = 1
SEED: Final = 42
BLOCK_ROWS: Final = 10_000
SHARD_BLOCKS: Final = 100
SHARD_ROWS: Final = BLOCK_ROWS * SHARD_BLOCKS
SPREAD_ROWS: Final = 10_000_000
DAY_NS: Final = 86_400 * 10**9
BUCKET_S: Final = 300
DEFAULT_END: Final = "2026-06-01T12:00:00Z"

RARE_WORD: Final = "splitbrain"
COMMON_WORD: Final = "completed"
PHRASE: Final = "connection reset by peer"
SUBSTRING: Final = "ssorTimeo"

# One block in 50 holds one record with the rare word, and one (another) the eight records of a known trace.
SPECIAL_EVERY: Final = 50
RARE_BLOCK: Final = 13
TRACE_BLOCK: Final = 7
TRACE_RECORDS: Final = 8

LEVEL_SHARE: Final = {"info": 0.82, "debug": 0.08, "warn": 0.07, "error": 0.027, "fatal": 0.003}
SEVERITY_NUMBER: Final = {"debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
REGIONS: Final = (("eu-west-1", 55), ("us-east-1", 30), ("ap-southeast-2", 15))


class Template(NamedTuple):
    """A message template: its level, its weight among its service's templates of that level, its fields, its text."""

    level: str
    weight: float
    fields: str
    text: str


class Service(NamedTuple):
    """A service: its share of the traffic, its routes (most frequent first), its peers, and its own templates."""

    share: float
    routes: tuple[str, ...]
    peers: tuple[str, ...]
    templates: tuple[Template, ...]


def _templates(table: str) -> tuple[Template, ...]:
    rows = (line.split("|", 3) for line in table.strip().splitlines())
    return tuple(Template(level.strip(), float(w), fields.strip(), text.strip()) for level, w, fields, text in rows)


SHARED: Final = _templates("""
    info  | 34 | http  | {m} {p} {s} {n5}B {ms}ms
    info  |  4 | httpu | request completed route={p} bytes={n5} upstream={ip}:8443
    info  |  2 | op    | batch {n5} completed: {n3} items written, {n2} skipped
    info  |  3 | plain | connected to postgres primary at {ip}:5432, pool size {n2}
    info  |  3 | plain | consumer group rebalanced: generation {n5}, assigned {n2} partitions
    debug | 10 | op    | cache hit for key {h4}{h4}{h4}, ttl {n3} s
    debug |  6 | op    | cache miss for key {h4}{h4}{h4}, loading from {peer}
    debug |  6 | op    | SELECT took {ms} ms, {n3} rows, plan {h4}{h4}
    debug |  3 | user  | feature flag checkout-v{n1} evaluated to variant {n1} for user {u}
    warn  |  5 | httpw | slow request {m} {p} took {ms} ms, threshold is 1000 ms
    warn  |  4 | op    | retrying call to {peer}, attempt {n1} of 9, backoff {ms} ms
    warn  |  3 | plain | connection pool at {n2} percent of capacity, {n3} waiters
    error |  3 | httpe | upstream {peer} failed: connection reset by peer ({ip}:{n5})
    error |  4 | httpe | unhandled exception in {m} {p}: {exc} at worker.go:{n3}
    fatal |  1 | plain | out of memory: worker {n3} killed, resident {n5} kB, limit 524288 kB
""")

SERVICES: Final[dict[str, Service]] = {
    "gateway": Service(
        18,
        (
            "/api/v1/catalog",
            "/api/v1/search",
            "/api/v1/cart",
            "/api/v1/session",
            "/api/v1/products/{id}",
            "/api/v1/orders",
            "/static/app.js",
            "/api/v1/recommendations",
            "/healthz",
            "/api/v1/orders/{id}",
        ),
        ("auth", "catalog", "cart", "search", "checkout"),
        _templates("""
            info  | 12 | http  | proxied {m} {p} to {peer} at {ip}:9090, status {s}, {n5} bytes
            info  |  4 | plain | accepted TLS connection from {ip}:{n5} cipher TLS_AES_128_GCM_SHA256
            info  |  2 | plain | route table reloaded: {n3} routes, {n2} upstreams, version {n5}
            info  |  2 | user  | rate limit bucket refilled for user {u}: {n3} tokens
            debug |  3 | plain | selected upstream {peer} by least connections: {n2} active
            debug |  2 | http  | stripped {n1} hop-by-hop headers from {m} {p}
            warn  |  6 | httpw | client {ip} exceeded {n3} requests per second on {p}
            warn  |  2 | plain | upstream {peer} marked unhealthy after {n1} failed probes
            error |  4 | httpe | no healthy upstream for {p}, {n2} candidates ejected
            error |  2 | plain | TLS handshake with {ip}:{n5} failed: certificate expired
        """),
    ),
    "auth": Service(
        9,
        (
            "/oauth/token",
            "/oauth/introspect",
            "/login",
            "/logout",
            "/api/v1/users/{id}/sessions",
            "/jwks.json",
            "/password/reset",
            "/mfa/verify",
        ),
        ("users", "redis", "ldap"),
        _templates("""
            info  | 10 | user  | login succeeded for user {u} from {ip} with password and totp
            info  |  6 | user  | token issued for user {u}: kid {h4}{h4}, expires in {n5} s
            info  |  3 | user  | session {h4}{h4}{h4} closed by user {u}
            info  |  2 | plain | signing key rotated, new kid {h4}{h4}
            debug |  3 | plain | introspection of token {h4}{h4} answered from cache
            debug |  2 | user  | password hash verified in {n3} ms for user {u}
            warn  |  6 | user  | login failed for user {u} from {ip}: wrong password, attempt {n1}
            warn  |  2 | user  | password reset requested {n1} times by user {u}
            error |  3 | op    | ldap bind to {ip}:636 timed out after {ms} ms
            error |  2 | httpe | token signature invalid: unknown kid {h4}{h4}
        """),
    ),
    "users": Service(
        6,
        (
            "/api/v1/users/{id}",
            "/api/v1/users",
            "/api/v1/users/{id}/addresses",
            "/api/v1/users/{id}/preferences",
            "/internal/users/batch",
        ),
        ("postgres", "auth", "notifications"),
        _templates("""
            info  | 6 | user  | profile of user {u} updated: {n1} fields changed
            info  | 4 | user  | address {n5} added for user {u}
            info  | 3 | user  | user {u} subscribed to newsletter {n2}
            info  | 2 | op    | export of {n5} profiles completed for audit {h4}{h4}
            info  | 1 | user  | account of user {u} scheduled for deletion in {n2} days
            debug | 3 | user  | loaded user {u} from replica {ip}
            debug | 1 | plain | avatar {h4}{h4}.webp resized to {n3}x{n3}
            warn  | 3 | user  | e-mail address of user {u} bounced {n1} times
            error | 3 | op    | unique constraint users_email_key violated for row {n5}
            error | 1 | plain | replica {ip} lags {n5} ms behind the primary
        """),
    ),
    "catalog": Service(
        10,
        (
            "/api/v1/catalog",
            "/api/v1/products/{id}",
            "/api/v1/categories",
            "/api/v1/products/{id}/reviews",
            "/api/v1/brands",
            "/internal/prices",
        ),
        ("elasticsearch", "postgres", "media"),
        _templates("""
            info  | 7 | op    | product {n5} refreshed from feed {n2}, price {n3}.{n2} EUR
            info  | 4 | op    | category tree rebuilt: {n5} nodes in {ms} ms
            info  | 3 | plain | {n3} products published, {n2} withdrawn, revision {n5}
            info  | 3 | httpu | served page {n2} of category {n3} with {n2} products
            info  | 1 | op    | price list {n5} import completed, {n3} rows rejected
            debug | 4 | op    | facet counts computed for category {n3} in {ms} ms
            debug | 2 | plain | translation for product {n5} missing in locale de-CH
            warn  | 3 | plain | product {n5} has no image, using placeholder
            error | 3 | op    | feed {n2} rejected: line {n5} is not valid UTF-8
            error | 2 | httpe | product {n5} refers to unknown brand {n3}
        """),
    ),
    "search": Service(
        9,
        ("/api/v1/search", "/api/v1/suggest", "/api/v1/search/facets", "/internal/index/{id}", "/internal/reindex"),
        ("elasticsearch", "catalog", "recommendations"),
        _templates("""
            info  | 8 | httpu | query returned {n5} hits in {ms} ms, {n2} shards
            info  | 4 | httpu | suggestions for prefix of {n1} letters: {n2} candidates
            info  | 3 | op    | segment _{h4} merged into _{h4}: {n5} documents
            info  | 2 | op    | reindex of shard {n2} completed at {n3} documents per second
            info  | 1 | plain | synonyms reloaded: {n5} entries, checksum {h4}{h4}
            debug | 4 | op    | rewrote query into {n2} clauses, cost {n5}
            debug | 2 | plain | spelling correction applied with distance {n1}
            warn  | 3 | op    | query cancelled after {ms} ms, {n2} of {n2} shards answered
            error | 3 | httpe | all shards failed for index products-{n3}
            error | 2 | plain | circuit breaker tripped: field data would use {n5} MB
        """),
    ),
    "cart": Service(
        8,
        ("/api/v1/cart", "/api/v1/cart/items", "/api/v1/cart/items/{id}", "/api/v1/cart/coupons", "/internal/carts"),
        ("redis", "catalog", "inventory"),
        _templates("""
            info  | 8 | user  | item {n5} added to cart {h4}{h4} by user {u}, quantity {n1}
            info  | 5 | user  | item {n5} removed from cart {h4}{h4} by user {u}
            info  | 3 | op    | cart {h4}{h4} repriced: {n1} items, total {n3}.{n2} EUR
            info  | 2 | user  | coupon SPRING{n2} applied for user {u}
            info  | 1 | op    | sweep completed: {n5} abandoned carts expired
            debug | 4 | op    | cart {h4}{h4} loaded from redis slot {n5}
            debug | 2 | plain | optimistic lock on cart {h4}{h4} taken, version {n2}
            warn  | 3 | user  | coupon rejected for user {u}: already used on order {n5}
            error | 3 | op    | redis command failed: MOVED {n5} {ip}:6379
            error | 1 | httpe | cart {h4}{h4} is corrupt: negative quantity for item {n5}
        """),
    ),
    "checkout": Service(
        6,
        ("/api/v1/checkout", "/api/v1/checkout/{id}", "/api/v1/checkout/{id}/confirm", "/api/v1/checkout/quote"),
        ("payments", "orders", "shipping", "cart"),
        _templates("""
            info  | 7 | user  | checkout {h4}{h4} started by user {u} with {n1} items
            info  | 5 | user  | checkout {h4}{h4} completed, order {n5}{n3} created for user {u}
            info  | 3 | op    | quote {h4}{h4} computed: {n3}.{n2} EUR plus {n2} EUR shipping
            info  | 2 | user  | address of user {u} validated with score {n2}
            info  | 1 | op    | tax table for region {n2} loaded in {ms} ms
            debug | 3 | plain | saga step {n1} of checkout {h4}{h4} recorded
            debug | 2 | op    | fraud score {n2} returned in {ms} ms
            warn  | 3 | user  | checkout {h4}{h4} abandoned by user {u} at step {n1}
            error | 3 | httpe | saga {h4}{h4} rolled back at step {n1}: {exc}
            error | 2 | op    | quote {h4}{h4} expired after {n5} s
        """),
    ),
    "payments": Service(
        5,
        (
            "/api/v1/payments",
            "/api/v1/payments/{id}",
            "/api/v1/payments/{id}/capture",
            "/webhooks/acquirer",
            "/api/v1/refunds",
        ),
        ("acquirer", "ledger", "vault"),
        _templates("""
            info  | 7 | user  | payment {h4}{h4}{h4} authorised for user {u}: {n3}.{n2} EUR
            info  | 5 | op    | payment {h4}{h4}{h4} captured in {ms} ms, acquirer reference {n5}{n5}
            info  | 2 | op    | settlement file {n5} completed: {n5} transactions
            info  | 2 | user  | refund of {n2}.{n2} EUR booked for user {u}
            info  | 1 | plain | acquirer endpoint switched to {ip}:443
            debug | 3 | plain | card token {h4}{h4} resolved by vault
            debug | 2 | op    | webhook {h4}{h4} deduplicated after {ms} ms
            warn  | 4 | user  | payment declined for user {u}: code {n2}, insufficient funds
            error | 2 | httpe | PaymentProcessorTimeoutException: acquirer did not answer in {ms} ms for {h4}{h4}
            error | 2 | op    | ledger out of balance by {n2} cents in batch {n5}
        """),
    ),
    "orders": Service(
        7,
        (
            "/api/v1/orders",
            "/api/v1/orders/{id}",
            "/api/v1/orders/{id}/items",
            "/api/v1/orders/{id}/cancel",
            "/internal/orders/stream",
        ),
        ("postgres", "kafka", "inventory", "shipping"),
        _templates("""
            info  | 7 | user  | order {n5}{n3} placed by user {u}: {n1} lines
            info  | 5 | op    | order {n5}{n3} moved from PAID to PICKING
            info  | 4 | plain | published event order.updated partition {n2} offset {n5}{n5}
            info  | 2 | user  | order {n5}{n3} cancelled by user {u}
            info  | 2 | op    | nightly archive completed: {n5} orders moved to cold storage
            debug | 3 | plain | state machine of order {n5}{n3} has {n1} pending events
            debug | 2 | op    | outbox polled, {n2} rows in {ms} ms
            warn  | 3 | op    | event order.updated delivered twice, offset {n5}{n5} ignored
            error | 3 | op    | deadlock detected on relation orders, process {n5} waits for {n5}
            error | 1 | httpe | order {n5}{n3} not found in shard {n2}
        """),
    ),
    "inventory": Service(
        5,
        ("/api/v1/stock/{id}", "/api/v1/reservations", "/api/v1/reservations/{id}", "/internal/stock/sync"),
        ("postgres", "warehouse", "kafka"),
        _templates("""
            info  | 7 | op    | reserved {n1} of sku {n5} in warehouse {n2} for order {n5}{n3}
            info  | 4 | op    | stock of sku {n5} set to {n3} by warehouse {n2}
            info  | 3 | plain | reservation {h4}{h4} released
            info  | 2 | op    | cycle count of aisle {n2} completed with {n2} differences
            info  | 1 | plain | replenishment order {n5} sent to supplier {n3}
            debug | 3 | op    | lock on sku {n5} held for {ms} ms
            debug | 2 | plain | safety stock for sku {n5} recomputed: {n2}
            warn  | 4 | plain | sku {n5} is below safety stock: {n1} left
            error | 3 | op    | reservation of sku {n5} failed: {n1} requested, 0 available
            error | 1 | plain | warehouse {n2} sent sequence {n5} out of order
        """),
    ),
    "shipping": Service(
        4,
        ("/api/v1/shipments", "/api/v1/shipments/{id}", "/api/v1/rates", "/webhooks/carrier"),
        ("carrier", "orders", "maps"),
        _templates("""
            info  | 6 | op    | label {n5}{n5} printed for order {n5}{n3}, carrier {n1}
            info  | 5 | plain | parcel {n5}{n5} scanned at hub {n2}
            info  | 3 | httpu | {n2} rates returned for zone {n2} in {ms} ms
            info  | 2 | op    | manifest {n5} completed and handed to carrier {n1}
            info  | 1 | plain | pickup window moved to {n2} minutes later
            debug | 3 | op    | geocoded address in {ms} ms, confidence {n2}
            debug | 1 | plain | volumetric weight of parcel {n5}: {n3} g
            warn  | 3 | plain | parcel {n5}{n5} has not moved for {n3} hours
            error | 3 | httpe | carrier {n1} rejected label: postal code {n5} unknown
            error | 1 | op    | tracking poll for {n3} parcels timed out after {ms} ms
        """),
    ),
    "notifications": Service(
        4,
        ("/api/v1/notifications", "/api/v1/notifications/{id}/read", "/webhooks/ses", "/internal/templates/{id}"),
        ("smtp", "apns", "fcm"),
        _templates("""
            info  | 7 | user  | e-mail {h4}{h4} sent to user {u} by relay {ip}
            info  | 5 | user  | push notification delivered to {n1} devices of user {u}
            info  | 2 | plain | template {n3} rendered in locale fr-FR, {n5} bytes
            info  | 2 | op    | digest run completed: {n5} recipients in {ms} ms
            info  | 1 | plain | suppression list synchronised, {n5} addresses
            debug | 3 | plain | queue depth {n5}, oldest entry {n3} s
            debug | 1 | user  | quiet hours active for user {u}
            warn  | 3 | user  | device token of user {u} is no longer registered
            error | 3 | op    | smtp relay {ip}:587 answered 451 after {ms} ms
            error | 1 | plain | template {n3} has an unknown variable in line {n2}
        """),
    ),
    "recommendations": Service(
        4,
        ("/api/v1/recommendations", "/api/v1/recommendations/{id}", "/internal/model/reload", "/internal/features"),
        ("feature-store", "catalog", "redis"),
        _templates("""
            info  | 7 | user  | ranked {n3} candidates for user {u} in {ms} ms
            info  | 3 | op    | model ranker-{n3} loaded, {n5} parameters blocks
            info  | 3 | user  | cold start for user {u}, using popularity list {n2}
            info  | 1 | op    | training epoch {n2} completed, loss 0.{n5}
            info  | 1 | plain | experiment {n3} assigned bucket {n2}
            debug | 4 | user  | {n2} features fetched for user {u}
            debug | 2 | op    | nearest neighbours found in {ms} ms, probe {n3}
            warn  | 3 | op    | feature store answered stale data, age {n5} s
            error | 3 | op    | model ranker-{n3} failed to score: shape {n3} by {n2}
            error | 1 | plain | feature vector of {n3} has NaN at index {n2}
        """),
    ),
    "media": Service(
        3,
        ("/media/{id}", "/media/upload", "/media/{id}/thumb", "/internal/purge"),
        ("s3", "cdn"),
        _templates("""
            info  | 7 | op    | object {h4}{h4}{h4}.jpg stored, {n5} bytes, etag {h4}{h4}
            info  | 4 | op    | thumbnail {n3}x{n3} of {h4}{h4}{h4} made in {ms} ms
            info  | 2 | op    | multipart upload {h4}{h4} completed with {n2} parts
            info  | 1 | plain | purged {n3} objects from edge {n2}
            info  | 1 | plain | bucket lifecycle removed {n5} objects
            debug | 3 | op    | range request {n5}-{n5} served from cache
            debug | 1 | plain | exif orientation {n1} applied to {h4}{h4}
            warn  | 3 | plain | image {h4}{h4}{h4} is larger than {n5} kB
            error | 3 | op    | s3 put failed: SlowDown, request {h4}{h4}{h4}{h4}
            error | 1 | plain | decoder gave up on {h4}{h4}: bad marker at byte {n5}
        """),
    ),
    "analytics": Service(
        1.5,
        ("/collect", "/api/v1/reports/{id}", "/api/v1/funnels", "/internal/flush"),
        ("kafka", "clickhouse"),
        _templates("""
            info  | 7 | op    | flushed {n5} events to table events_{n2} in {ms} ms
            info  | 4 | plain | checkpoint {n5} taken at offset {n5}{n5}
            info  | 2 | op    | report {n5} completed, {n5} rows
            info  | 1 | plain | session window {n5} closed with {n3} events
            info  | 1 | plain | schema version {n2} registered for topic clicks
            debug | 3 | plain | watermark advanced by {n5} ms
            debug | 1 | op    | bloom filter rebuilt, {n5} keys
            warn  | 3 | plain | {n3} late events dropped after watermark
            error | 3 | op    | insert into events_{n2} failed: too many parts ({n3})
            error | 1 | plain | partition {n2} has no leader
        """),
    ),
    "billing": Service(
        0.5,
        ("/api/v1/invoices", "/api/v1/invoices/{id}", "/api/v1/invoices/{id}/pdf", "/internal/dunning"),
        ("ledger", "postgres", "notifications"),
        _templates("""
            info  | 7 | user  | invoice {n5}{n3} issued to user {u}: {n3}.{n2} EUR
            info  | 4 | op    | pdf of invoice {n5}{n3} rendered in {ms} ms
            info  | 2 | op    | dunning run completed: {n3} reminders
            info  | 1 | user  | subscription of user {u} renewed for {n2} months
            info  | 1 | plain | exchange rates loaded, {n2} currencies
            debug | 3 | plain | rounding difference of {n1} cents booked
            debug | 1 | user  | vat rate {n2} chosen for user {u}
            warn  | 3 | user  | card of user {u} expires in {n2} days
            error | 3 | op    | invoice number gap found between {n5} and {n5}
            error | 1 | plain | ledger period {n3} is closed
        """),
    ),
}
HOSTS_PER_SERVICE: Final = 4
RARE_TEMPLATE: Final = Template(
    "warn", 0, "plain", "quorum lost: splitbrain suspected between {ip} and {ip}, fencing epoch {n5}"
)
EXCEPTIONS: Final = (
    "NullPointerException",
    "context deadline exceeded",
    "IllegalStateException",
    "index out of range",
    "SocketTimeoutException",
    "invalid memory address",
    "JsonParseException",
    "permission denied",
)

Pool = Sequence[Any]


@dataclass(frozen=True)
class Body:
    """One prepared request body: a range of a cache file and the number of records in it."""

    path: Path
    offset: int
    size: int
    rows: int

    def read(self) -> bytes:
        """The bytes of the body."""
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), self.size, self.offset)


@dataclass(frozen=True)
class Truth:
    """What is true of a prefix of the data set; the answers of every system are compared with it."""

    rows: int
    rare: int
    common: int
    phrase: int
    substring: int
    status_503: int
    status_5xx: int
    levels: dict[str, int]
    top_paths: list[tuple[str, int]]
    histogram: dict[int, dict[str, int]]
    trace_id: str
    trace_records: int
    last_spans: list[str]
    last_error_spans: list[str]


@dataclass(frozen=True)
class LogSet:
    """The first ``rows`` records, as JSON-line bodies of 10,000 records, with their time range and truth."""

    rows: int
    start_ns: int
    end_ns: int
    bodies: list[Body]
    truth: Truth

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        return sum(body.size for body in self.bodies)


def cache_dir() -> Path:
    """The folder for generated data: ``NEXUS_BENCH_CACHE``, by default ``/tmp/nexus-bench``."""
    return Path(os.environ.get("NEXUS_BENCH_CACHE", "/tmp/nexus-bench"))


def parse_time_ns(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time in UTC, exact to the nanosecond."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0)


def format_time_ns(ns: int) -> str:
    """The RFC 3339 time in UTC, with nine decimals."""
    seconds, rest = divmod(ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def known_trace(index: int) -> str:
    """The id of the known trace ``index``; it has eight records, in block 50 x index + 7."""
    return random.Random(f"{SEED}:trace:{index}").randbytes(16).hex()


class _Generator:
    """Draws records from pools of 65,536 prepared values, one 16-bit random number a value."""

    SLOTS = 1 << 16

    def __init__(self, end: str) -> None:
        rnd = random.Random(SEED)
        self._end_ns = parse_time_ns(end)
        self._rnd = rnd
        slots = range(self.SLOTS)
        users = [f"usr-{n}" for n in rnd.sample(range(10_000, 1_000_000), 20_000)]
        weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(users))))
        self._common: dict[str, Pool] = {
            "n1": [str(rnd.randrange(1, 10)) for _ in slots],
            "n2": [str(rnd.randrange(10, 100)) for _ in slots],
            "n3": [str(rnd.randrange(100, 1000)) for _ in slots],
            "n5": [str(n) for n in rnd.sample(range(10_000, 100_000), self.SLOTS)],
            "h4": [f"{n:04x}" for n in slots],
            "u": rnd.choices(users, cum_weights=weights, k=self.SLOTS),
            "ip": [f"10.{rnd.randrange(4)}.{rnd.randrange(32)}.{rnd.randrange(1, 255)}" for _ in slots],
            "exc": rnd.choices(EXCEPTIONS, k=self.SLOTS),
            "region": self._weighted(REGIONS),
            "http.s": self._weighted((("200", 880), ("201", 50), ("204", 30), ("304", 30), ("302", 10))),
            "http.ms": self._durations(1.2, 0.9),
            "httpw.s": self._weighted((("429", 35), ("404", 25), ("200", 25), ("401", 15))),
            "httpw.ms": self._durations(7.4, 0.4),
            "httpe.s": self._weighted((("500", 45), ("503", 25), ("502", 20), ("504", 10))),
            "httpe.ms": self._durations(5.0, 1.6),
            "op.ms": self._durations(2.0, 1.4),
        }
        self._table: list[tuple[Callable[..., str], tuple[Pool, ...]]] = self._compile_all()

    def _weighted(self, values: Iterable[tuple[str, float]]) -> Pool:
        names, shares = zip(*values, strict=True)
        return self._rnd.choices(names, weights=shares, k=self.SLOTS)

    def _durations(self, mu: float, sigma: float) -> Pool:
        # Shortest form and never a whole number: encoders disagree on 12.0, and an engine that keeps text would too.
        hundredths = (max(1, round(100 * self._rnd.lognormvariate(mu, sigma))) for _ in range(self.SLOTS))
        return [repr((n if n % 100 else n + 1) / 100) for n in hundredths]

    def _routes(self, service: Service) -> Pool:
        shares = [1 / (rank + 1) for rank in range(len(service.routes))]
        pool = []
        for route in self._rnd.choices(service.routes, weights=shares, k=self.SLOTS):
            if "{id}" in route and self._rnd.random() < 0.5:
                path = route.replace("{id}", str(int(1000 * self._rnd.paretovariate(0.7)) % 90_000 + 10_000))
            else:
                path = route.replace("{id}", "self")
            pool.append((self._rnd.choices(("GET", "POST", "PUT", "DELETE"), weights=(80, 14, 4, 2))[0], path))
        return pool

    def _compile(self, name: str, template: Template, pools: dict[str, Pool]) -> tuple[Callable[..., str], tuple[Pool, ...]]:
        kind = template.fields
        http = {"http": "http", "httpu": "http", "httpw": "httpw", "httpe": "httpe"}.get(kind)
        extras = []
        if http:
            extras += ['"method":"{m}"', '"path":"{p}"', '"status":{s}']
        if http or kind == "op":
            extras.append('"duration_ms":{ms}')
        if kind in ("user", "httpu"):
            extras.append('"user_id":"{u}"')
        if kind not in ("plain", "op"):
            extras.append('"region":"{region}"')
        drawn: list[Pool] = [pools["host"]]
        shared: dict[str, str] = {}

        def place(field: str) -> str:
            key = {"m": "route", "p": "route", "s": f"{http}.s", "ms": f"{http or 'op'}.ms"}.get(field, field)
            # A request has one route, one status and one duration: its message and its fields must agree.
            once = field in ("m", "p", "s", "ms", "u")
            if not once or key not in shared:
                drawn.append(pools[key])
                shared[key] = str(len(drawn) + 2)
            return "{" + shared[key] + {"m": "[0]", "p": "[1]"}.get(field, "") + "}"

        def fill(text: str) -> str:
            head, *rest = text.split("{")
            return head + "".join(place(field) + tail for field, _, tail in (part.partition("}") for part in rest))

        line = (
            f'{{{{"_time":"{{0}}","level":"{template.level}","service":"{name}","host":"{{3}}","_msg":"'
            + fill(template.text)
            + '","trace_id":"{1}","span_id":"{2}"'
            + "".join("," + fill(extra) for extra in extras)
            + "}}\n"
        )
        return line.format, tuple(drawn)

    def _compile_all(self) -> list[tuple[Callable[..., str], tuple[Pool, ...]]]:
        compiled = []
        shares = []
        traffic = sum(service.share for service in SERVICES.values())
        for name, service in SERVICES.items():
            pools = self._common | {
                "host": [f"{name}-{n % HOSTS_PER_SERVICE}" for n in range(self.SLOTS)],
                "peer": self._rnd.choices(service.peers, k=self.SLOTS),
                "route": self._routes(service),
            }
            templates = SHARED + service.templates
            total = Counter[str]()
            for template in templates:
                total[template.level] += template.weight  # type: ignore[assignment]
            for template in templates:
                compiled.append(self._compile(name, template, pools))
                share = LEVEL_SHARE[template.level] * template.weight / total[template.level]
                shares.append(share * service.share / traffic)
            if name == "orders":
                self._rare = self._compile(name, RARE_TEMPLATE, pools)
        slots = [int(share * self.SLOTS) for share in shares]
        order = sorted(range(len(shares)), key=lambda i: shares[i] * self.SLOTS - slots[i], reverse=True)
        for i in order[: self.SLOTS - sum(slots)]:
            slots[i] += 1
        return [entry for entry, n in zip(compiled, slots, strict=True) for _ in range(n)]

    def block(self, number: int) -> list[str]:
        """The lines of one block."""
        rnd = random.Random(f"{SEED}:block:{number}")
        draw = self._draws(rnd).__next__
        ids = rnd.randbytes(24 * BLOCK_ROWS).hex()
        step = DAY_NS // SPREAD_ROWS
        start = self._end_ns - DAY_NS
        first = number * BLOCK_ROWS
        # Neighbours overlap: clients deliver slightly out of order.
        jitter = array("I", rnd.randbytes(4 * BLOCK_ROWS))
        seconds: dict[int, str] = {}
        special = self._special(number, rnd)
        table = self._table
        lines = []
        for i in range(BLOCK_ROWS):
            ns = start + (first + i) * step + (jitter[i] * 20_000_000 >> 32)
            second, rest = divmod(min(ns, self._end_ns - SPREAD_ROWS + first + i), 10**9)
            prefix = seconds.get(second)
            if prefix is None:
                prefix = seconds[second] = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}."
            write, pools = table[draw()]
            trace = ids[i * 48 : i * 48 + 32]
            if i in special:
                trace = special[i] or trace
                write, pools = (write, pools) if special[i] else self._rare
            lines.append(write(f"{prefix}{rest:09d}Z", trace, ids[i * 48 + 32 : i * 48 + 48], *[p[draw()] for p in pools]))
        return lines

    @staticmethod
    def _draws(rnd: random.Random) -> Iterator[int]:
        while True:
            yield from array("H", rnd.randbytes(1 << 16))

    @staticmethod
    def _special(number: int, rnd: random.Random) -> dict[int, str]:
        place = number % SPECIAL_EVERY
        if place == RARE_BLOCK:
            return {rnd.randrange(BLOCK_ROWS): ""}
        if place == TRACE_BLOCK:
            at = rnd.randrange(BLOCK_ROWS - 200)
            return dict.fromkeys(
                (at + n for n in rnd.sample(range(200), TRACE_RECORDS)), known_trace(number // SPECIAL_EVERY)
            )
        return {}


def _block_truth(lines: list[str]) -> dict[str, Any]:
    text = "".join(lines)
    histogram: dict[int, Counter[str]] = {}
    # RFC 3339: ``{"_time":"2026-06-01T11:5x``; the minute decides the bucket, the level follows the time.
    for key, count in Counter((line[10:26], line[51:56]) for line in lines).items():
        minute, level = key
        bucket = parse_time_ns(minute + ":00") // 10**9 // BUCKET_S * BUCKET_S
        histogram.setdefault(bucket, Counter())[level.partition('"')[0]] += count
    paths = Counter(line.split('"path":"', 1)[1].split('"', 1)[0] for line in lines if '"path":"' in line)
    return {
        "rare": text.count(RARE_WORD),
        "common": text.count(COMMON_WORD),
        "phrase": text.count(PHRASE),
        "substring": text.count(SUBSTRING),
        "status_503": text.count('"status":503'),
        "status_5xx": text.count('"status":5'),
        "histogram": histogram,
        # The ten most frequent paths of the whole set are among the fifty most frequent of every block.
        "paths": paths.most_common(100),
    }


def _write_shard(task: tuple[str, int, str]) -> None:
    folder, shard, end = Path(task[0]), task[1], task[2]
    generator = _Generator(end)
    blocks = []
    offset = 0
    data = folder / f"{shard:03d}.ndjson"
    with data.with_suffix(".part").open("wb") as file:
        for number in range(shard * SHARD_BLOCKS, (shard + 1) * SHARD_BLOCKS):
            lines = generator.block(number)
            payload = "".join(lines).encode()
            file.write(payload)
            blocks.append({"offset": offset, "size": len(payload), "rows": len(lines), **_block_truth(lines)})
            offset += len(payload)
    data.with_suffix(".part").rename(data)
    write_json(data.with_suffix(".json"), blocks)


def write_json(path: Path, value: object) -> None:
    """Write a document so that it is there whole or not at all."""
    part = path.with_suffix(".tmp")
    part.write_text(json.dumps(value))
    part.rename(path)


def parallel(work: Callable[[Any], None], tasks: list[Any]) -> None:
    """Do the tasks in as many processes as there are cores."""
    if tasks:
        with multiprocessing.get_context("spawn").Pool(min(len(tasks), os.cpu_count() or 1)) as pool:
            for _ in pool.imap_unordered(work, tasks):
                pass


def _folder(end: str) -> Path:
    stamp = "".join(c for c in end if c.isalnum())
    folder = cache_dir() / f"logs-v{DATA_VERSION}-{SEED}-{stamp}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def json_logs(rows: int, end: str = DEFAULT_END) -> LogSet:
    """The first ``rows`` records (a multiple of 10,000) as JSON lines, generated on first use."""
    if rows % BLOCK_ROWS or not 0 < rows <= SPREAD_ROWS:
        raise ValueError(f"rows must be a multiple of {BLOCK_ROWS} between {BLOCK_ROWS} and {SPREAD_ROWS}, not {rows}")
    folder = _folder(end)
    shards = range(-(-rows // SHARD_ROWS))
    parallel(_write_shard, [(str(folder), n, end) for n in shards if not (folder / f"{n:03d}.json").exists()])
    bodies: list[Body] = []
    truths: list[dict[str, Any]] = []
    for shard in shards:
        for block in json.loads((folder / f"{shard:03d}.json").read_text()):
            if len(truths) * BLOCK_ROWS < rows:
                bodies.append(Body(folder / f"{shard:03d}.ndjson", block["offset"], block["size"], block["rows"]))
                truths.append(block)
    start_ns = parse_time_ns(end) - DAY_NS
    truth = _sum_truth(bodies, truths)
    return LogSet(rows, start_ns, (max(truth.histogram) + BUCKET_S) * 10**9, bodies, truth)


def _sum_truth(bodies: list[Body], blocks: list[dict[str, Any]]) -> Truth:
    histogram: dict[int, Counter[str]] = {}
    paths = Counter[str]()
    for block in blocks:
        paths.update(dict(block["paths"]))
        for bucket, levels in block["histogram"].items():
            histogram.setdefault(int(bucket), Counter()).update(levels)
    levels = Counter[str]()
    for counts in histogram.values():
        levels.update(counts)
    rows = len(bodies) * BLOCK_ROWS
    last = [json.loads(line) for body in bodies[-3:] for line in body.read().splitlines()]
    last.sort(key=lambda record: record["_time"], reverse=True)
    sums = {
        key: sum(block[key] for block in blocks)
        for key in ("rare", "common", "phrase", "substring", "status_503", "status_5xx")
    }
    return Truth(
        rows=rows,
        levels=dict(levels),
        top_paths=paths.most_common(10),
        histogram={bucket: dict(counts) for bucket, counts in sorted(histogram.items())},
        trace_id=known_trace(0),
        trace_records=TRACE_RECORDS if len(bodies) > TRACE_BLOCK else 0,
        last_spans=[record["span_id"] for record in last[:100]],
        last_error_spans=[record["span_id"] for record in last if record["level"] == "error"][:100],
        **sums,
    )


def encode_otlp(records: Sequence[dict[str, Any]]) -> bytes:
    """One OTLP ``ExportLogsServiceRequest``: the records grouped by service and host, one resource each."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

    def value(raw: str | int | float) -> AnyValue:
        if isinstance(raw, str):
            return AnyValue(string_value=raw)
        return AnyValue(int_value=raw) if isinstance(raw, int) else AnyValue(double_value=raw)

    request = ExportLogsServiceRequest()
    scopes: dict[tuple[str, str], Any] = {}
    for record in records:
        key = (record["service"], record["host"])
        scope = scopes.get(key)
        if scope is None:
            resource = request.resource_logs.add()
            resource.resource.attributes.extend(
                [
                    KeyValue(key="service.name", value=AnyValue(string_value=key[0])),
                    KeyValue(key="host.name", value=AnyValue(string_value=key[1])),
                ]
            )
            scope = scopes[key] = resource.scope_logs.add()
            scope.scope.name = f"{key[0]}.logger"
        ns = parse_time_ns(record["_time"])
        scope.log_records.append(
            LogRecord(
                time_unix_nano=ns,
                observed_time_unix_nano=ns,
                severity_number=SeverityNumber.ValueType(SEVERITY_NUMBER[record["level"]]),
                severity_text=record["level"].upper(),
                body=AnyValue(string_value=record["_msg"]),
                trace_id=bytes.fromhex(record["trace_id"]),
                span_id=bytes.fromhex(record["span_id"]),
                attributes=[KeyValue(key=name, value=value(record[name])) for name in itertools.islice(record, 7, None)],
            )
        )
    return request.SerializeToString()


def _write_otlp_shard(task: tuple[str, int, list[Body]]) -> None:
    folder, shard, bodies = Path(task[0]), task[1], task[2]
    index = []
    offset = 0
    data = folder / f"{shard:03d}.otlp"
    with data.with_suffix(".otlp-part").open("wb") as file:
        for body in bodies:
            records = [json.loads(line) for line in body.read().splitlines()]
            payload = encode_otlp(records)
            file.write(payload)
            index.append((offset, len(payload), len(records)))
            offset += len(payload)
    data.with_suffix(".otlp-part").rename(data)
    write_json(folder / f"{shard:03d}-otlp.json", index)


def otlp_logs(rows: int, end: str = DEFAULT_END) -> list[Body]:
    """The first ``rows`` records as OTLP requests as large as the JSON bodies, made on first use (whole shards of 1 M)."""
    shards = -(-rows // SHARD_ROWS)
    full = json_logs(shards * SHARD_ROWS, end)
    folder = _folder(end)
    parallel(
        _write_otlp_shard,
        [
            (str(folder), n, full.bodies[n * SHARD_BLOCKS : (n + 1) * SHARD_BLOCKS])
            for n in range(shards)
            if not (folder / f"{n:03d}-otlp.json").exists()
        ],
    )
    bodies = [
        Body(folder / f"{n:03d}.otlp", offset, size, count)
        for n in range(shards)
        for offset, size, count in json.loads((folder / f"{n:03d}-otlp.json").read_text())
    ]
    return bodies[: rows // BLOCK_ROWS]


def describe(logs: LogSet) -> dict[str, float | int]:
    """Mean line size and what gzip -6 makes of a sample (5 bodies from the whole range): the input's entropy."""
    sample = b"".join(logs.bodies[i * (len(logs.bodies) - 1) // 4].read() for i in range(5))
    packed = len(gzip.compress(sample, 6))
    lines = sample.count(b"\n")
    return {
        "rows": logs.rows,
        "bytes_per_record": round(logs.size / logs.rows, 1),
        "gzip6_bytes_per_record": round(packed / lines, 1),
        "gzip6_ratio": round(len(sample) / packed, 2),
        "random_id_bytes_per_record": 24,
    }


def main() -> None:
    """Fill the cache and print a description of the data."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=SPREAD_ROWS)
    parser.add_argument("--otlp", action="store_true", help="also encode the records as OTLP requests")
    options = parser.parse_args()
    logs = json_logs(options.rows)
    print(json.dumps(describe(logs), indent=1))
    truth = logs.truth
    for name in ("rare", "common", "phrase", "substring", "status_503", "status_5xx", "levels", "top_paths"):
        print(f"{name}: {getattr(truth, name)}")
    if options.otlp:
        bodies = otlp_logs(options.rows)
        print(f"otlp: {len(bodies)} requests, {sum(b.size for b in bodies) / options.rows:.1f} B/record")


if __name__ == "__main__":
    main()
