//! Names that people gave, in mails to others: whoever gave one may have meant it as a message of their own.

/// The longest name that a mail repeats.
const LONGEST: usize = 100;
/// Shown as nothing, and no part of an address: programs that make links of texts stop at it.
const WORD_JOINER: char = '\u{2060}';

/// A name of which no mail program makes a link, a line or an order of reading.
pub(super) fn harmless(name: &str) -> String {
    let mut harmless = String::new();
    let mut letters = name.chars().filter(|c| !turns_text(*c)).take(LONGEST).peekable();
    while let Some(letter) = letters.next() {
        let letter = if letter.is_control() || letter.is_whitespace() { ' ' } else { letter };
        harmless.push(letter);
        if matches!(letter, '.' | ':' | '/' | '@') && letters.peek().is_some_and(|next| !next.is_whitespace())
        {
            harmless.push(WORD_JOINER);
        }
    }
    harmless
}

/// Characters that say how the text around them is ordered or joined.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["Smith & Sons, Inc.", "(주)한빛", "ООО «Ромашка»", "Dr. O'Neil", "St. Mary No. 7"]
        {
            assert_eq!(harmless(name), name);
        }
    }

    #[test]
    fn no_link_is_made_of_a_name() {
        for name in [
            "https://evil.example/win",
            "evil.example",
            "call me@evil.example",
            "www.evil.example",
            "x.io:80/a",
        ] {
            let shown = harmless(name);
            for part in ["://", "evil.", "www.", "@e", ".example", ".io", ":80"] {
                let mut after = shown.match_indices(part).map(|(at, _)| &shown[at + part.len()..]);
                let is_whole =
                    part.ends_with(['.', '/']) && after.clone().all(|rest| rest.starts_with(WORD_JOINER));
                assert!(after.next().is_none() || is_whole, "{shown:?} holds {part:?}");
            }
            assert_eq!(shown.replace(WORD_JOINER, ""), name);
        }
    }

    #[test]
    fn a_name_is_one_short_line_in_the_order_it_was_written() {
        assert_eq!(harmless("Acme\r\nBcc: a\u{2028}b\0"), "Acme  Bcc: a b ");
        assert_eq!(harmless("Ac\u{202e}me\u{200b}\u{feff}"), "Acme");
        assert_eq!(harmless(&"x".repeat(1_000)).len(), 100);
    }
}
