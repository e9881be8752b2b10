use std::{fs, io};

use crate::config::{Config, ConfigError};

/// The bits of a mode with which the group or everybody may write.
#[cfg(unix)]
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Makes the data folder, for its owner alone; an existing one is left as it is, but refused where others may write to it: they
/// could put a key or a database of theirs in the place of ours.
pub(crate) fn make(config: &Config) -> Result<(), ConfigError> {
    let folder = &config.data_dir;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let usable =
        builder.create(folder).and_then(|()| fs::read_dir(folder)).and_then(|_| fs::metadata(folder));
    let metadata = usable.map_err(|error: io::Error| {
        let problem = format!("the folder {} cannot be used: {error}", folder.display());
        config.refuse("DATA_DIR", problem, "name a folder that this user may read and write")
    })?;
    check(config, &metadata)
}

#[cfg(unix)]
fn check(config: &Config, metadata: &fs::Metadata) -> Result<(), ConfigError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
    if mode & OTHERS_MAY_WRITE == 0 {
        return Ok(());
    }
    let folder = config.data_dir.display();
    let problem =
        format!("users other than its owner may write to the folder {folder} (mode {:04o})", mode & 0o7777);
    Err(config.refuse("DATA_DIR", problem, format!("run `chmod go-w {folder}`, or name a folder within it")))
}

#[cfg(not(unix))]
fn check(_config: &Config, _metadata: &fs::Metadata) -> Result<(), ConfigError> {
    Ok(())
}
