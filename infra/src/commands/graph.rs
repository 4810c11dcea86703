//! `infra graph`.

use super::output;

pub(super) fn graph() -> anyhow::Result<()> {
    output(&asl::mermaid(&migration::workflow::in_place()?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_picture_in_the_readme_is_the_one_that_graph_draws() {
        let picture = asl::mermaid(&migration::workflow::in_place().unwrap());
        assert!(include_str!("../../../README.md").contains(&format!("```mermaid\n{picture}```")));
    }
}
