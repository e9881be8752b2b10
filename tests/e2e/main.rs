//! The service as its users meet it: the program itself, over HTTP and on the command line, and nothing of its inside.

mod client;
mod server;

mod account;
mod session;
mod walkthrough;
