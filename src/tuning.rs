//! The limits and deadlines the proxy works with: settings that can change while it runs.

use ipnet::IpNet;
use std::time::Duration;

/// See `config/magic.example.toml` for what each is for; the defaults are the same.
#[derive(Debug, Clone)]
pub struct Tuning {
    pub head_bytes: usize,
    pub head_fields: usize,
    pub line_bytes: usize,
    /// Largest JSON body in bytes, after decompression.
    pub body_bytes: usize,
    /// Largest multipart body in bytes.
    pub upload_bytes: usize,
    /// Bytes of request bodies held at once by all calls together.
    pub buffered_bytes: usize,
    /// The whole head of a request must have arrived by then, from its first byte on.
    pub head_deadline: Duration,
    /// The whole body must have arrived by then.
    pub body_deadline: Duration,
    pub connect: Duration,
    pub first_byte: Duration,
    pub idle: Duration,
    pub total: Duration,
    pub keepalive: Duration,
    /// A caller must have taken a piece of its answer (64 KiB at most) by then, or it has left.
    pub taken: Duration,
    pub abandoned: Duration,
    pub abandoned_max: usize,
    pub trusted_proxies: Vec<IpNet>,
    /// How long a node of a fleet believes what it knows of keys and users when the database does not answer: others may
    /// have taken a key back meanwhile. Zero: for ever.
    pub staleness: Duration,
    /// Connections that one address may have; `None`: [`crate::edge::places::PER_ADDRESS`], but for neighbours.
    pub connections_per_address: Option<usize>,
    /// Networks besides the public internet that pictures may be fetched from, at any port.
    pub egress_allow: Vec<IpNet>,
    /// Whether the last bytes of an answer wait for the disk.
    pub fsync: bool,
    /// How long browsers shall ask over HTTPS only; 0: that is not said.
    pub hsts_seconds: u64,
    /// Where plain requests are sent by listeners that redirect.
    pub https_port: u16,
    pub compression: crate::sites::conf::Compression,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            head_bytes: 32 << 10,
            head_fields: 100,
            line_bytes: 8 << 10,
            body_bytes: 32 << 20,
            upload_bytes: 64 << 20,
            buffered_bytes: 512 << 20,
            head_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(120),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(90),
            total: Duration::from_secs(3600),
            keepalive: Duration::from_secs(15),
            taken: Duration::from_secs(120),
            abandoned: Duration::from_secs(30),
            abandoned_max: 200,
            trusted_proxies: Vec::new(),
            staleness: Duration::from_secs(600),
            connections_per_address: None,
            egress_allow: Vec::new(),
            fsync: false,
            hsts_seconds: 0,
            https_port: 443,
            compression: Default::default(),
        }
    }
}
