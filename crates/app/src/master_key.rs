//! The master key of the embedded default: made on first start, kept in the data folder in a file of mode 0600.

use std::{
    fs, io,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use data_encoding::{BASE64, HEXLOWER};
use portcullis_domain::{port::Entropy, seal::MasterKey};
use thiserror::Error;
use zeroize::Zeroizing;

/// The file in the data folder.
const FILE: &str = "master.key";
/// The key before it, while the key is being changed.
const PREVIOUS: &str = "master.key.previous";

/// The key's file cannot be used.
#[derive(Debug, Error)]
pub(crate) enum MasterKeyError {
    /// The system does not let the file be read or made.
    #[error("{} cannot be used: {source}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold 32 bytes in base64", .path.display())]
    Content { path: PathBuf },
    /// Others than its owner may read or change the file.
    #[cfg(unix)]
    #[error("users other than its owner may read or change {} (mode {mode:04o})", .path.display())]
    Mode { path: PathBuf, mode: u32 },
    /// The file is somebody else's, who may change it whatever its mode.
    #[cfg(unix)]
    #[error("{} belongs to the user with the id {owner}, not to this one, {user}", .path.display())]
    Owner { path: PathBuf, owner: u32, user: u32 },
}

impl MasterKeyError {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::File { .. } | Self::Content { .. } => {
                "restore the file from a back-up, or set MASTER_KEY to the key".to_owned()
            }
            #[cfg(unix)]
            Self::Mode { path, .. } => format!("run `chmod 600 {}`", path.display()),
            #[cfg(unix)]
            Self::Owner { path, owner, user } => {
                format!("run the service as the user {owner}, or `chown {user} {}`", path.display())
            }
        }
    }
}

/// Reads the key, where there is one; refuses one that is not this user's alone. While the key is being changed, with the one before.
pub(crate) fn find(folder: &Path) -> Result<Option<MasterKey>, MasterKeyError> {
    let Some(key) = read(folder.join(FILE))? else { return Ok(None) };
    let previous = read(folder.join(PREVIOUS))?;
    Ok(Some(match previous {
        Some(previous) => key.with_previous(&previous),
        None => key,
    }))
}

/// Puts a new key in the place of the one there is, which stays beside it for as long as things are sealed with it. Goes on where
/// an earlier call was cut off.
pub(crate) fn begin_change(folder: &Path, entropy: &dyn Entropy) -> Result<(), MasterKeyError> {
    let (path, previous) = (folder.join(FILE), folder.join(PREVIOUS));
    let failed = |source| MasterKeyError::File { path: path.clone(), source };
    let key = read(path.clone())?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    match read(previous.clone())? {
        // Changed already, and what is sealed with the one before was not all sealed anew.
        Some(before) if before.expose() != key.expose() => return Ok(()),
        Some(_) => {}
        None => fs::hard_link(&path, &previous).map_err(failed)?,
    }
    let draft = write_draft(folder, entropy).map_err(failed)?;
    fs::rename(&draft, &path).and_then(|()| sync(folder)).map_err(failed)
}

/// Puts the key before aside, under a name that tells until when it was used: back-ups made by then need it. Returns that name.
pub(crate) fn end_change(folder: &Path, now: DateTime<Utc>) -> Result<Option<PathBuf>, MasterKeyError> {
    let previous = folder.join(PREVIOUS);
    let aside = folder.join(format!("{FILE}.until-{}", now.format("%Y%m%dT%H%M%SZ")));
    match fs::rename(&previous, &aside).and_then(|()| sync(folder)) {
        Ok(()) => Ok(Some(aside)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(MasterKeyError::File { path: previous, source }),
    }
}

fn read(path: PathBuf) -> Result<Option<MasterKey>, MasterKeyError> {
    let mut file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(MasterKeyError::File { path, source }),
    };
    #[cfg(unix)]
    check(&path, &file)?;
    let mut text = Zeroizing::new(String::new());
    if let Err(source) = file.read_to_string(&mut text) {
        return Err(MasterKeyError::File { path, source });
    }
    let bytes = BASE64.decode(text.trim().as_bytes()).map(Zeroizing::new);
    let key = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    key.map(|key| Some(MasterKey::new(key))).ok_or(MasterKeyError::Content { path })
}

