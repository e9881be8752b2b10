//! What `portcullis config` prints: the values in effect, and the reference page.

use std::fmt::Write;

use super::{
    Config, Origin,
    setting::{Fallback, Setting, settings},
};

/// A setting's value in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The setting.
    pub name: &'static str,
    /// Its value as text; `***` for a secret.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Written by `portcullis config --reference`; a test fails when it is stale. `just reference` writes it anew. -->

Portcullis starts without any configuration. What you set, it reads once, at the start, from the first of these that has it:

1. the environment, under the name below; an empty variable counts as unset;
2. `portcullis.toml`, under the same name in lower case (`port = 9000`): the file named by `--config FILE`, else by
   `PORTCULLIS_CONFIG`, else the one in the working directory, if there is one;
3. the default.

A value that does not fit, and in the file a key that is no setting, ends the start with exit code 2 and one line that says
what to do. `portcullis config` prints the values in effect, secrets masked, each with where it came from.
";

/// The reference page of all settings, as Markdown.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut group = "";
    for setting in settings() {
        if setting.group != group {
            group = setting.group;
            let _ =
                write!(page, "\n## {group}\n\n| name | default | accepts | meaning |\n|---|---|---|---|\n");
        }
        page.push_str(&row(&setting));
    }
    page
}

fn row(setting: &Setting) -> String {
    let default = match setting.default {
        Fallback::Text(text) => format!("`{text}`"),
        Fallback::Derived(words) => words.to_owned(),
    };
    let secret = if setting.is_secret { " **Secret**: never shown." } else { "" };
    format!("| `{}` | {default} | {} | {}{secret} |\n", setting.name, setting.accepts, setting.about)
}

impl Config {
    /// Every setting with its value in effect, in the order of the reference.
    pub fn effective(&self) -> Vec<Effective> {
        self.effective.iter().map(|setting| self.resolved(setting)).collect()
    }

    /// The same as text, one setting a line.
    pub fn listing(&self) -> String {
        let settings = self.effective();
        let width =
            |of: fn(&Effective) -> &str| settings.iter().map(|setting| of(setting).chars().count()).max();
        let names = width(|setting| setting.name).unwrap_or_default();
        let values = width(|setting| &setting.value).unwrap_or_default();
        settings.iter().fold(String::new(), |mut listing, Effective { name, value, origin }| {
            let _ = writeln!(listing, "{name:names$}  {value:values$}  {origin}");
            listing
        })
    }

    /// With the value that other settings give, where they alone decide it.
    fn resolved(&self, setting: &Effective) -> Effective {
        let mut resolved = setting.clone();
        if setting.origin != Origin::Default {
            return resolved;
        }
        match setting.name {
            // With port 0 the address is known only once the service listens.
            "PUBLIC_URL" if self.port != 0 => resolved.value = self.base_url(self.port).to_string(),
            "TOKEN_ISSUER" if self.port != 0 => resolved.value = self.issuer(self.port),
            "DATABASE_URL" => resolved.value = self.database().to_string(),
            _ => resolved.value = resolved.value.replace('`', ""),
        }
        resolved
    }
}
