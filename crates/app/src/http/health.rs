use std::sync::Arc;

use futures::future::join_all;
use poem::web::Data;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, payload::Json};

use super::Group;
use crate::dependency::{Dependency, answers};

/// Everything that readiness asks.
pub(super) type Dependencies = Arc<[Box<dyn Dependency>]>;

pub(super) struct HealthApi;

/// How a part of the service is.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
enum HealthStatus {
    Up,
    /// Something is away that the service can do without.
    Degraded,
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
    async fn readiness(&self, dependencies: Data<&Dependencies>) -> Readiness {
        readiness(&dependencies).await
    }

    /// As `/health/readiness`.
    #[oai(path = "/api/v1/auth/health", method = "get", operation_id = "auth_health")]
    async fn auth_health(&self, dependencies: Data<&Dependencies>) -> Readiness {
        readiness(&dependencies).await
    }
}

async fn readiness(dependencies: &Dependencies) -> Readiness {
    let asked = join_all(dependencies.iter().map(|dependency| ask(dependency.as_ref()))).await;
    let worst = asked.iter().map(|(_, status)| *status).fold(HealthStatus::Up, HealthStatus::worse);
    let dependencies = asked.into_iter().map(|(response, _)| response).collect();
    let body = Json(ReadinessResponse { status: worst, dependencies });
    if matches!(worst, HealthStatus::Down) { Readiness::NotReady(body) } else { Readiness::Ready(body) }
}

/// How a dependency is, and what that makes of the whole.
async fn ask(dependency: &dyn Dependency) -> (DependencyResponse, HealthStatus) {
    let started = tokio::time::Instant::now();
    let is_up = answers(dependency).await;
    let latency_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let name = dependency.name();
    let (status, of_the_whole) = match (is_up, dependency.is_needed()) {
        (true, _) => (HealthStatus::Up, HealthStatus::Up),
        (false, true) => (HealthStatus::Down, HealthStatus::Down),
        (false, false) => (HealthStatus::Down, HealthStatus::Degraded),
    };
    if !is_up {
        tracing::warn!(dependency = name, "does not answer");
    }
    (DependencyResponse { name: name.to_owned(), status, latency_ms }, of_the_whole)
}

impl HealthStatus {
    const fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Down, _) | (_, Self::Down) => Self::Down,
            (Self::Degraded, _) | (_, Self::Degraded) => Self::Degraded,
            (Self::Up, Self::Up) => Self::Up,
        }
    }
}
