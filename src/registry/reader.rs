//! The calling thread's reader: it is asked for first in every call that reads, so the [record of the
//! thread](crate::threads::thread) names it.

use crate::handles::readers::{Block, Reader, Readers};
use crate::os::barrier::{self, Bargain};
use crate::threads::fork;
use crate::threads::sync::{READERS_IN_BLOCK, Sign};
use crate::threads::thread;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// The calling thread's reader, if it has one.
#[inline(always)] // See `Table::view_at_once`.
pub fn mine() -> Option<&'static Reader> {
    // SAFETY: it is null or a reader, and no reader is ever freed.
    unsafe { thread::reader().cast::<Reader>().as_ref() }
}

/// The key whose value is the thread's reader, or one more than any where there is none.
static KEY: AtomicU32 = AtomicU32::new(u32::MAX);

/// For who loads the library, while few keys exist: values of the first are part of a thread, and setting one
/// allocates nothing. The C library calls `ended` with a thread's reader when the thread ends, and again if another
/// destructor made it take one.
pub fn at_load(ended: unsafe extern "C" fn(*mut c_void)) {
    let mut key = 0;
    // SAFETY: it fills the key when it returns 0, and the function is there for ever.
    if unsafe { libc::pthread_key_create(&mut key, Some(ended)) } == 0 {
        KEY.store(key, Ordering::Relaxed); // Relaxed, all: no other thread is here yet.
    }
}

/// The calling thread's reader, taken from `readers` if it has none so far; None when none is to be had, or
/// reading by counting is the better way. It makes no system call as long as there are readers, and what a signal
/// handler does meanwhile costs a reader at most, which nobody has then.
#[cold]
pub fn mine_or_new(readers: &'static Readers) -> Option<&'static Reader> {
    mine().or_else(|| {
        let forks = fork::count();
        let (key, bargain) = (KEY.load(Ordering::Relaxed), barrier::bargain());
        if key == u32::MAX || bargain == Bargain::None {
            return None;
        }
        let reader = readers.take()?;
        reader.fence_if(bargain == Bargain::Fences);
        // SAFETY: the key was created at load.
        if unsafe { libc::pthread_setspecific(key, ptr::from_ref(reader).cast()) } != 0 {
            readers.give_back(reader);
            return None;
        }
        thread::set_reader(ptr::from_ref(reader).cast());
        if forks != fork::count() {
            // A signal handler has forked before the thread had it: in the child it was taken back.
            thread::set_reader(ptr::null());
            // SAFETY: the key was created at load.
            unsafe { libc::pthread_setspecific(key, ptr::null()) };
            return None;
        }
        Some(reader)
    })
}

/// Says that the calling thread has no reader any more.
pub fn forget() {
    thread::set_reader(ptr::null());
}

/// The first ones, so that threads that read make no system call: of most programs, all.
static FIRST: [Block; 4] = [const {
    Block {
        next: AtomicPtr::new(ptr::null_mut()),
        readers: [const {
            Reader {
                sign: Sign::new(),
                taken: AtomicU32::new(0),
            }
        }; READERS_IN_BLOCK],
    }
}; 4];

/// How many blocks were asked for.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Readers that take no memory of the allocator's, since a signal handler may be the first that reads.
pub fn block() -> Option<*mut Block> {
    let asked = ASKED.fetch_add(1, Ordering::Relaxed); // Relaxed: a number.
    let first = FIRST
        .get(asked)
        .map(|block| ptr::from_ref(block).cast_mut());
    first.or_else(zeroed_block)
}

/// All zero is a block whose readers no thread has.
fn zeroed_block() -> Option<*mut Block> {
    // SAFETY: new memory, at no address in particular.
    let block = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size_of::<Block>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    (block != libc::MAP_FAILED).then(|| block.cast())
}

/// A block is a page, where pages are of the usual size.
const _: () = assert!(size_of::<Block>() == 4096);
