//! One suite that every store passes, cut by theme.
