//! The arguments of `resize`: `[MACHINE] memory 8 GiB, vcpus 4 disk 40g`.

use super::{NewSize, arguments::machine_name};
use crate::{
    identity::MachineName,
    quantity::{Mebibytes, Vcpus},
};

/// What a size can be said of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Vcpus,
    Memory,
    Disk,
}

/// Reads them.
///
/// # Errors
///
/// What is wrong, as a sentence.
pub(super) fn read(text: &str) -> Result<(Option<MachineName>, NewSize), String> {
    const USAGE: &str = "Say what is to change: `memory`, `vcpus` or `disk`, and how much.";
    let words: Vec<&str> = text.split([' ', ',', '=']).filter(|word| !word.is_empty()).collect();
    let mut rest = words.as_slice();
    let mut machine = None;
    // `resize 8 GiB` names no machine called `8`.
    let amount = |word: &str| word.bytes().next().is_some_and(|first| first.is_ascii_digit());
    if let [first, after @ ..] = rest
        && part(first).is_none()
    {
        if amount(first) && after.first().is_none_or(|next| part(next).is_none()) {
            return Err(USAGE.to_owned());
        }
        machine = Some(machine_name(first).ok_or(USAGE)?);
        rest = after;
    }
    let mut size = NewSize::default();
    while let [word, after @ ..] = rest {
        let part = part(word).ok_or_else(|| format!("I do not know what `{word}` is. {USAGE}"))?;
        let end = after.iter().position(|word| self::part(word).is_some()).unwrap_or(after.len());
        let (amount, next) = after.split_at(end);
        size.take(part, word, &amount.join(" "))?;
        rest = next;
    }
    if size == NewSize::default() {
        return Err(USAGE.to_owned());
    }
    Ok((machine, size))
}

impl NewSize {
    fn take(&mut self, part: Part, word: &str, amount: &str) -> Result<(), String> {
        let amount = amount.strip_prefix("to ").unwrap_or(amount);
        let amount = amount.strip_suffix(" and").unwrap_or(amount);
        let said = match part {
            Part::Vcpus => {
                let vcpus = Vcpus::parse(amount).map_err(|error| format!("`{word}`: {error}."))?;
                self.vcpus.replace(vcpus).is_some()
            }
            Part::Memory => self.memory.replace(mebibytes(word, amount)?).is_some(),
            Part::Disk => self.disk.replace(mebibytes(word, amount)?).is_some(),
        };
        if said { Err(format!("`{word}` is there twice.")) } else { Ok(()) }
    }
}

fn mebibytes(word: &str, amount: &str) -> Result<Mebibytes, String> {
    Mebibytes::parse(amount).map_err(|error| format!("`{word}`: {error}."))
}

fn part(word: &str) -> Option<Part> {
    match word.trim_end_matches(':').to_ascii_lowercase().as_str() {
        "vcpus" | "vcpu" | "cpus" | "cpu" | "cores" => Some(Part::Vcpus),
        "memory" | "ram" | "mem" => Some(Part::Memory),
        "disk" | "storage" => Some(Part::Disk),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[track_caller]
    fn understood(text: &str) -> String {
        let (machine, size) = read(text).unwrap();
        let machine = machine.map_or_else(|| "-".to_owned(), |name| name.to_string());
        let show = |amount: Option<String>| amount.unwrap_or_else(|| "-".to_owned());
        let vcpus = show(size.vcpus.map(|vcpus| vcpus.get().to_string()));
        let memory = show(size.memory.map(|memory| memory.to_string()));
        let disk = show(size.disk.map(|disk| disk.to_string()));
        format!("{machine} {vcpus} {memory} {disk}")
    }

    #[test]
    fn sizes_are_understood_as_people_write_them() {
        for (text, expected) in [
            ("memory 8 GiB", "- - 8 GiB -"),
            ("memory 8g vcpus 4 disk 40 GiB", "- 4 8 GiB 40 GiB"),
            ("web-1 ram 512 MiB", "web-1 - 512 MiB -"),
            ("memory: 8 GiB, cpus=2", "- 2 8 GiB -"),
            ("memory to 8 GiB and disk to 40 GiB", "- - 8 GiB 40 GiB"),
        ] {
            assert_eq!(understood(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (text, expected) in [
            ("", "Say what is to change"),
            ("web-1", "Say what is to change"),
            ("8 GiB", "Say what is to change"),
            ("8g", "Say what is to change"),
            ("memory", "`memory`:"),
            ("memory 8", "`memory`:"),
            ("memory much", "`memory`:"),
            ("vcpus 0", "`vcpus`:"),
            ("memory 1 GiB ram 2 GiB", "`ram` is there twice"),
            ("web-1 web-2 memory 1 GiB", "I do not know what `web-2` is"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
