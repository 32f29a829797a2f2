//! Markdown as GitLab reads it, and as the pages show it.

use comrak::{Options, markdown_to_html};

/// The extensions GitLab switches on.
pub(super) fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.description_lists = true;
    options.extension.multiline_block_quotes = true;
    options.extension.alerts = true;
    options
}

/// HTML for a page. Raw HTML in the text is left out, links to anything but
/// web and mail addresses lose their target.
pub(super) fn render(text: &str) -> String {
    markdown_to_html(text, &options())
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn raw_html_and_script_links_do_not_reach_the_page() {
        let html =
            render("<script>alert(1)</script>\n\n[x](javascript:alert(1)) <b onclick=x>y</b>");
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("javascript:"), "{html}");
        assert!(!html.contains("onclick"), "{html}");
    }

    #[test]
    fn tables_and_task_lists_are_rendered() {
        let html = render("| a |\n|---|\n| b |\n\n- [x] done");
        assert!(html.contains("<table>"), "{html}");
        assert!(html.contains("checkbox"), "{html}");
    }
}
