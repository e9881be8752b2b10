mod form;
mod source;
mod start;

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;

const KEY: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";

fn load<const N: usize>(environment: [(&str, &str); N]) -> Result<Config, ConfigError> {
    Config::load(&Sources::new(environment))
}

fn loaded<const N: usize>(environment: [(&str, &str); N]) -> Config {
    load(environment).unwrap_or_else(|error| panic!("{error}"))
}

fn refused<const N: usize>(environment: [(&str, &str); N]) -> String {
    load(environment).expect_err("it must be refused").to_string()
}

/// A configuration file, gone at the end of the test.
struct File(TempDir);

impl File {
    fn new(text: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("portcullis.toml"), text).expect("it can be written");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("portcullis.toml")
    }

    fn load<const N: usize>(&self, environment: [(&str, &str); N]) -> Result<Config, ConfigError> {
        Config::load(&Sources::new(environment).with_file(Some(self.path())))
    }

    /// The error, with the file's path as `FILE`.
    fn refused(&self) -> String {
        let error = self.load([]).expect_err("it must be refused").to_string();
        error.replace(&self.path().display().to_string(), "FILE")
    }
}
