//! The contract of the `Publisher` port, on a broker that is there: an exchange and queues of its own for each case.

#[expect(dead_code, reason = "the contract needs not all of what tests share")]
mod support;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_contract::{Outage, PublisherHarness};
use portcullis_domain::port::{Message, Publisher};

use support::Broker;

struct Harness(Broker);

#[async_trait]
impl PublisherHarness for Harness {
    async fn start() -> Self {
        Self(Broker::start().await)
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        self.0.publisher.clone()
    }

    fn deadline(&self) -> Duration {
        let options = support::options(&self.0.exchange);
        options.connect_deadline + options.confirm_deadline
    }

    async fn bind(&self, queue: &str, pattern: &str) {
        self.0.bind(queue, pattern).await;
    }

    async fn remove(&self, queue: &str) {
        self.0.remove(queue).await;
    }

    async fn take(&self, queue: &str) -> Vec<Message> {
        self.0.take(queue).await
    }

    async fn stop_broker(&self, how: Outage) {
        match how {
            Outage::Gone => self.0.proxy.cut(),
            Outage::Silent => self.0.proxy.silence(),
        }
    }

    async fn start_broker(&self) {
        self.0.proxy.mend();
    }
}

portcullis_contract::publisher_contract!(Harness);
