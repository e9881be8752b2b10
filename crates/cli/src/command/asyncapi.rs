use super::print;

pub(crate) fn run() -> anyhow::Result<()> {
    Ok(print(portcullis_app::asyncapi_json())?)
}
