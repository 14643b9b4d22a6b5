//! Looking at the disk: which file a name means, what is told of it. Runs on threads that may block.

use super::lent::{Lender, Room};
use crate::sites::coding::{Coding, compressible};
use crate::sites::conf::{Compression, FilesConf};
use crate::sites::path::{Name, hidden};
use crate::sites::squeeze;
use crate::sites::table::within;
use bytes::Bytes;
use http::HeaderValue;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// Files up to this size are kept in memory, and compressed whole.
pub const SMALL: u64 = 64 << 10;

/// Which content is read into memory at once.
#[derive(Clone)]
pub struct Content {
    /// Files up to this size are, so that no file takes more than a part of it.
    upto: u64,
    large: Arc<Lender>,
}

impl Content {
    /// `memory` is what may be remembered, in bytes. As much again may be in the hands of slow callers.
    pub fn new(memory: usize) -> Content {
        Content { upto: memory as u64 / 16, large: Lender::new(memory.saturating_mul(2)) }
    }

    fn room(&self, size: u64) -> Option<Room> {
        if size > self.upto {
            return None;
        }
        self.large.room(usize::try_from(size).ok()?)
    }
}

/// What a name means.
pub enum Found {
    File(Box<Entry>),
    /// A folder that was asked for without its slash.
    Folder,
}

impl Found {
    /// Bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Found::Folder => 0,
            Found::File(entry) => {
                let blobs = entry.siblings.iter().map(|(_, blob)| blob).chain([&entry.plain]);
                let held =
                    blobs.map(|blob| if let Data::Memory(bytes) = &blob.data { bytes.len() } else { 0 });
                // A compressed copy may be made of a small one, which is shorter.
                held.sum::<usize>() * if entry.compressible && entry.plain.size <= SMALL { 2 } else { 1 }
            }
        }
    }
}

/// A file with what answers say of it.
pub struct Entry {
    pub plain: Blob,
    /// The same compressed, in files beside it.
    pub siblings: Vec<(Coding, Blob)>,
    pub content_type: HeaderValue,
    pub cache_control: Option<HeaderValue>,
    /// Seconds of the epoch.
    pub modified: u64,
    pub last_modified: HeaderValue,
    pub compressible: bool,
    /// What has been compressed here, by the place in [`Coding::ALL`].
    squeezed: [OnceLock<Option<Bytes>>; 3],
    marks: Vec<Mark>,
}

/// Bytes with a tag.
pub struct Blob {
    pub size: u64,
    pub etag: HeaderValue,
    pub data: Data,
}

pub enum Data {
    Memory(Bytes),
    File(Arc<File>),
}

/// Device, file, size, modified (s, ns), changed (s, ns): a file that has the same is the same.
type Mark = [i128; 7];

fn mark(meta: &Metadata) -> Mark {
    [
        meta.dev().into(),
        meta.ino().into(),
        meta.size().into(),
        meta.mtime().into(),
        meta.mtime_nsec().into(),
        meta.ctime().into(),
        meta.ctime_nsec().into(),
    ]
}

impl Entry {
    /// Its content in a coding, compressed once. `None` where it is not in memory.
    pub fn squeezed(&self, coding: Coding, how: &Compression) -> Option<Bytes> {
        let Data::Memory(bytes) = &self.plain.data else { return None };
        let at = Coding::ALL.iter().position(|other| *other == coding)?;
        let made = self
            .squeezed
            .get(at)?
            .get_or_init(|| squeeze::whole(coding, how, bytes).filter(|shorter| shorter.len() < bytes.len()));
        made.clone()
    }
}

