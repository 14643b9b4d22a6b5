//! For tests only: private databases, scripted vendors, small clients. Nothing here is part of the product.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests that can't do its work stops the test"
)]

pub mod acme;
pub mod client;
pub mod corpus;
pub mod db;
pub mod dump;
pub mod oidc;
pub mod otlp;
pub mod passkey;
pub mod process;
pub mod relay;
pub mod smtp;
pub mod tls;
pub mod vendor;
