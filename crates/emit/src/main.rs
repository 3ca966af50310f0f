//! `emit`: background jobs over plain HTTP, watched live over WebSockets.

/// Requests are many small allocations, freed on another thread than they were made on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    emit::run()
}
