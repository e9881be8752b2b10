use std::{fs, io};

use crate::config::{Config, ConfigError};

/// Makes the data folder, for its owner alone; an existing one is left as it is.
pub(crate) fn make(config: &Config) -> Result<(), ConfigError> {
    let folder = &config.data_dir;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let usable = builder.create(folder).and_then(|()| fs::read_dir(folder).map(drop));
    usable.map_err(|error: io::Error| {
        let problem = format!("the folder {} cannot be used: {error}", folder.display());
        config.refuse("DATA_DIR", problem, "name a folder that this user may read and write")
    })
}
