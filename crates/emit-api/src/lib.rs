//! The wire: what bodies may say, what answers look like, and their description. No I/O.
