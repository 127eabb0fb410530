//! Loop devices (loop(4)) and file systems that are mounted from them.

use super::Kind;
use std::ffi::{CString, c_ulong};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

// <linux/loop.h>, which the libc crate does not name.
const LOOP_CTL_GET_FREE: c_ulong = 0x4c82;
const LOOP_CONFIGURE: c_ulong = 0x4c0a;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

#[repr(C)]
struct LoopInfo {
    numbers: [u64; 5],
    number: u32,
    encryption: [u32; 2],
    flags: u32,
    names: [[u8; 64]; 2],
    key: [u8; 32],
    init: [u64; 2],
}

const _: () = assert!(size_of::<LoopInfo>() == 232 && size_of::<LoopConfig>() == 304);

/// A loop device. The kernel removes it when it is closed and no longer mounted.
pub struct Device {
    _open: File,
    path: PathBuf,
}

impl Device {
    /// Returns a new device over the open file `backing`.
    pub fn over(backing: &OwnedFd) -> io::Result<Device> {
        let control = open_for_use("/dev/loop-control")?;
        loop {
            // SAFETY: the arguments are numbers.
            let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
            if number < 0 {
                return Err(io::Error::last_os_error());
            }
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = OpenOptions::new().read(true).write(true).open(&path)?;
            match configure(&device, backing) {
                // Another process has taken this number in between.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    return Ok(Device {
                        _open: device,
                        path,
                    });
                }
            }
        }
    }
}

/// Opens a device. The error contains its name.
pub fn open_for_use(path: &str) -> io::Result<File> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

fn configure(device: &File, backing: &OwnedFd) -> io::Result<()> {
    // SAFETY: a zeroed struct is valid.
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.fd = backing.as_raw_fd() as u32;
    config.info.flags = LO_FLAGS_AUTOCLEAR;
    // SAFETY: the pointer is valid during the call.
    match unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &config) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A file system that is mounted until this is dropped.
pub struct Mounted(PathBuf);

/// Mount flags for reading and writing.
pub const FOR_USE: c_ulong = libc::MS_NOATIME;
/// Mount flags for reading. The kernel replays the journal nevertheless.
pub const TO_LOOK: c_ulong = libc::MS_RDONLY;

impl Mounted {
    /// Mounts the device in the folder `at`.
    pub fn at(at: &Path, device: Device, kind: Kind, flags: c_ulong) -> io::Result<Mounted> {
        let text =
            |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("there is no NUL");
        let (from, to) = (text(&device.path), text(at));
        let (name, options) = (kind.name(), kind.mount_options());
        // SAFETY: the strings are terminated.
        let answer = unsafe {
            libc::mount(
                from.as_ptr(),
                to.as_ptr(),
                name.as_ptr(),
                flags,
                options.as_ptr().cast(),
            )
        };
        match answer {
            0 => Ok(Mounted(at.to_owned())),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Returns the folder in which it is mounted.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        match std::thread::panicking() {
            true => detach(&self.0),
            false => unmount(&self.0).expect("it is mounted"),
        }
    }
}

/// Unmounts the file system in a folder.
pub fn unmount(at: &Path) -> io::Result<()> {
    let at = CString::new(at.as_os_str().as_bytes())?;
    loop {
        // SAFETY: the path is terminated.
        if unsafe { libc::umount2(at.as_ptr(), 0) } == 0 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            // A child that another test has just forked has these files open until it runs its program.
            error if error.raw_os_error() == Some(libc::EBUSY) => std::thread::yield_now(),
            error => return Err(error),
        }
    }
}

/// Detaches a mount, even if it is in use.
pub fn detach(at: &Path) {
    let at = CString::new(at.as_os_str().as_bytes()).expect("there is no NUL");
    // SAFETY: the path is terminated.
    unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) };
}
