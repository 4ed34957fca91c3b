//! The outside world: files, clock, tasks, transports. The only place with threads, sockets and `cfg(target_arch)`.
