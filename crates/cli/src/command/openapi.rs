use clap::{Args, ValueEnum};

use super::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Json,
    Yaml,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    Ok(print(match arguments.format {
        Format::Json => portcullis_app::openapi_json(),
        Format::Yaml => portcullis_app::openapi_yaml(),
    })?)
}
