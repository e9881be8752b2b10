use anyhow::bail;
use portcullis_app::config::Config;

use super::{block_on, print};

pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    block_on(async {
        if let Some(reason) = portcullis_app::scrub(config).await? {
            bail!(
                "the tables are written anew, but the write-ahead log may still hold erased data: {reason}"
            );
        }
        Ok(print("nothing that was erased is left in the database's files\n")?)
    })
}
