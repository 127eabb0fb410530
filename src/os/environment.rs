//! Variables of the environment, by the rules of secure_getenv(3): who starts a program that runs with more rights
//! than they have says nothing there.

/// What the variable is, None where it isn't set, isn't text, or isn't to be heeded.
pub fn variable(name: &str) -> Option<String> {
    match is_privileged() {
        true => None,
        false => std::env::var(name).ok(),
    }
}

/// Whether the kernel gave this program other rights than who started it has: set-user-ID, set-group-ID, file
/// capabilities, or a domain of a security module (getauxval(3), AT_SECURE).
fn is_privileged() -> bool {
    // SAFETY: it reads what the kernel handed to the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
