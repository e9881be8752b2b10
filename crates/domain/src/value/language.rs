use serde::{Deserialize, Serialize};

/// A language that mails and pages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English; where nothing says otherwise.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Korean
    #[serde(rename = "ko")]
    Ko,
    /// Russian
    #[serde(rename = "ru")]
    Ru,
}

crate::event::choice_schema!(Language);

/// What a client prefers that says nothing of a weight, or something unreadable, in thousandths (RFC 9110 §12.4.2).
const FULL_WEIGHT: u16 = 1000;

impl Language {
    /// Every one of them.
    pub const ALL: &'static [Self] = &[Self::En, Self::Ko, Self::Ru];

    /// The name on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
            Self::Ru => "ru",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|language| language.as_str() == name)
    }

    /// The language that a client prefers, by its `Accept-Language` (RFC 9110 §12.5.4): of the ranges with a language among these
    /// the one of most weight, the first of equals. A range stands for its language, whatever region it names (RFC 4647 §3.4).
    /// `None` where the client names none of them.
    pub fn preferred(accept_language: &str) -> Option<Self> {
        let ranges = accept_language.split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let language = Self::of_tag(tag.trim())?;
            Some((language, weight(parameters))).filter(|(_, weight)| *weight > 0)
        });
        // `max_by_key` would take the last of equals.
        let best = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(language, _)| language)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        Self::ALL.iter().copied().find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }
}

/// `q=0.8` in thousandths.
fn weight(parameters: &str) -> u16 {
    let quality = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(quality) = quality else { return FULL_WEIGHT };
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let is_readable = matches!(whole, "0" | "1")
        && fraction.len() <= 3
        && fraction.bytes().all(|digit| digit.is_ascii_digit());
    if !is_readable {
        return FULL_WEIGHT;
    }
    let thousandths = format!("{whole}{fraction:0<3}").parse().unwrap_or(FULL_WEIGHT);
    FULL_WEIGHT.min(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_most_weight_is_preferred_and_the_first_of_equals() {
        for (header, expected) in [
            ("ko", Language::Ko),
            ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", Language::Ko),
            ("de-DE, ru;q=0.5, en;q=0.4", Language::Ru),
            ("en;q=0.1, ru ; q=0.75, ko;q=0.8", Language::Ko),
            ("RU-ru", Language::Ru),
            ("ru, ko", Language::Ru),
            ("ko;q=0.001, en;q=0", Language::Ko),
            ("zh-Hant-TW;q=1.0,ko;q=0.999,ru;q=1.000", Language::Ru),
            ("ko;q=loud, ru;q=0.9", Language::Ko),
            ("en;level=1;q=0.2,ru;q=0.3", Language::Ru),
        ] {
            assert_eq!(Language::preferred(header), Some(expected), "{header}");
        }
    }

    #[test]
    fn a_client_that_wants_none_of_them_or_says_nonsense_prefers_none() {
        for header in ["", "*", "de, fr;q=0.5", "ko;q=0", "kor", "english", ";;;,,,", "q=1", "한국어"] {
            assert_eq!(Language::preferred(header), None, "{header:?}");
        }
        assert_eq!(Language::preferred(&",ko;q=0".repeat(10_000)), None);
    }

    #[test]
    fn english_is_for_everybody_else() {
        assert_eq!(Language::preferred("*").unwrap_or_default(), Language::En);
    }
}
