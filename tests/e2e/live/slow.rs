use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpSocket};

use super::{Scene, metric};

/// How many events of about 30 KiB are more than all the buffers on the way to a reader.
const FLOOD: u64 = 400;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_is_cut_off_and_the_others_notice_nothing() {
    let scene = Scene::new(&[]).await;
    let address = scene.server.url().trim_start_matches("http://").parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stalled = socket.connect(address).await.expect("it accepts");
    let request = format!(
        "GET /api/v1/stream/live/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        scene.stream, scene.tokens.access
    );
    stalled.write_all(request.as_bytes()).await.expect("it reads");
    metric(&scene.server, "live_feeds_open", 1).await;
    let mut feed = scene.feed(None).await;
    let mut version = scene.version().await;
    let text = "x".repeat(30_000);
    for number in 0..FLOOD {
        let event = json!({"stream_id": scene.stream, "type": "note.taken", "data": {"number": number, "text": text}});
        scene.client.act("/stream/events", &scene.tokens.access, &event).await.expect(201);
        loop {
            let seen = feed.next().await.expect("the other goes on");
            assert_eq!(seen.id, version + 1);
            version = seen.id;
            // Beside what was written there are snapshots, which the service takes of its own accord.
            if seen.data["data"]["number"] == number {
                break;
            }
        }
    }
    metric(&scene.server, r#"live_feeds_ended_total{reason="slow"}"#, 1).await;
    metric(&scene.server, "live_feeds_open", 1).await;
    drop(stalled);
}
