//! The master key of the embedded default: made on first start, kept in the data folder in a file of mode 0600.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use portcullis_domain::{port::Entropy, seal::MasterKey};
use thiserror::Error;
use zeroize::Zeroizing;

/// The file in the data folder.
const FILE: &str = "master.key";

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
}

/// Reads the key, where there is one.
pub(crate) fn find(folder: &Path) -> Result<Option<MasterKey>, MasterKeyError> {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(MasterKeyError::File { path, source }),
    };
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
    make(folder, &path, &MasterKey::generate(entropy)).map_err(failed)?;
    find(folder)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

/// Writes the key under a name of its own and links it to its place, which fails where another process was first: a reader
/// never sees half a key, and no key is ever replaced.
fn make(folder: &Path, path: &Path, key: &MasterKey) -> io::Result<()> {
    let draft = folder.join(format!("{FILE}.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = Zeroizing::new(BASE64.encode(key.expose()));
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::File::open(folder)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use portcullis_memory::OsEntropy;

    use super::*;

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
        fs::write(folder.path().join(FILE), "no key").expect("writes");
        let refused = find_or_make(folder.path(), &OsEntropy);
        assert!(matches!(refused, Err(MasterKeyError::Content { .. })));
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).expect("reads"), "no key");
    }
}