/// Reads the key, or makes it. Of several processes that make it at once one does, and all read that one's.
pub(crate) fn find_or_make(folder: &Path, entropy: &dyn Entropy) -> Result<MasterKey, MasterKeyError> {
    if let Some(key) = find(folder)? {
        return Ok(key);
    }
    let path = folder.join(FILE);
    let failed = |source| MasterKeyError::File { path: path.clone(), source };
    make(folder, &path, entropy).map_err(failed)?;
    find(folder)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

/// Of the opened file, so that it is the one that is read.
#[cfg(unix)]
fn check(path: &Path, file: &fs::File) -> Result<(), MasterKeyError> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().map_err(|source| MasterKeyError::File { path: path.into(), source })?;
    check_ownership(path, metadata.mode(), metadata.uid(), rustix::process::geteuid().as_raw())
}

#[cfg(unix)]
fn check_ownership(path: &Path, mode: u32, owner: u32, user: u32) -> Result<(), MasterKeyError> {
    if owner != user {
        return Err(MasterKeyError::Owner { path: path.into(), owner, user });
    }
    match mode & 0o7777 {
        mode if mode & 0o077 != 0 => Err(MasterKeyError::Mode { path: path.into(), mode }),
        _ => Ok(()),
    }
}

/// Writes a new key under a name of its own and links it to its place, which fails where another process was first: a reader
/// never sees half a key, and no key is ever replaced.
fn make(folder: &Path, path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let draft = write_draft(folder, entropy)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync(folder),
    }
}

/// Writes a new key under a name of its own.
fn write_draft(folder: &Path, entropy: &dyn Entropy) -> io::Result<PathBuf> {
    // The number of a process would not do: in containers that share a volume it is always the same.
    let mut suffix = [0; 16];
    entropy.fill(&mut suffix);
    let draft = folder.join(format!("{FILE}.{}", HEXLOWER.encode(&suffix)));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&draft)?;
    match write(file, &MasterKey::generate(entropy)) {
        Ok(()) => Ok(draft),
        Err(error) => {
            fs::remove_file(&draft)?;
            Err(error)
        }
    }
}

/// What was linked and renamed in the folder outlasts a loss of power.
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