/// What `name` means below the root. `known` is what it meant a moment ago: returned where nothing has changed.
pub fn look(
    conf: &FilesConf,
    content: &Content,
    name: &Name,
    known: Option<Arc<Found>>,
) -> Option<Arc<Found>> {
    let root = Root::open(&conf.root)?;
    let opened = match name.folder {
        true => root.open_file(&below(&name.path, &conf.index)),
        false => root.open_file(&name.path),
    };
    let (asked, opened) = match opened {
        Some(Opened::Folder) if name.folder => return None,
        Some(Opened::Folder) => return Some(Arc::new(Found::Folder)),
        Some(Opened::File(file)) if name.folder => (below(&name.path, &conf.index), file),
        Some(Opened::File(file)) => (name.path.clone(), file),
        None => {
            let fallback = conf.fallback.as_ref().filter(|_| may_fall_back(conf, &name.path))?;
            let Some(Opened::File(file)) = root.open_file(fallback) else { return None };
            (fallback.clone(), file)
        }
    };
    let siblings = root.siblings(&opened);
    let marks: Vec<Mark> = [&*opened]
        .into_iter()
        .chain(siblings.iter().map(|(_, file)| file))
        .map(|file| mark(&file.meta))
        .collect();
    if let Some(known) = known
        && matches!(known.as_ref(), Found::File(entry) if entry.marks == marks)
    {
        return Some(known);
    }
    Some(Arc::new(Found::File(Box::new(entry(conf, content, &asked, *opened, siblings, marks)?))))
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A page stands in for addresses that an application knows itself, not for a picture or a script that is gone.
fn may_fall_back(conf: &FilesConf, path: &str) -> bool {
    let forever = conf.immutable.iter().any(|prefix| within(path, prefix));
    let kind = mime_guess::from_path(path).first_raw();
    !forever && kind.is_none_or(|kind| kind == "text/html")
}

fn entry(
    conf: &FilesConf,
    content: &Content,
    asked: &str,
    opened: OpenedFile,
    siblings: Vec<(Coding, OpenedFile)>,
    marks: Vec<Mark>,
) -> Option<Entry> {
    let kind = mime_guess::from_path(asked).first_raw().unwrap_or("application/octet-stream");
    let charset = if kind.starts_with("text/") { "; charset=utf-8" } else { "" };
    let page = kind == "text/html";
    let cache = if !page && conf.immutable.iter().any(|prefix| within(asked, prefix)) {
        Some("public, max-age=31536000, immutable".to_owned())
    } else {
        conf.cache_seconds
            .map(|seconds| if page { "no-cache".into() } else { format!("public, max-age={seconds}") })
    };
    let modified = opened.meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let coded =
        siblings.into_iter().filter_map(|(coding, file)| Some((coding, blob(file, content)?))).collect();
    Some(Entry {
        plain: blob(opened, content)?,
        siblings: coded,
        content_type: HeaderValue::from_str(&format!("{kind}{charset}")).ok()?,
        cache_control: cache.and_then(|cache| HeaderValue::from_str(&cache).ok()),
        modified: seconds,
        last_modified: HeaderValue::from_str(&httpdate::fmt_http_date(modified)).ok()?,
        compressible: compressible(kind),
        squeezed: Default::default(),
        marks,
    })
}

fn blob(file: OpenedFile, content: &Content) -> Option<Blob> {
    let size = file.meta.size();
    let since = file.meta.mtime() as u64;
    let tag = format!("\"{:x}-{since:x}{:x}-{size:x}\"", file.meta.ino(), file.meta.mtime_nsec());
    let etag = HeaderValue::from_str(&tag).ok()?;
    let room = match size {
        ..=SMALL => None,
        _ => match content.room(size) {
            None => return Some(Blob { size, etag, data: Data::File(Arc::new(file.file)) }),
            room => room,
        },
    };
    let mut bytes = Vec::with_capacity(size as usize);
    file.file.take(size).read_to_end(&mut bytes).ok()?;
    // It has just become shorter: the next look gets it right.
    (bytes.len() as u64 == size).then(|| {
        let bytes = match room {
            Some(room) => room.fill(bytes),
            None => bytes.into(),
        };
        Blob { size, etag, data: Data::Memory(bytes) }
    })
}

/// A folder that is served, where its path leads now.
struct Root {
    path: PathBuf,
    folder: OwnedFd,
}

enum Opened {
    File(Box<OpenedFile>),
    Folder,
}

struct OpenedFile {
    file: File,
    meta: Metadata,
    /// Below the root, without symlinks.
    path: PathBuf,
}

impl Root {
    fn open(root: &Path) -> Option<Root> {
        use rustix::fs::{Mode, OFlags};
        let path = std::fs::canonicalize(root).ok()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, Mode::empty()).ok()?;
        Some(Root { path, folder })
    }

    /// Opens what is at a name. Symlinks are followed as long as they stay below the root.
    fn open_file(&self, name: &str) -> Option<Opened> {
        let real = std::fs::canonicalize(self.path.join(name)).ok()?;
        let path = real.strip_prefix(&self.path).ok()?;
        let public = |part: Component<'_>| match part {
            Component::Normal(part) => part.to_str().is_some_and(|part| !hidden(part)),
            _ => false,
        };
        if !path.components().all(public) {
            return None;
        }
        if path.as_os_str().is_empty() {
            return Some(Opened::Folder);
        }
        self.open_real(path)
    }

    fn open_real(&self, path: &Path) -> Option<Opened> {
        let file = File::from(self.open_beneath(path)?);
        let meta = file.metadata().ok()?;
        if meta.is_dir() {
            return Some(Opened::Folder);
        }
        meta.is_file().then(|| Opened::File(Box::new(OpenedFile { file, meta, path: path.to_owned() })))
    }

    /// Whoever swaps a folder for a symlink after the look at the path gets nothing by it: the kernel does not
    /// follow any. It does not wait for the other end of a pipe either.
    #[cfg(target_os = "linux")]
    fn open_beneath(&self, path: &Path) -> Option<OwnedFd> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(&self.folder, path, flags, Mode::empty(), how) {
            Ok(file) => Some(file),
            // A kernel before 5.6, or a container that does not know the call.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => self.open_plainly(path),
            Err(_) => None,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(&self, path: &Path) -> Option<OwnedFd> {
        self.open_plainly(path)
    }

    fn open_plainly(&self, path: &Path) -> Option<OwnedFd> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(&self.folder, path, flags, Mode::empty()).ok()
    }

    /// The same content compressed, in files beside it that are not older.
    fn siblings(&self, file: &OpenedFile) -> Vec<(Coding, OpenedFile)> {
        let modified = file.meta.modified().ok();
        let sibling = |coding: Coding| {
            let mut path = file.path.clone().into_os_string();
            path.push(OsStr::new(coding.ending()));
            match self.open_real(Path::new(&path))? {
                Opened::File(sibling) if sibling.meta.modified().ok() >= modified => Some((coding, *sibling)),
                _ => None,
            }
        };
        Coding::ALL.into_iter().filter_map(sibling).collect()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A small file's entry, made up.
    pub fn small(size: usize) -> Arc<Found> {
        let plain = Blob {
            size: size as u64,
            etag: HeaderValue::from_static("\"x\""),
            data: Data::Memory(vec![b'x'; size].into()),
        };
        Arc::new(Found::File(Box::new(Entry {
            plain,
            siblings: Vec::new(),
            content_type: HeaderValue::from_static("image/png"),
            cache_control: None,
            modified: 0,
            last_modified: HeaderValue::from_static(""),
            compressible: false,
            squeezed: Default::default(),
            marks: Vec::new(),
        })))
    }
}
