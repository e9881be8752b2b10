//! Where values come from: the configuration file, and the environment before it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    ConfigError, Origin, later,
    setting::{Setting, settings},
};

/// The variable that names the configuration file.
const FILE_VARIABLE: &str = "PORTCULLIS_CONFIG";
/// The file that is read when none is named and it is there.
const DEFAULT_FILE: &str = "portcullis.toml";

/// What a configuration is read from. The process's own environment is read by `main` alone, and handed in here.
// No `Debug`: it may hold the master key.
#[derive(Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    environment: BTreeMap<OsString, OsString>,
}

/// A setting's text, and where it came from.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// What was set, by the setting's name.
pub(super) type AllGiven = BTreeMap<&'static str, Given>;

impl Sources {
    /// These environment variables, and the configuration file they name or that lies in the working directory.
    pub fn new(environment: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>) -> Self {
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { file: None, environment }
    }

    /// With this configuration file, whatever the environment says.
    #[must_use]
    pub fn with_file(mut self, file: Option<PathBuf>) -> Self {
        self.file = file.or(self.file);
        self
    }

    /// Everything that is set, the environment before the file.
    pub(super) fn gather(&self) -> Result<AllGiven, ConfigError> {
        let settings = settings();
        let mut given = self.read_file(&settings)?;
        for setting in &settings {
            if let Some(text) = self.variable(setting.name)? {
                given.insert(setting.name, Given { text, origin: Origin::Environment });
            }
        }
        Ok(given)
    }

    /// Variables that a later version will heed.
    pub(super) fn without_effect(&self) -> Vec<&'static str> {
        let is_set = |name: &&'static str| {
            self.environment.get(OsStr::new(name)).is_some_and(|value| !value.is_empty())
        };
        later::NAMES.iter().copied().filter(is_set).collect()
    }

    /// A variable's value without the space around it. An empty one counts as unset: that is how it is unset in most
    /// container files.
    fn variable(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.environment.get(OsStr::new(name)) else { return Ok(None) };
        let Some(text) = value.to_str() else {
            let error = ConfigError::new(name, "not valid UTF-8", "write it in UTF-8");
            return Err(error.from(Origin::Environment));
        };
        Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned))
    }

    fn read_file(&self, settings: &[Setting]) -> Result<AllGiven, ConfigError> {
        let (named_by, path) = match (&self.file, self.variable(FILE_VARIABLE)?) {
            (Some(path), _) => (Some("--config"), path.clone()),
            (None, Some(path)) => (Some(FILE_VARIABLE), path.into()),
            (None, None) => (None, DEFAULT_FILE.into()),
        };
        match fs::read_to_string(&path) {
            Ok(text) => File { path: &path, text: &text }.parse(settings),
            Err(error) if error.kind() == io::ErrorKind::NotFound && named_by.is_none() => {
                Ok(AllGiven::new())
            }
            Err(error) => {
                let problem = format!("{} cannot be read: {error}", path.display());
                let remedy = "name a readable TOML file";
                Err(ConfigError::new(named_by.unwrap_or(DEFAULT_FILE), problem, remedy))
            }
        }
    }
}

/// A configuration file while it is parsed.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn parse(&self, settings: &[Setting]) -> Result<AllGiven, ConfigError> {
        let table = DeTable::parse(self.text).map_err(|error| {
            // The parser's own display quotes the line, which may hold a secret.
            let place = self.origin(error.span().map_or(0, |span| span.start));
            ConfigError::new(DEFAULT_FILE, format!("not TOML: {}", error.message()), "mend that line")
                .from(place)
        })?;
        let entries = table.into_inner().into_iter().map(|(key, value)| {
            let origin = self.origin(key.span().start);
            let key = key.into_inner();
            let Some(setting) = settings.iter().find(|setting| setting.key() == key) else {
                return Err(unknown(&key, settings, origin));
            };
            let text = scalar(value.get_ref()).ok_or_else(|| {
                let problem = "not a single value";
                ConfigError::new(&*key, problem, "write it as `key = \"value\"`").from(origin.clone())
            })?;
            if text.is_empty() {
                let remedy =
                    format!("give it a value, or leave the line out for the default, {}", setting.default);
                return Err(ConfigError::new(&*key, "empty", remedy).from(origin));
            }
            Ok((setting.name, Given { text, origin }))
        });
        entries.collect()
    }

    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Origin::File { path: self.path.display().to_string(), line }
    }
}

/// The text of a single value, as if it had come from the environment.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.trim().to_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}

fn unknown(key: &str, settings: &[Setting], origin: Origin) -> ConfigError {
    let folded = key.to_lowercase().replace(['-', ' '], "_");
    if let Some(name) = later::NAMES.iter().find(|name| name.eq_ignore_ascii_case(&folded)) {
        return later::refuse(name, origin);
    }
    let keys = settings.iter().map(Setting::key);
    let (distance, nearest) =
        keys.map(|key| (strsim::damerau_levenshtein(&folded, &key), key)).min().expect("there are settings");
    // More than a third of it wrong is no misspelling but another word.
    let remedy = if distance * 3 <= nearest.len() {
        format!("did you mean `{nearest}`?")
    } else {
        "remove it; `portcullis config` lists all settings".to_owned()
    };
    ConfigError::new(key, "no setting of this version", remedy).from(origin)
}