fn write(mut file: fs::File, key: &MasterKey) -> io::Result<()> {
    let text = Zeroizing::new(BASE64.encode(key.expose()));
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use portcullis_memory::OsEntropy;

    use super::*;

    #[cfg(unix)]
    const KEY: &str = "cXVpZXQtbWFzdGVyLWtleS1xdWlldC1tYXN0ZXIta2U=";

    /// Puts a file of this mode where the key belongs.
    fn put(folder: &Path, text: &str, mode: u32) {
        let path = folder.join(FILE);
        fs::write(&path, text).expect("writes");
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("is ours");
        #[cfg(not(unix))]
        let _ = mode;
    }

    #[test]
    fn the_key_is_made_once_and_read_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(find(folder.path()).expect("reads").is_none());
        let made = find_or_make(folder.path(), &OsEntropy).expect("makes");
        let read = find_or_make(folder.path(), &OsEntropy).expect("reads");
        assert_eq!(made.expose(), read.expose());
        assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 1, "no draft is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        find_or_make(folder.path(), &OsEntropy).expect("makes");
        let mode = fs::metadata(folder.path().join(FILE)).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        put(folder.path(), "no key", 0o600);
        let refused = find_or_make(folder.path(), &OsEntropy);
        assert!(matches!(refused, Err(MasterKeyError::Content { .. })));
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).expect("reads"), "no key");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_or_change_is_refused() {
        for mode in [0o604, 0o640, 0o620, 0o602, 0o644, 0o610, 0o777] {
            let folder = tempfile::tempdir().expect("a folder");
            put(folder.path(), KEY, mode);
            let refused = find(folder.path()).err();
            assert!(
                matches!(refused, Some(MasterKeyError::Mode { mode: found, .. }) if found == mode),
                "{refused:?}"
            );
        }
        for mode in [0o600, 0o400, 0o700] {
            let folder = tempfile::tempdir().expect("a folder");
            put(folder.path(), KEY, mode);
            assert!(find(folder.path()).expect("reads").is_some(), "{mode:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_belongs_to_somebody_else_is_refused() {
        let path = Path::new(FILE);
        assert!(check_ownership(path, 0o100_600, 1000, 1000).is_ok());
        for (owner, user) in [(0, 1000), (1000, 0), (1000, 1001)] {
            let refused = check_ownership(path, 0o100_600, owner, user).err();
            assert!(matches!(refused, Some(MasterKeyError::Owner { .. })), "{owner} {user}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_lies_under_the_name_of_a_draft_is_not_written_to() {
        /// Makes the draft's name foreseeable.
        struct Zeros;

        impl Entropy for Zeros {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0);
            }
        }

        for suffix in [std::process::id().to_string(), "0".repeat(32)] {
            let folder = tempfile::tempdir().expect("a folder");
            let target = folder.path().join("target");
            fs::write(&target, "kept").expect("writes");
            let planted = folder.path().join(format!("{FILE}.{suffix}"));
            std::os::unix::fs::symlink(&target, &planted).expect("links");
            // Made under another name, or not at all.
            let _ = find_or_make(folder.path(), &Zeros);
            assert_eq!(fs::read_to_string(&target).expect("reads"), "kept");
            assert!(planted.is_symlink());
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("reads").flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_changed_key_opens_what_the_one_before_sealed_until_the_change_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = find_or_make(folder.path(), &OsEntropy).expect("makes");
        let sealed = old.seal(b"secret", b"", &OsEntropy);
        begin_change(folder.path(), &OsEntropy).expect("begins");
        let both = find(folder.path()).expect("reads").expect("is there");
        assert_ne!(both.expose(), old.expose());
        assert!(both.open(&sealed, b"").is_ok());
        assert_eq!(names(folder.path()), [FILE, PREVIOUS]);

        begin_change(folder.path(), &OsEntropy).expect("goes on");
        let again = find(folder.path()).expect("reads").expect("is there");
        assert_eq!(again.expose(), both.expose(), "a change that was not finished is not begun anew");

        let aside = end_change(folder.path(), DateTime::UNIX_EPOCH).expect("ends").expect("was there");
        assert_eq!(aside, folder.path().join("master.key.until-19700101T000000Z"));
        let new = find(folder.path()).expect("reads").expect("is there");
        assert_eq!(new.expose(), both.expose());
        assert!(new.open(&sealed, b"").is_err());
        assert_eq!(read(aside).expect("reads").expect("is kept").expose(), old.expose());
        assert_eq!(end_change(folder.path(), DateTime::UNIX_EPOCH).expect("ends"), None);
    }

    #[test]
    fn a_change_that_was_cut_off_before_the_new_key_was_there_makes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = find_or_make(folder.path(), &OsEntropy).expect("makes");
        fs::hard_link(folder.path().join(FILE), folder.path().join(PREVIOUS)).expect("links");
        assert_eq!(find(folder.path()).expect("reads").expect("is there").expose(), old.expose());
        begin_change(folder.path(), &OsEntropy).expect("goes on");
        assert_ne!(find(folder.path()).expect("reads").expect("is there").expose(), old.expose());
        assert_eq!(
            read(folder.path().join(PREVIOUS)).expect("reads").expect("is kept").expose(),
            old.expose()
        );
    }

    #[test]
    fn of_many_that_make_the_key_at_once_all_get_the_same() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().expect("a folder");
            let barrier = std::sync::Barrier::new(8);
            let make = || {
                barrier.wait();
                find_or_make(folder.path(), &OsEntropy).map(|key| *key.expose())
            };
            let keys: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic").expect("a key")).collect()
            });
            assert!(keys.iter().all(|key| *key == keys[0]));
            assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 1, "no draft is left behind");
        }
    }
}
