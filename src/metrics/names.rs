//! Every metric of the program: its name, type, labels and meaning. `docs/METRICS.md` is compared with this table.

/// What kind of numbers a family holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A metric with all of its labels' values.
#[derive(Debug)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

macro_rules! families {
    ($($id:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub const $id: Family = Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// In the order of a scrape.
        pub const ALL: &[Family] = &[$($id,)*];
    };
}

families! {
    REQUESTS Counter "magic_requests_total" ["endpoint", "status"] "Calls to vendors that were answered.";
    MODEL_REQUESTS Counter "magic_model_requests_total" ["model", "outcome"] "Calls by the model that was asked for, ok or error.";
    REFUSALS Counter "magic_refusals_total" ["code"] "Requests that ended with an error, by its code.";
    DURATION Histogram "magic_request_duration_seconds" ["endpoint", "stream"] "From the first byte of a call to the last of its answer.";
    FIRST_BYTE Histogram "magic_first_byte_seconds" ["endpoint", "stream"] "From the first byte of a call to the first of its answer's body (TTFT).";
    ATTEMPTS Counter "magic_attempts_total" ["reason"] "Tries of channels, by what came of them.";
    FAILOVERS Counter "magic_failovers_total" ["reason"] "Tries after which another channel was to do better, by why.";
    TOKENS Counter "magic_tokens_total" ["model", "direction"] "Tokens that were billed: input, cached (a part of input), output.";
    COST Counter "magic_cost_usd_total" ["model"] "What was billed, in US dollars.";
    LOSSES Counter "magic_conversion_losses_total" ["from", "to", "kind", "member"] "Members of requests that the vendor's dialect could not say.";
    IN_FLIGHT Gauge "magic_requests_in_flight" [] "Requests under way.";
    CALLS_OPEN Gauge "magic_calls_open" [] "Calls that have reserved money and are not settled.";
    CONNECTIONS Gauge "magic_connections_open" [] "Connections of callers.";
    HANDSHAKES Counter "magic_connections_failed_total" ["reason"] "Connections that ended before their first request: refused (PROXY head, limit, TLS) or timeout.";
    PRESSURE Gauge "magic_pressure_level" [] "0: calm, 1: connections are not kept, 2: no new streams, 3: no calls.";
    WAITING Gauge "magic_calls_waiting" [] "Calls that wait for a place.";
    BODY_BYTES Gauge "magic_body_bytes" [] "Bytes of request bodies in memory.";
    CHANNEL_STATE Gauge "magic_channel_state" ["channel", "type"] "1: takes calls, 0.5: is being probed, 0: set aside after errors, -1: disabled. The first 500 channels.";
    CHANNELS Gauge "magic_channels" ["state"] "Channels: ready, probing, resting, disabled.";
    MODEL_CHANNELS Gauge "magic_model_channels_ready" ["model"] "Channels that would take a call to the model now. The first 500 models.";
    UNSERVED Gauge "magic_models_unserved" [] "Models with enabled channels of which none takes calls now.";
    JOURNAL_UNPOSTED Gauge "magic_journal_unposted_bytes" [] "Bytes of the journal that are not in the database yet.";
    JOURNAL_OLDEST Gauge "magic_journal_oldest_unposted_seconds" [] "For how long the oldest finished call has waited for the database.";
    JOURNAL_BROKEN Gauge "magic_journal_broken" [] "1: a write or fsync failed, no billable call is taken.";
    JOURNAL_FSYNC Histogram "magic_journal_fsync_seconds" [] "How long an fsync of the journal took.";
    LEDGER_TIME Gauge "magic_ledger_verified_timestamp_seconds" [] "When the invariants of the books were checked last; 0: not yet.";
    LEDGER_BROKEN Gauge "magic_ledger_broken_invariants" [] "Invariants that did not hold then.";
    DATABASE_UP Gauge "magic_database_up" [] "1: the database answered last time.";
    DATABASE Histogram "magic_database_seconds" ["outcome"] "How long pieces of work for the database took: ok, refused (by what it holds), unavailable, error.";
    REDIS_UP Gauge "magic_redis_up" [] "1: Redis carries notices between nodes. Absent where none is set up.";
    CLOCK Gauge "magic_clock_behind_seconds" [] "How far the machine's clock is behind the database's, which counts.";
    LEASES Gauge "magic_leases" ["owner"] "Users and tokens that this process keeps money for.";
    LEASED_FREE Gauge "magic_leases_free_usd" ["owner"] "How much of that is free, in US dollars.";
    QUEUE Gauge "magic_queue_length" ["queue"] "What waits to be written: captures, spans, log lines.";
    CAPTURES Counter "magic_captures_total" ["outcome"] "Calls whose bodies were to be kept.";
    SPANS Counter "magic_spans_total" ["outcome"] "Spans of traces: sent, or dropped.";
    LOG_DROPPED Counter "magic_log_lines_dropped_total" [] "Log lines that could not be written.";
    CERTIFICATE_END Gauge "magic_certificate_end_timestamp_seconds" [] "When the first of the certificates in use ends. Absent without TLS.";
    CONFIG_OK Gauge "magic_config_last_reload_successful" [] "1: the configuration as it stands in the file is in force.";
    CONFIG_TIME Gauge "magic_config_last_reload_timestamp_seconds" [] "When the configuration was read last.";
    DRAINING Gauge "magic_draining" [] "1: the process is ending.";
    BUILD Gauge "magic_build_info" ["version"] "Always 1.";
    RSS Gauge "process_resident_memory_bytes" [] "Memory in use.";
    FDS Gauge "process_open_fds" [] "Open files and sockets.";
    FDS_MAX Gauge "process_max_fds" [] "How many of them there may be.";
    THREADS Gauge "process_threads" [] "Threads.";
    CPU Counter "process_cpu_seconds_total" [] "Processor time used.";
    START Gauge "process_start_time_seconds" [] "When the process began, in Unix seconds.";
}
