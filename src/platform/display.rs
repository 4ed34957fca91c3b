//! Whether there is a screen to open a window on.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Whether a display answers where `WAYLAND_DISPLAY` or `DISPLAY` points; one on another machine is taken for there.
pub fn has_display() -> bool {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let wayland = variable("WAYLAND_DISPLAY").is_some_and(|name| {
        // A name may be a path of its own.
        let folder = variable("XDG_RUNTIME_DIR").map(PathBuf::from).unwrap_or_default();
        UnixStream::connect(folder.join(name)).is_ok()
    });
    wayland || variable("DISPLAY").is_some_and(|name| x11_answers(&name))
}

/// `[host]:display[.screen]` (X(7), DISPLAY NAMES).
fn x11_answers(name: &str) -> bool {
    let Some((host, number)) = name.rsplit_once(':') else { return false };
    if !matches!(host, "" | "unix") {
        return true;
    }
    let number = number.split('.').next().unwrap_or_default();
    let path = format!("/tmp/.X11-unix/X{number}");
    UnixStream::connect(&path).is_ok() || answers_without_a_file(&path)
}

/// On Linux X servers listen under a name that is in no folder, too.
#[cfg(target_os = "linux")]
fn answers_without_a_file(name: &str) -> bool {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    SocketAddr::from_abstract_name(name).and_then(|address| UnixStream::connect_addr(&address)).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn answers_without_a_file(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_answers_where_nobody_is() {
        assert!(!x11_answers(":4711") && !x11_answers("unix:4711.0") && !x11_answers("4711"));
        assert!(x11_answers("elsewhere:0"));
    }
}
