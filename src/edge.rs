//! The public side of the process, before the filters: sockets, connections, certificates ([ADR 6] in `docs/adr`).

pub mod accept;
pub mod certificates;
pub mod door;
pub mod listen;
pub mod places;
pub mod proxy_protocol;
pub mod socket;
