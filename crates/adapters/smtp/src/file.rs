//! Files that are there whole or not at all, whenever the power fails.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Makes a folder, and those it is in, for this user alone; one that is there stays as it is.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a new file for this user alone: first under another name, so that nobody finds half of it, and to the disk before
/// this returns, its name included.
pub(crate) fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".part");
    let part = folder.join(hidden);
    let written = write_part(&part, bytes).and_then(|()| fs::rename(&part, folder.join(name)));
    if written.is_err() {
        // Whether or not it is there: the first error is the one that tells what went wrong.
        fs::remove_file(&part).ok();
    }
    written?;
    sync_folder(folder)
}

fn write_part(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name is durable once its folder is. Only Unix opens folders, and only there is it needed.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("is there").permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    }

    #[test]
    fn a_written_file_is_whole_alone_and_private() {
        let folder = tempfile::tempdir().expect("a folder");
        write_new(folder.path(), "a.eml", b"text").expect("writes");
        assert_eq!(names(folder.path()), ["a.eml"]);
        assert_eq!(fs::read(folder.path().join("a.eml")).expect("reads"), b"text");
        assert_eq!(mode(&folder.path().join("a.eml")), 0o600);
    }

    #[test]
    fn a_file_that_cannot_get_its_name_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("a.eml")).expect("a folder in the way");
        write_new(folder.path(), "a.eml", b"text").expect_err("the name is taken by a folder");
        assert_eq!(names(folder.path()), ["a.eml"]);
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let elsewhere = folder.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, folder.path().join(".a.eml.part")).expect("a link");
        write_new(folder.path(), "a.eml", b"text").expect_err("the name is taken by a link");
        assert!(!elsewhere.exists());
    }

    #[test]
    fn a_made_folder_is_private_and_one_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = folder.path().join("data/mail");
        make_private_folder(&made).expect("makes");
        assert_eq!(mode(&made), 0o700);
        fs::set_permissions(&made, fs::Permissions::from_mode(0o750)).expect("sets");
        make_private_folder(&made).expect("is there");
        assert_eq!(mode(&made), 0o750);
    }
}
