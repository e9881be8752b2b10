//! What must happen at one go is a script: Redis runs one at a time.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, aio::MultiplexedConnection};

/// A script, called by its digest.
pub(crate) struct Script {
    code: &'static str,
    digest: String,
}

pub(crate) static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("put.lua")));
pub(crate) static REVOKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("revoke.lua")));
pub(crate) static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("forget.lua")));
pub(crate) static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));
pub(crate) static ADD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("add.lua")));
pub(crate) static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("count.lua")));

impl Script {
    fn new(code: &'static str) -> Self {
        Self { code, digest: redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs it. Where the server does not know it (any more), its text is sent in place of its digest; not loaded first, as
    /// the library would, since somebody may have scripts flushed between the two.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        mut connection: MultiplexedConnection,
        keys: &[String],
        arguments: &[Vec<u8>],
    ) -> RedisResult<T> {
        let call = |command: &str, script: &str| -> Cmd {
            let mut call = redis::cmd(command);
            call.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            call
        };
        let known = call("EVALSHA", &self.digest).query_async(&mut connection).await;
        match known {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                call("EVAL", self.code).query_async(&mut connection).await
            }
            outcome => outcome,
        }
    }
}
