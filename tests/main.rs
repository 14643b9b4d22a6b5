//! The gateway from outside: the real binary, real sockets, real databases.

mod admin;
mod cli;
mod edge;
mod failover;
mod harness;
mod money;
mod streams;
