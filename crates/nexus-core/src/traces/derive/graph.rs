//! Requests between services: `traces_service_graph_*` by client, server and connection type.
//!
//! A request has two sides, a client (or producer) span and the server (or consumer) spans below it, which arrive in any order,
//! in other batches, from other processes: what came first waits for the rest. A client span may have several servers below
//! it, and each counts. What has no other side:
//!
//! * a client span that names a database: the database is the server, at once;
//! * another client or producer span without a server below it after the wait: the peer or queue that it names is the server;
//! * a server span without a parent: the client is `user`, at once; a consumer span without one: the queue that it names;
//! * anything else is counted as unpaired.

use super::emit::{Due, HistogramNames, Life, Samples, histogram_names};
use super::latency::Latency;
use super::names::Names;
use super::{More, Options, STATUS_ERROR, Span, Statistics, kind};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use nexus_series::batch::MetricKind;
use std::collections::VecDeque;

const REQUESTS: &str = "traces_service_graph_request_total";
const FAILED: &str = "traces_service_graph_request_failed_total";
const SERVER_SECONDS: HistogramNames = histogram_names!("traces_service_graph_request_server_seconds");
const CLIENT_SECONDS: HistogramNames = histogram_names!("traces_service_graph_request_client_seconds");
const QUEUE_SECONDS: HistogramNames = histogram_names!("traces_service_graph_request_messaging_system_seconds");

/// The client of requests that come from outside.
pub const USER: &str = "user";

const DATABASE: [&str; 6] = ["db.system.name", "db.system", "db.namespace", "db.name", "db.collection.name", "db.type"];
const PEER: [&str; 4] = ["peer.service", "server.address", "net.peer.name", "network.peer.address"];
const QUEUE: [&str; 5] =
    ["messaging.destination.name", "messaging.destination", "messaging.system", "peer.service", "server.address"];

/// What kind of connection an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connection {
    /// Two services.
    Direct,
    /// A service and a database.
    Database,
    /// Through a queue.
    Messaging,
    /// One end is no instrumented service.
    Virtual,
}

impl Connection {
    fn text(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::Database => "database",
            Self::Messaging => "messaging_system",
            Self::Virtual => "virtual_node",
        }
    }
}

type Key = ([u8; 16], [u8; 8]);

/// One side of a request.
#[derive(Debug, Clone, Copy)]
struct Side {
    service: u32,
    /// The other end as this side names it.
    peer: Option<u32>,
    failed: bool,
    message: bool,
    start: i64,
    duration: u64,
    weight: f64,
}

impl Side {
    fn end(&self) -> i64 {
        self.start.saturating_add_unsigned(self.duration)
    }
}

/// What is known of a request whose client span has this key.
#[derive(Default)]
struct Request {
    client: Option<Side>,
    /// Those that came before their client.
    servers: Vec<Side>,
    paired: bool,
}

#[derive(Default)]
struct Edge {
    requests: f64,
    failed: f64,
    server: Option<Latency>,
    client: Option<Latency>,
    queue: Option<Latency>,
    life: Option<Life>,
}

/// See the module text.
pub struct Graph {
    options: Options,
    names: Names,
    requests: HashMap<Key, Request, foldhash::fast::RandomState>,
    /// Keys of `requests` with the time until which they wait, oldest first.
    deadlines: VecDeque<(i64, Key)>,
    edges: HashMap<(u32, u32, Connection), Edge, foldhash::fast::RandomState>,
    pub(super) statistics: Statistics,
}

