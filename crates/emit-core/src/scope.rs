//! What a key allows.

use std::fmt;

/// One permission, as routes name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Scope {
    /// `jobs:create`
    Create = 1,
    /// `jobs:read`
    Read = 1 << 1,
    /// `jobs:read:progress`
    ReadProgress = 1 << 2,
    /// `jobs:poll`
    Poll = 1 << 3,
    /// `jobs:ack`
    Ack = 1 << 4,
    /// `jobs:progress`
    Progress = 1 << 5,
    /// `jobs:complete`
    Complete = 1 << 6,
    /// `jobs:fail`
    Fail = 1 << 7,
    /// `jobs:keepalive`
    Keepalive = 1 << 8,
    /// `jobs:event`
    Event = 1 << 9,
    /// `jobs:kill`
    Kill = 1 << 10,
    /// `admin`
    Admin = 1 << 11,
}

/// What a set of granted names opens; kept beside the names, which are answered as they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u32);

const READ: u32 = Scope::Read as u32 | Scope::ReadProgress as u32;
const WRITE: u32 = Scope::Ack as u32
    | Scope::Progress as u32
    | Scope::Event as u32
    | Scope::Complete as u32
    | Scope::Fail as u32
    | Scope::Keepalive as u32;

/// Every name that may be granted, and what it opens.
pub const GRANTS: [(&str, u32); 15] = [
    ("jobs:create", Scope::Create as u32),
    ("jobs:read", READ),
    ("jobs:read:space", READ),
    ("jobs:read:progress", Scope::ReadProgress as u32),
    ("jobs:poll", Scope::Poll as u32),
    ("jobs:ack", Scope::Ack as u32),
    ("jobs:progress", Scope::Progress as u32),
    ("jobs:complete", Scope::Complete as u32),
    ("jobs:fail", Scope::Fail as u32),
    ("jobs:keepalive", Scope::Keepalive as u32),
    ("jobs:event", Scope::Event as u32),
    ("jobs:kill", Scope::Kill as u32),
    ("jobs:write", WRITE),
    ("jobs:worker", READ | Scope::Poll as u32 | WRITE),
    ("admin", u32::MAX),
];

impl Scopes {
    /// What a public token opens: `jobs:read:progress` and nothing else.
    pub const PROGRESS: Scopes = Scopes(Scope::ReadProgress as u32);

    /// What these names open together. `None` if one is unknown.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Scopes> {
        let mut bits = 0;
        for name in names {
            bits |= GRANTS.iter().find(|(known, _)| *known == name)?.1;
        }
        Some(Scopes(bits))
    }

    /// Whether these scopes contain that one.
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & scope as u32 != 0
    }

    /// Whether any worker report is allowed.
    pub fn allow_some_report(self) -> bool {
        self.0 & WRITE != 0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Create => "jobs:create",
            Scope::Read => "jobs:read",
            Scope::ReadProgress => "jobs:read:progress",
            Scope::Poll => "jobs:poll",
            Scope::Ack => "jobs:ack",
            Scope::Progress => "jobs:progress",
            Scope::Complete => "jobs:complete",
            Scope::Fail => "jobs:fail",
            Scope::Keepalive => "jobs:keepalive",
            Scope::Event => "jobs:event",
            Scope::Kill => "jobs:kill",
            Scope::Admin => "admin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorthands_open_what_the_contract_says() {
        let worker = Scopes::from_names(["jobs:worker"]).unwrap();
        for scope in [Scope::Read, Scope::ReadProgress, Scope::Poll, Scope::Ack, Scope::Event, Scope::Fail] {
            assert!(worker.allow(scope), "{scope}");
        }
        for scope in [Scope::Create, Scope::Kill, Scope::Admin] {
            assert!(!worker.allow(scope), "{scope}");
        }
        assert!(!Scopes::from_names(["jobs:read:progress"]).unwrap().allow(Scope::Read));
        assert!(Scopes::from_names(["jobs:everything"]).is_none());
    }
}
