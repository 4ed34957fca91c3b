//! `veduta merge`: the parts of one import, made one by one or on several machines, to a package.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::app::city_builder::{Part, Written, merge_parts};
use crate::app::cli::MergeArgs;
use crate::import::SourceFiles;
use crate::package::Manifest;
use crate::platform::{AtomicFolder, LocalFiles};

pub fn run(arguments: &MergeArgs) -> Result<ExitCode> {
    let mut parts: Vec<(Part, &PathBuf)> = Vec::with_capacity(arguments.parts.len());
    for path in &arguments.parts {
        let shown = || path.display().to_string();
        let bytes = std::fs::read(path.join(Part::NAME)).with_context(|| {
            format!("no part of an import is there ('veduta import --partition I/N' makes one): {}", shown())
        })?;
        parts.push((Part::read(&bytes).with_context(shown)?, path));
    }
    parts.sort_by_key(|(part, _)| part.number);
    check(&parts)?;
    let (parts, paths): (Vec<Part>, Vec<&PathBuf>) = parts.into_iter().unzip();
    let mut folder = AtomicFolder::create(&arguments.output, Manifest::NAME)?;
    let Written { manifest, .. } = merge_parts(
        &parts,
        &mut |number, sink| {
            let Some(path) = paths.get(number) else { return Ok(()) };
            let files = LocalFiles::open(path)?;
            for name in files.names().iter().filter(|name| *name != Part::NAME) {
                sink.write(name, &files.read(name)?)?;
            }
            Ok(())
        },
        &mut folder,
    )?;
    folder.commit()?;
    say!(
        "{}: {} objects, {} triangles from {} parts",
        arguments.output.display(),
        manifest.objects,
        manifest.triangles,
        parts.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// Refuses parts that are not all parts of one import, each once.
fn check(parts: &[(Part, &PathBuf)]) -> Result<()> {
    let Some((first, of_first)) = parts.first() else { bail!("no parts are named") };
    for (number, (part, path)) in parts.iter().enumerate() {
        if part.manifest != first.manifest || part.of != first.of {
            bail!(
                "it is not part of the same import as {} (other sources or settings): {}",
                of_first.display(),
                path.display()
            );
        }
        if part.number < number as u32 {
            bail!("part {}/{} is there twice: {}", part.number + 1, part.of, path.display());
        }
        if part.number > number as u32 {
            bail!("part {}/{} is missing; make it with --partition {}/{}", number + 1, part.of, number + 1, part.of);
        }
    }
    if parts.len() < first.of as usize {
        bail!(
            "part {}/{} is missing; make it with --partition {}/{}",
            parts.len() + 1,
            first.of,
            parts.len() + 1,
            first.of
        );
    }
    Ok(())
}
