//! Whether a binary runs where the functions run: the right processor, and no newer C library than Amazon Linux 2023
//! has. A function that fails this check would deploy, and die at its first call.

use anyhow::{Context, ensure};
use object::Endianness;
use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64, Machine};
use object::read::elf::FileHeader;

use super::Architecture;

/// The C library of Amazon Linux 2023, on which `provided.al2023` runs: glibc 2.34
/// (<https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>).
const NEWEST: (u32, u32) = (2, 34);

/// Holds a binary against what the functions run on.
pub(super) fn check(content: &[u8], architecture: Architecture) -> anyhow::Result<()> {
    let header = FileHeader64::<Endianness>::parse(content)
        .map_err(|_| anyhow::anyhow!("expected an ELF program of 64 bits for Linux, found something else"))?;
    let found = header.e_machine(header.endian()?);
    let expected = machine(architecture);
    ensure!(found == expected, "expected a program for {architecture}, found one for {}", named(found));
    let too_new: Vec<_> = needed(header, content)?.into_iter().filter(|version| !stands_in_al2023(version)).collect();
    ensure!(
        too_new.is_empty(),
        "expected a program that is content with glibc {}.{} (Amazon Linux 2023), found one that needs {}: it was linked \
         against this machine's newer C library; build with `cargo lambda`, installed by `pip install cargo-lambda`",
        NEWEST.0,
        NEWEST.1,
        too_new.join(", ")
    );
    Ok(())
}

fn machine(architecture: Architecture) -> Machine {
    match architecture {
        Architecture::Arm64 => EM_AARCH64,
        Architecture::X86_64 => EM_X86_64,
    }
}

fn named(machine: Machine) -> String {
    let known = [Architecture::Arm64, Architecture::X86_64].into_iter().find(|known| self::machine(*known) == machine);
    known.map_or_else(|| format!("ELF machine {machine:?}"), |known| known.to_string())
}

/// The versions of the C library that a program's symbols ask for: `GLIBC_2.17`. None of a static program.
fn needed(header: &FileHeader64<Endianness>, content: &[u8]) -> anyhow::Result<Vec<String>> {
    let unread = "the program's ELF sections can't be read";
    let endian = header.endian()?;
    let sections = header.sections(endian, content).context(unread)?;
    let Some((mut files, link)) = sections.gnu_verneed(endian, content).context(unread)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, content, link).context(unread)?;
    let mut names = Vec::new();
    while let Some((_, mut versions)) = files.next().context(unread)? {
        while let Some(version) = versions.next().context(unread)? {
            names.push(String::from_utf8_lossy(version.name(endian, strings).context(unread)?).into_owned());
        }
    }
    names.retain(|name| name.starts_with("GLIBC_"));
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Names without a number (`GLIBC_ABI_DT_RELR`, `GLIBC_PRIVATE`) are of later or of no dependable versions.
fn stands_in_al2023(name: &str) -> bool {
    let mut numbers = name.trim_start_matches("GLIBC_").split('.').map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) <= NEWEST)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// This test's own program, as if it had been linked against that C library.
    fn linked_against(version: &str) -> Vec<u8> {
        let mut content = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let header = FileHeader64::<Endianness>::parse(content.as_slice()).unwrap();
        let newest = needed(header, &content).unwrap().into_iter().max_by_key(|name| minor(name)).unwrap();
        let (old, new) = (format!("\0{newest}\0"), format!("\0GLIBC_{version}\0"));
        assert_eq!(old.len(), new.len());
        let place = content.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
        content[place..place + new.len()].copy_from_slice(new.as_bytes());
        content
    }

    fn minor(name: &str) -> u32 {
        name.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0)
    }

    fn own() -> Architecture {
        if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 }
    }

    #[test]
    fn the_c_library_must_not_be_newer_than_that_of_amazon_linux() {
        check(&linked_against("2.34"), own()).unwrap();
        let error = check(&linked_against("2.35"), own()).unwrap_err().to_string();
        assert!(error.contains("needs GLIBC_2.35"), "{error}");
    }

    #[test]
    fn the_processor_must_be_the_right_one() {
        let other = if own() == Architecture::Arm64 { Architecture::X86_64 } else { Architecture::Arm64 };
        let error = check(&linked_against("2.34"), other).unwrap_err().to_string();
        assert_eq!(error, format!("expected a program for {other}, found one for {}", own()));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for content in [&b"#!/bin/sh\n"[..], b"", &linked_against("2.34")[..100]] {
            assert!(check(content, own()).is_err());
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(["GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.34"].into_iter().all(stands_in_al2023));
        assert!(!["GLIBC_2.35", "GLIBC_3.0", "GLIBC_ABI_DT_RELR"].into_iter().any(stands_in_al2023));
    }
}
