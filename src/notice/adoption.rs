//! The issue that is filed for a machine found on a provider.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    identity::{CookbookName, ProviderName},
    machine::{Machine, Power, Shape},
    quantity::Mebibytes,
};

/// The context of `templates/adoption.hbs`, the description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adoption {
    /// The account to address commands to, without `@`.
    pub bot: String,
    /// The machine's name. The provider's text.
    pub machine: String,
    /// Where it is.
    pub provider: String,
    /// The provider's own id for it.
    pub uuid: String,
    /// Whether it ran when it was found, in words.
    pub power: String,
    /// Its size as far as the provider tells, in words.
    pub size: Option<String>,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// The cookbook whose terms it gets.
    pub cookbook: String,
    /// Who may confirm it, in words.
    pub sysadmins: Vec<String>,
    /// Whether its name is on the operator's list of machines never touched.
    pub protected_name: bool,
}

impl Adoption {
    /// What the issue says about this machine.
    #[must_use]
    pub fn of(
        machine: &Machine,
        provider: &ProviderName,
        cookbook: &CookbookName,
        bot: &str,
    ) -> Self {
        Self {
            bot: bot.to_owned(),
            machine: machine.name.to_string(),
            provider: provider.to_string(),
            uuid: machine.uuid.to_string(),
            power: power_in_words(machine.power).to_owned(),
            size: machine.shape.map(size_in_words),
            addresses: machine.addresses.clone(),
            cookbook: cookbook.to_string(),
            sysadmins: Vec::new(),
            protected_name: false,
        }
    }

    /// The title. Forges look for mentions in titles too, and no Markdown
    /// is read there that could make foreign text inert: only characters that
    /// mean nothing are left.
    #[must_use]
    pub fn title(&self) -> String {
        let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let name: String =
            self.machine.chars().map(|c| if harmless(c) { c } else { '?' }).take(200).collect();
        format!("Adopted machine {name}")
    }
}

/// Whether a machine runs, in words.
#[must_use]
pub fn power_in_words(power: Power) -> &'static str {
    match power {
        Power::On => "running",
        Power::Off => "switched off",
        Power::Unknown => "unknown",
    }
}

/// A machine's disk, if the provider measured it: one of the least size stands
/// for any.
#[must_use]
pub fn measured_disk(shape: Shape) -> Option<Mebibytes> {
    Some(shape.disk).filter(|disk| *disk > Mebibytes::MIN)
}

/// A machine's size in words.
#[must_use]
pub fn size_in_words(shape: Shape) -> String {
    let mut words = format!("{}, {} memory", shape.vcpus, shape.memory);
    if let Some(disk) = measured_disk(shape) {
        let _ = write!(words, ", {disk} disk");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::Adoption;
    use crate::notice::samples;

    #[test]
    fn a_title_holds_nothing_that_could_act() {
        let titled = |name: &str| {
            let sample = samples::adoptions().remove(0);
            Adoption { machine: name.to_owned(), ..sample }.title()
        };
        assert_eq!(titled("web-01.example_x"), "Adopted machine web-01.example_x");
        assert_eq!(titled("@all #1 ~bug"), "Adopted machine ?all??1??bug");
        assert_eq!(titled("/close\n<b>"), "Adopted machine ?close??b?");
        assert!(titled(&"x".repeat(900)).len() < 255);
    }
}