impl Graph {
    /// No edges.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            names: Names::new(options.groups.saturating_mul(2)),
            requests: HashMap::default(),
            deadlines: VecDeque::new(),
            edges: HashMap::default(),
            statistics: Statistics::default(),
        }
    }

    /// Take in a span.
    pub fn observe(&mut self, span: &Span<'_>, more: &impl More, now_ns: i64) {
        match span.kind {
            kind::CLIENT | kind::PRODUCER => self.client(span, more, now_ns),
            kind::SERVER | kind::CONSUMER => self.server(span, more, now_ns),
            _ => {}
        }
    }

    fn side(&mut self, span: &Span<'_>, peer: Option<&str>) -> Side {
        Side {
            service: self.names.id(span.service),
            peer: peer.map(|name| self.names.id(name)),
            failed: span.status == STATUS_ERROR,
            message: matches!(span.kind, kind::PRODUCER | kind::CONSUMER),
            start: span.start,
            duration: span.duration,
            weight: span.weight,
        }
    }

    fn client(&mut self, span: &Span<'_>, more: &impl More, now_ns: i64) {
        if span.kind == kind::CLIENT
            && let Some(database) = more.first(&DATABASE)
        {
            let node = database_node(more).unwrap_or(database);
            let side = self.side(span, Some(&node));
            let server = self.names.id(&node);
            self.count(side.service, server, Connection::Database, Some(&side), Some(&side), now_ns);
            return;
        }
        let peer = more.first(if span.kind == kind::PRODUCER { &QUEUE } else { &PEER });
        let side = self.side(span, peer.as_deref());
        let key = (span.trace_id, span.span_id);
        let request = self.wait(key, now_ns);
        request.client = Some(side);
        let servers = std::mem::take(&mut request.servers);
        request.paired |= !servers.is_empty();
        for server in servers {
            self.pair(&side, &server, now_ns);
        }
    }

    fn server(&mut self, span: &Span<'_>, more: &impl More, now_ns: i64) {
        let message = span.kind == kind::CONSUMER;
        let mut keys = Vec::new();
        if span.parent_span_id != [0; 8] {
            keys.push((span.trace_id, span.parent_span_id));
        }
        if message {
            for link in more.links() {
                if !keys.contains(&link) {
                    keys.push(link);
                }
            }
        }
        let queue = if message { more.first(&QUEUE) } else { None };
        let side = self.side(span, queue.as_deref());
        if keys.is_empty() {
            if message {
                self.alone(&side, true, now_ns);
            } else {
                let user = self.names.id(USER);
                self.count(user, side.service, Connection::Virtual, None, Some(&side), now_ns);
            }
            return;
        }
        for key in keys {
            let request = self.wait(key, now_ns);
            match request.client {
                Some(client) => {
                    request.paired = true;
                    self.pair(&client, &side, now_ns);
                }
                None => request.servers.push(side),
            }
        }
    }

    /// The request with this key, which waits from now on if it is new.
    fn wait(&mut self, key: Key, now_ns: i64) -> &mut Request {
        if self.requests.len() >= self.options.waiting && !self.requests.contains_key(&key) {
            self.statistics.hurried += 1;
            self.settle_oldest(now_ns);
        }
        match self.requests.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.deadlines.push_back((now_ns + self.options.wait_ns, key));
                entry.insert(Request::default())
            }
        }
    }

    fn pair(&mut self, client: &Side, server: &Side, now_ns: i64) {
        let connection = if client.message || server.message { Connection::Messaging } else { Connection::Direct };
        self.count(client.service, server.service, connection, Some(client), Some(server), now_ns);
    }

    /// A side whose other one did not come.
    fn alone(&mut self, side: &Side, is_server: bool, now_ns: i64) {
        let Some(peer) = side.peer else {
            self.statistics.unpaired += 1;
            return;
        };
        let connection = if side.message { Connection::Messaging } else { Connection::Virtual };
        if is_server {
            self.count(peer, side.service, connection, None, Some(side), now_ns);
        } else {
            self.count(side.service, peer, connection, Some(side), None, now_ns);
        }
    }

    fn count(
        &mut self,
        client_name: u32,
        server_name: u32,
        connection: Connection,
        client: Option<&Side>,
        server: Option<&Side>,
        now_ns: i64,
    ) {
        self.statistics.edges += 1;
        let mut key = (client_name, server_name, connection);
        if self.edges.len() >= self.options.groups && !self.edges.contains_key(&key) {
            self.statistics.overflowed += 1;
            key = (0, 0, connection);
        }
        let edge = self.edges.entry(key).or_default();
        // Both sides stand for the same requests; the one that stands for more was sampled harder.
        let weight = client.iter().chain(server.iter()).map(|side| side.weight).fold(0.0, f64::max);
        edge.requests += weight;
        if client.is_some_and(|side| side.failed) || server.is_some_and(|side| side.failed) {
            edge.failed += weight;
        }
        if let Some(side) = server {
            edge.server.get_or_insert_default().observe(side.duration as f64 / 1e9, weight);
        }
        if let Some(side) = client {
            edge.client.get_or_insert_default().observe(side.duration as f64 / 1e9, weight);
        }
        if connection == Connection::Messaging
            && let (Some(client), Some(server)) = (client, server)
        {
            let waited = (server.start - client.end()).max(0);
            edge.queue.get_or_insert_default().observe(waited as f64 / 1e9, weight);
        }
        edge.life.get_or_insert_with(|| Life::new(now_ns)).touch(now_ns);
    }

    /// Settle the requests that have waited long enough.
    pub fn settle(&mut self, now_ns: i64) {
        while self.deadlines.front().is_some_and(|(deadline, _)| *deadline <= now_ns) {
            self.settle_oldest(now_ns);
        }
    }

    fn settle_oldest(&mut self, now_ns: i64) {
        let Some((_, key)) = self.deadlines.pop_front() else { return };
        let Some(request) = self.requests.remove(&key) else { return };
        if let Some(client) = &request.client
            && !request.paired
        {
            self.alone(client, false, now_ns);
        }
        for server in &request.servers {
            self.alone(server, true, now_ns);
        }
    }

    /// What is due.
    pub(super) fn emit(&mut self, out: &mut Samples) {
        if out.describe && !self.edges.is_empty() {
            out.family(REQUESTS, MetricKind::Counter, "Requests between two services.", "");
            out.family(FAILED, MetricKind::Counter, "Failed requests between two services.", "");
            out.family(SERVER_SECONDS.family, MetricKind::Histogram, "Durations as the server saw them.", "seconds");
            out.family(CLIENT_SECONDS.family, MetricKind::Histogram, "Durations as the client saw them.", "seconds");
            out.family(QUEUE_SECONDS.family, MetricKind::Histogram, "Time that messages spent in a queue.", "seconds");
        }
        let names = &self.names;
        self.edges.retain(|(client, server, connection), edge| {
            let Some(life) = &mut edge.life else { return false };
            let due = out.begin(life);
            if due == Due::No {
                return true;
            }
            let labels = [
                ("client", names.text(*client)),
                ("connection_type", connection.text()),
                ("server", names.text(*server)),
            ];
            out.sample(REQUESTS, &labels, edge.requests);
            out.sample(FAILED, &labels, edge.failed);
            let histograms =
                [(&SERVER_SECONDS, &edge.server), (&CLIENT_SECONDS, &edge.client), (&QUEUE_SECONDS, &edge.queue)];
            for (names, latency) in histograms {
                if let Some(latency) = latency {
                    out.histogram(names, &labels, latency);
                }
            }
            due != Due::End
        });
    }
}

/// The name of a database by the precedence of OpenTelemetry's and Tempo's readers; None when only a database attribute
/// names it.
fn database_node(more: &impl More) -> Option<String> {
    if let Some(name) = more.first(&["peer.service", "server.address"]) {
        return Some(name);
    }
    let address = more.first(&["network.peer.address", "net.peer.name"])?;
    match more.first(&["network.peer.port", "net.peer.port"]) {
        Some(port) => Some(format!("{address}:{port}")),
        None => Some(address),
    }
}
