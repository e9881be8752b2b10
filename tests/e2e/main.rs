//! The service as its users meet it: the program itself, over HTTP and on the command line, and nothing of its inside.

mod client;
mod database;
mod server;
mod stack;

mod account;
mod admin;
mod audit;
mod chaos;
mod command_line;
mod company;
mod configuration;
mod console;
mod crash;
mod hostile;
mod import;
mod limits;
mod load;
mod lockout;
mod mail;
mod metrics;
mod million;
mod notary;
mod permission;
mod privacy;
mod race;
mod recovery;
mod replicas;
mod secrecy;
mod session;
mod sessions;
mod slow_reader;
mod stream;
mod timing;
mod upkeep;
mod walkthrough;
