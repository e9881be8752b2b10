//! Which version a broker is, which it tells whoever connects before it asks who that is. lapin keeps it to itself.

use std::fmt;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use lapin::{
    protocol::{
        AMQPClass,
        connection::{AMQPMethod, Start},
        parse_class,
    },
    types::AMQPValue,
};

/// The first version of RabbitMQ that Portcullis is run with.
const MINIMUM: (u32, u32) = (3, 8);
/// What a client of AMQP 0-9-1 says first.
const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
const FRAME_METHOD: u8 = 1;
const FRAME_END: u8 = 0xce;
/// Of its type, its channel and its size.
const FRAME_HEADER: usize = 7;
/// No broker says more of itself.
const MAX_START: usize = 64 << 10;

/// A version of RabbitMQ that is too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TooOld(pub(crate) String);

/// Asks a broker that was just connected to which version it is, and says so where that is too old. What is no RabbitMQ, or says nothing
/// that can be read, is left to the connection proper: the broker's own refusal says more.
pub(crate) async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), TooOld> {
    let start = start(stream).await;
    match start.as_ref().and_then(version) {
        Some(version) if is_too_old(&version) => Err(TooOld(version)),
        _ => Ok(()),
    }
}

/// The broker's first method.
async fn start(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<Start> {
    stream.write_all(PROTOCOL_HEADER).await.ok()?;
    stream.flush().await.ok()?;
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await.ok()?;
    let [FRAME_METHOD, _, _, size @ ..] = header else { return None };
    let size = usize::try_from(u32::from_be_bytes(size)).ok().filter(|size| *size <= MAX_START)?;
    let mut payload = vec![0; size + 1];
    stream.read_exact(&mut payload).await.ok()?;
    let (&FRAME_END, method) = payload.split_last()? else { return None };
    match parse_class(method) {
        Ok((_, AMQPClass::Connection(AMQPMethod::Start(start)))) => Some(start),
        _ => None,
    }
}

/// What a broker that says it is RabbitMQ says its version is.
fn version(start: &Start) -> Option<String> {
    let property = |name: &str| match start.server_properties.inner().get(name)? {
        AMQPValue::LongString(text) => str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    };
    let version = property("version")?;
    (property("product")? == "RabbitMQ").then(|| version.chars().take(40).collect())
}

/// Whether a version lies before the first that will do; one that does not read as a version does not.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < MINIMUM,
        _ => false,
    }
}

/// The first version that will do.
pub(crate) struct Minimum;

impl fmt::Display for Minimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", MINIMUM.0, MINIMUM.1)
    }
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;

    /// Says what it was given, and takes whatever it is told.
    struct Broker(Cursor<Vec<u8>>);

    impl AsyncRead for Broker {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
            buffer: &mut [u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            std::pin::Pin::new(&mut self.0).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for Broker {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            std::task::Poll::Ready(Ok(buffer.len()))
        }

        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn poll_close(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }
    }

    fn short(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).expect("short");
        [&[length], text.as_bytes()].concat()
    }

    fn long(text: &[u8]) -> Vec<u8> {
        let length = u32::try_from(text.len()).expect("not that long");
        [&length.to_be_bytes(), text].concat()
    }

    /// `Connection.Start` of a broker with these properties, byte by byte as AMQP 0-9-1 has it.
    fn frame(properties: &[(&str, &str)]) -> Vec<u8> {
        let table = properties
            .iter()
            .map(|(name, value)| [short(name), b"S".to_vec(), long(value.as_bytes())].concat());
        let table = table.collect::<Vec<_>>().concat();
        let payload =
            [vec![0, 10, 0, 10, 0, 9], long(&table), long(b"PLAIN AMQPLAIN"), long(b"en_US")].concat();
        [vec![FRAME_METHOD, 0, 0], long(&payload), vec![FRAME_END]].concat()
    }

    async fn asked(said: Vec<u8>) -> Result<(), TooOld> {
        ask(&mut Broker(Cursor::new(said))).await
    }

    #[tokio::test]
    async fn rabbitmq_before_3_8_is_too_old_and_no_other_is() {
        for (version, is_too_old) in [
            ("2.8.7", true),
            ("3.7.28", true),
            ("3.8.0", false),
            ("3.10.8", false),
            ("4.1.0-rc.1", false),
            ("3.8.0+beta", false),
            ("tip", false),
            ("", false),
        ] {
            let outcome = asked(frame(&[("product", "RabbitMQ"), ("version", version)])).await;
            assert_eq!(
                outcome,
                if is_too_old { Err(TooOld(version.to_owned())) } else { Ok(()) },
                "{version}"
            );
        }
        let other = frame(&[("product", "Other"), ("version", "1.0")]);
        assert_eq!(asked(other).await, Ok(()), "another broker counts for itself");
        assert_eq!(asked(frame(&[])).await, Ok(()));
    }

    #[tokio::test]
    async fn what_does_not_read_is_left_to_the_connection_proper() {
        let whole = frame(&[("product", "RabbitMQ"), ("version", "3.7.0")]);
        for length in 0..whole.len() {
            assert_eq!(asked(whole[..length].to_vec()).await, Ok(()), "{length} bytes of it");
        }
        let mut endless = whole.clone();
        endless[3..7].copy_from_slice(&[0xff; 4]);
        let mut other_kind = whole.clone();
        other_kind[0] = 2;
        let mut without_end = whole;
        *without_end.last_mut().expect("some") = 0;
        for said in [endless, other_kind, without_end, b"AMQP\x00\x01\x00\x00".to_vec()] {
            assert_eq!(asked(said).await, Ok(()));
        }
    }
}
