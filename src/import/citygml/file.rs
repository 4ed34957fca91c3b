//! One file of a source: surveyed, then read member by member.

use glam::{DVec3, Vec3Swizzles};

use super::FoundFile;
use super::appearance::Remark;
use super::axes::contradiction;
use super::codelists::CodeLists;
use super::identity::Identity;
use super::members::{Batch, Broken, Members};
use super::objects::{self, ReadMember};
use super::reference::same_plane;
use super::scope::Scope;
use super::stream::Stream;
use super::survey::survey;
use crate::geodesy::CrsRegistry;
use crate::geometry::parallel;
use crate::import::{
    Diagnostic, ImportError, ImportOptions, ObjectSink, Place, Severity, SourceFiles, SourceFrame, SourceReport,
};

/// Reads the files of one source.
pub(super) struct Run<'f> {
    pub(super) files: &'f dyn SourceFiles,
    pub(super) options: &'f ImportOptions,
    pub(super) registry: &'f CrsRegistry,
    pub(super) frame: &'f SourceFrame,
    pub(super) codelists: &'f CodeLists<'f>,
}

impl Run<'_> {
    /// Hands on all objects of a file. What ended it before its root did, if something did. `sizes` are bytes of the files
    /// before, of this one, and of all.
    pub(super) fn read(
        &self,
        file: &FoundFile<'_>,
        identity: &mut Identity,
        sizes: (u64, u64, u64),
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<Option<Broken>, ImportError> {
        let (mut scope, remarks) = self.scope(file)?;
        for (code, message) in remarks {
            note(report, code, message, &scope.path);
        }
        if file.head.is_flat && self.frame.heights_above != crate::import::HeightsAbove::Ground {
            let message =
                "the file has no heights; its objects lie at height 0 as those of the other files are measured";
            note(report, "no-heights", message.to_owned(), &scope.path);
        }
        let mut members = Members::new(Stream::open(self.files, file.name));
        let mut is_first = true;
        let (before, size, total) = sizes;
        if members.root()?.is_some() {
            while let Some(batch) = members.next()? {
                let mut read = read_batch(&scope, &batch);
                if is_first && self.turn_axes(&mut scope, &read, report) {
                    read = read_batch(&scope, &batch);
                }
                is_first = false;
                hand_on(read, identity, sink, report, &scope.path)?;
                sink.progress(before + members.position().min(size), total)?;
            }
        }
        let unused = scope.appearances.unused();
        if unused > 0 {
            let message = format!("{unused} pictures are for rings that are not in the file");
            note(report, "texture-target-missing", message, &scope.path);
        }
        Ok(members.broken)
    }

    fn scope<'s>(&'s self, file: &'s FoundFile<'_>) -> Result<(Scope<'s>, Vec<Remark>), ImportError> {
        let found = survey(self.files, file.name, &file.head.root.spaces)?;
        let is_geographic = self.registry.crs_info(&self.frame.crs).is_ok_and(|info| info.is_geographic);
        let mut reference = file.reference.clone();
        let origin = file.head.anchor.as_ref().map_or(DVec3::ZERO, |(_, [first, second, height])| {
            let place = DVec3::new(*first, *second, *height);
            if reference.north_first { place.yxz() } else { place }
        });
        if file.head.anchor.is_some() {
            // The axes of an engineering CRS are called x and y: x is east.
            (reference.north_first, reference.is_doubtful) = (false, false);
        }
        let is_elsewhere = !same_plane(&reference.crs, &self.frame.crs, self.registry);
        if is_elsewhere {
            let failed = |error: crate::geodesy::GeodesyError| ImportError::Crs {
                cause: error.to_string(),
                path: self.files.path_of(file.name),
            };
            self.registry.operation(&reference.crs, &self.frame.crs).map_err(failed)?;
        }
        let scope = Scope {
            files: self.files,
            options: self.options,
            name: file.name,
            path: self.files.path_of(file.name),
            spaces: file.head.root.spaces.clone(),
            registry: self.registry,
            frame: self.frame.crs.clone(),
            frame_is_geographic: is_geographic,
            reference,
            said: file.head.said.clone().unwrap_or_default(),
            insists: self.options.crs.is_some(),
            dimension: file.head.dimension,
            origin,
            is_elsewhere,
            appearances: found.appearances,
            library: found.library,
            codelists: self.codelists,
        };
        Ok((scope, found.remarks))
    }

    /// Takes the other order of axes where the first objects of a file show that it is meant.
    fn turn_axes(&self, scope: &mut Scope<'_>, read: &[ReadMember], report: &mut SourceReport) -> bool {
        if scope.is_elsewhere {
            // What was read is not in the CRS of the file any more.
            return false;
        }
        let objects = read.iter().flat_map(|member| &member.objects);
        let is_geographic = self.registry.crs_info(&scope.reference.crs).is_ok_and(|info| info.is_geographic);
        let Some(message) = contradiction(&scope.reference, is_geographic, objects) else { return false };
        report.warn("axes-turned", message, Place::file(scope.path.clone()));
        scope.reference.north_first = !scope.reference.north_first;
        true
    }
}

fn read_batch(scope: &Scope<'_>, batch: &Batch<'_>) -> Vec<ReadMember> {
    // Looks were gathered by the survey.
    let members = batch.members().into_iter().filter(|member| !member.holds_looks());
    parallel::map(members.collect(), |member| objects::read(scope, &member))
}

fn note(report: &mut SourceReport, code: &'static str, message: String, path: &str) {
    report.note(Diagnostic { severity: Severity::Note, code, message, place: Place::file(path) });
}

/// Hands objects on, each under an identifier of its own.
fn hand_on(
    read: Vec<ReadMember>,
    identity: &mut Identity,
    sink: &mut dyn ObjectSink,
    report: &mut SourceReport,
    path: &str,
) -> Result<(), ImportError> {
    let mut batch = Vec::with_capacity(read.len());
    for mut member in read {
        report.records += member.objects.len() as u64;
        member.findings.hand_to(report);
        identity.settle(&mut member.objects, path, report);
        batch.append(&mut member.objects);
    }
    report.count(&batch);
    if batch.is_empty() { Ok(()) } else { sink.take(batch) }
}
