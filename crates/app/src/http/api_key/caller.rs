//! Who asks with an API key.

use std::sync::Arc;

use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use portcullis_domain::{
    Identity,
    api_key::{ApiKeyCaller, AuthenticateApiKeyError},
    caller::Caller,
    code::Code,
    introspection::Inquirer,
    value::Secret,
};

use crate::{
    http::{
        bearer::Bearer,
        error::{Failed, Failure},
    },
    metric::Metrics,
};

/// Where keys travel.
const HEADER: &str = "API-Key";
const SCHEME: &str = "api_key";

/// Tells whose a key is. That it is none is one answer; why is counted, and in the log for the curious.
pub(in crate::http) async fn authenticate(
    identity: &Identity,
    metrics: &Metrics,
    shown: Option<&str>,
) -> Result<ApiKeyCaller, Failure> {
    let Some(shown) = shown else { return Err(Failure::new(Code::ApiKeyInvalid)) };
    let caller = identity.authenticate_api_key(&Secret::new(shown)).await;
    metrics.key.used(caller.as_ref().err());
    caller.map_err(|error| {
        tracing::debug!(reason = error.name(), "an API key was refused");
        Failed::<AuthenticateApiKeyError>::from(error).into()
    })
}

/// Somebody who asks what a token is: with an API key, or else signed in.
pub(in crate::http) enum Inquiring {
    Person(Caller),
    Key(ApiKeyCaller),
}

impl Inquiring {
    pub(in crate::http) const fn as_inquirer(&self) -> Inquirer<'_> {
        match self {
            Self::Person(caller) => Inquirer::Person(caller),
            Self::Key(caller) => Inquirer::Key(caller),
        }
    }
}

impl<'a> ApiExtractor<'a> for Inquiring {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Bearer as ApiExtractor>::register(registry);
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "apiKey",
                description: Some("An API key."),
                name: Some(HEADER),
                key_in: Some("header"),
                scheme: None,
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        let mut schemes = <Bearer as ApiExtractor>::security_schemes();
        schemes.push(SCHEME);
        schemes
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        if let Some(shown) = request.headers().get(HEADER) {
            let identity: &Identity = request.data().expect("every endpoint has the identity beside it");
            let metrics: &Arc<Metrics> = request.data().expect("every endpoint has the metrics beside it");
            // What is no text is no key either.
            let shown = shown.to_str().unwrap_or_default();
            return Ok(Self::Key(authenticate(identity, metrics, Some(shown)).await?));
        }
        Ok(Self::Person(<Bearer as ApiExtractor>::from_request(request, body, options).await?.0))
    }
}
