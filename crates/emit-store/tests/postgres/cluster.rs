//! A private PostgreSQL: Debian's, in a temporary folder, on a socket in it. Gone when the tests are.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);

/// The one that all tests of this process share.
pub(crate) fn cluster() -> &'static Cluster {
    &CLUSTER
}

pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    databases: AtomicUsize,
}

impl Cluster {
    fn start() -> Cluster {
        let folder = tempfile::Builder::new().prefix("emit-pg-").tempdir().unwrap();
        if let Some(owner) = owner() {
            std::os::unix::fs::chown(folder.path(), Some(owner), Some(owner)).unwrap();
        }
        let data = folder.path().join("data");
        let made = tool("initdb")
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        #[allow(
            clippy::zombie_processes,
            reason = "it outlives this process for a moment: see `end_with_us`"
        )]
        let server = tool("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses="])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        end_with_us(&server, folder.path());
        let cluster = Cluster { folder, databases: AtomicUsize::new(0) };
        while !cluster.psql("postgres", "SELECT 1").status.success() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        cluster
    }

    /// The URL of a fresh database.
    pub(crate) fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = self.psql("postgres", &format!("CREATE DATABASE {name}"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let socket = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://postgres@{socket}/{name}")
    }

    /// Runs a statement in a database, and answers what it printed.
    pub(crate) fn sql(&self, url: &str, sql: &str) -> String {
        let done = self.psql(url.rsplit('/').next().unwrap(), sql);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn psql(&self, database: &str, sql: &str) -> std::process::Output {
        Command::new(bin().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"])
            .arg(self.folder.path())
            .args(["-d", database, "-c", sql])
            .output()
            .unwrap()
    }
}

/// Where Debian keeps the newest version's programs.
fn bin() -> PathBuf {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is missing; ./task tools installs it");
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.unwrap().path().join("bin")).collect();
    found.sort();
    found.into_iter().rfind(|bin| bin.join("initdb").exists()).expect("PostgreSQL has no initdb")
}

/// The user PostgreSQL runs as, where we are root: it refuses to be.
fn owner() -> Option<u32> {
    let number = |of: &[&str]| {
        let told = Command::new("id").args(of).output().unwrap();
        String::from_utf8_lossy(&told.stdout).trim().parse::<u32>().unwrap()
    };
    (number(&["-u"]) == 0).then(|| number(&["-u", "postgres"]))
}

fn tool(name: &str) -> Command {
    let program = bin().join(name);
    let mut command = match owner() {
        Some(owner) => {
            let mut command = Command::new("setpriv");
            let owner = owner.to_string();
            command.args(["--reuid", &owner, "--regid", &owner, "--clear-groups"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir(Path::new("/"));
    command
}

/// A static is never dropped: a shell waits for our end, ends the server then, and takes the folder away.
fn end_with_us(server: &Child, folder: &Path) {
    let (us, server) = (std::process::id(), server.id());
    let script = format!(
        "while kill -0 {us}; do sleep 0.2; done; kill -INT {server}; while kill -0 {server}; do sleep 0.2; done; \
         rm -rf '{}'",
        folder.display()
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[allow(clippy::zombie_processes, reason = "it waits for our end, not we for its")]
    shell.spawn().unwrap();
}
