//! What the contract does not ask: RabbitMQ's own ways to refuse, and what becomes of connections.

mod outage;
mod publish;
mod start;
#[expect(dead_code, reason = "the contract needs what this does not")]
#[path = "../support/mod.rs"]
mod support;
