//! The page that lists the pages of all cookbooks. It is no template: its links
//! lead to files, and templates may link to nothing but the web.

use super::{markdown::Markdown, prose::prose, safe};
use crate::cookbook::page::Page;

/// Lists pages that stand beside it as `NAME.md`.
#[must_use]
pub fn index(pages: &[Page]) -> Markdown {
    let mut text = String::from(
        "<!-- Made by `innkeeper cookbook doc` from the cookbooks: change those, not this. -->\n\n\
         # What can be asked for\n\n\
         | | What it is | Who approves | How long |\n| --- | --- | --- | --- |",
    );
    for page in pages {
        let approvers: Vec<String> = page.approvers.iter().map(|who| safe::inline(who)).collect();
        let name: String =
            page.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        text.push_str(&format!(
            "\n| [{}]({name}.md) | {} | {} | {}, {} at most |",
            prose(&page.title),
            prose(&page.summary),
            approvers.join(", "),
            safe::plain(&page.life.default),
            safe::plain(&page.life.max),
        ));
    }
    Markdown::rendered(text)
}

#[cfg(test)]
mod tests {
    use super::index;
    use crate::notice::samples;

    #[test]
    fn every_cookbook_has_a_row_that_leads_to_its_page_and_nothing_acts() {
        let mut pages = samples::pages();
        pages.truncate(1);
        pages[0].title = "Sandbox @all".to_owned();
        let text = index(&pages);
        let row = text.as_str().lines().last().unwrap();
        assert!(
            row.contains(
                "](sandbox.md) | A machine to try something out. | `group:tpo/tpa`, `user:alice` |"
            ),
            "{row}"
        );
        assert!(!row.contains("@all"), "{row}");
    }
}
