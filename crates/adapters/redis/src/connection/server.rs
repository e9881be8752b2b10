use std::fmt;

use bb8_redis::RedisConnectionManager;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use rustls::crypto::{CryptoProvider, ring};

use crate::OpenError;

/// Where the server is and who we are to it. Displays as host and port, without the password.
#[derive(Clone)]
pub(crate) struct Server {
    information: ConnectionInfo,
    name: String,
}

impl Server {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let failed = |source: redis::RedisError| OpenError::Url { source: source.into() };
        let information = url.into_connection_info().map_err(failed)?;
        Client::open(information.clone()).map_err(failed)?;
        let name = match information.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                address(host, *port)
            }
            other => other.to_string(),
        };
        let server = Self { information, name };
        // The library panics where several are compiled in and none was chosen.
        if server.wants_tls() && CryptoProvider::get_default().is_none() {
            // Somebody else may have chosen meanwhile, which is as good.
            let _ = ring::default_provider().install_default();
        }
        Ok(server)
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(self.information.clone()).expect("it was opened when it was parsed")
    }

    pub(super) fn manager(&self) -> RedisConnectionManager {
        RedisConnectionManager::new(self.information.clone()).expect("it was opened when it was parsed")
    }

    pub(super) fn wants_tls(&self) -> bool {
        matches!(self.information.addr(), ConnectionAddr::TcpTls { .. })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
