use poem::web::Data;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, payload::Json};
use portcullis_domain::Identity;

use super::Group;

pub(super) struct HealthApi;

/// How a part of the service is.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
enum HealthStatus {
    Up,
    Down,
}

#[derive(Object)]
struct LivenessResponse {
    status: HealthStatus,
}

/// How the service and all that it needs is.
#[derive(Object)]
struct ReadinessResponse {
    status: HealthStatus,
    dependencies: Vec<DependencyResponse>,
}

#[derive(Object)]
struct DependencyResponse {
    name: String,
    status: HealthStatus,
    /// How long it took to answer.
    latency_ms: f64,
}

#[derive(ApiResponse)]
enum Readiness {
    /// Everything that is needed answers.
    #[oai(status = 200)]
    Ready(Json<ReadinessResponse>),
    /// Something that is needed does not answer.
    #[oai(status = 503)]
    NotReady(Json<ReadinessResponse>),
}

#[OpenApi(tag = "Group::Service")]
impl HealthApi {
    /// Whether the process answers at all.
    #[oai(path = "/health/liveness", method = "get", operation_id = "liveness")]
    #[expect(
        clippy::unused_async,
        reason = "an endpoint is asynchronous, whether it waits for anything or not"
    )]
    async fn liveness(&self) -> Json<LivenessResponse> {
        Json(LivenessResponse { status: HealthStatus::Up })
    }

    /// Whether everything that the service needs answers.
    #[oai(path = "/health/readiness", method = "get", operation_id = "readiness")]
    async fn readiness(&self, identity: Data<&Identity>) -> Readiness {
        readiness(&identity).await
    }

    /// As `/health/readiness`.
    #[oai(path = "/api/v1/auth/health", method = "get", operation_id = "auth_health")]
    async fn auth_health(&self, identity: Data<&Identity>) -> Readiness {
        readiness(&identity).await
    }
}

async fn readiness(identity: &Identity) -> Readiness {
    let started = tokio::time::Instant::now();
    let ping = identity.ports().events.ping().await;
    if let Err(error) = &ping {
        tracing::warn!("the store does not answer: {error}");
    }
    let status = if ping.is_ok() { HealthStatus::Up } else { HealthStatus::Down };
    let latency_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let store = DependencyResponse { name: "store".to_owned(), status, latency_ms };
    let body = Json(ReadinessResponse { status, dependencies: vec![store] });
    if ping.is_ok() { Readiness::Ready(body) } else { Readiness::NotReady(body) }
}
