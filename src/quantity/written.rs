//! What has to be undone before text written by people can be parsed: spaces
//! that are not spaces, digits that are not ASCII, invisible characters.

/// The text with full-width forms as ASCII, every kind of white space as one
/// space, invisible characters dropped, and trimmed.
pub(crate) fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !is_invisible(*character)) {
        if character.is_whitespace() {
            if !tidied.ends_with(' ') {
                tidied.push(' ');
            }
        } else {
            tidied.push(narrow(character));
        }
    }
    tidied.trim().to_owned()
}

/// Zero-width spaces and joiners, byte order marks, soft hyphens.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// The ASCII form of a full-width character.
fn narrow(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xff01 + 0x21).unwrap_or(character)
        }
        other => other,
    }
}

/// Splits `4GiB` or `4 GiB` where the number ends: a run of digits, points and
/// commas, and the trimmed rest.
pub(crate) fn split_number(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit() && !matches!(character, '.' | ','))
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number, rest.trim())
}

/// A small number as an English word.
pub(crate) fn number_word(word: &str) -> Option<u32> {
    const WORDS: [&str; 12] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    if matches!(word, "a" | "an") {
        return Some(1);
    }
    (1..).zip(WORDS).find_map(|(number, name)| (name == word).then_some(number))
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn odd_spaces_and_full_width_digits_become_plain() {
        assert_eq!(tidy(" \u{ff14}\u{a0}\u{2009}GiB\u{200b} "), "4 GiB");
        assert_eq!(tidy("a\tb\r\nc"), "a b c");
    }
}
