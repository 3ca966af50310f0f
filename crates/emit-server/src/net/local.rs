//! The socket in the data folder: one question, one answer, a line each, for the owner of the folder alone.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name within the folder.
const SOCKET: &str = "emit.sock";
/// Bytes of a question.
const QUESTION_BYTES: u64 = 16 << 10;
/// A question that comes slower is not waited for, nor an answer that is not taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// And the asker waits so long for its answer: a commit on a slow disk.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a socket's path that every system takes.
const PATH_BYTES: usize = 100;

/// Where questions come in.
pub struct Local {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Local {
    /// Listens in a folder that this process has locked: what is left of an earlier one is removed.
    pub fn bind(folder: &Path) -> io::Result<Local> {
        let path = folder.join(SOCKET);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let listener = on_short_path(folder, |path| UnixListener::bind(path))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let owner = fs::metadata(&path)?.uid();
        Ok(Local { listener, path, owner })
    }

    /// Answers, one after the other, for as long as it is polled.
    pub async fn serve<A: Future<Output = String>>(self, answer: impl Fn(String) -> A) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // Whoever is too slow, or goes away, gets no answer; the next one does.
                    let _ = self.converse(stream, &answer).await;
                }
                Err(error) => {
                    tracing::error!(%error, "no question can be taken on the socket in the data folder");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }

    async fn converse<A: Future<Output = String>>(
        &self,
        stream: UnixStream,
        answer: &impl Fn(String) -> A,
    ) -> io::Result<()> {
        // Between its making and its mode the socket may have been open to others.
        let asker = stream.peer_cred()?.uid();
        if asker != self.owner && asker != 0 {
            tracing::warn!(asker, "somebody else asked on the socket in the data folder");
            return Ok(());
        }
        let (from, mut to) = stream.into_split();
        let mut question = String::new();
        let mut reading = tokio::io::BufReader::new(from).take(QUESTION_BYTES);
        tokio::time::timeout(PATIENCE, reading.read_line(&mut question)).await??;
        let mut line = answer(question).await;
        line.push('\n');
        tokio::time::timeout(PATIENCE, to.write_all(line.as_bytes())).await?
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // One that stays behind answers nobody, and the next server removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Asks the server of a folder. `None`: there is none.
pub fn ask(folder: &Path, question: &str) -> io::Result<Option<String>> {
    let connected = on_short_path(folder, |path| std::os::unix::net::UnixStream::connect(path));
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(why) => return Err(why),
    };
    stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some(answer)) }
}

/// A socket's path may be only so long; a longer one goes by way of the open folder.
fn on_short_path<T>(folder: &Path, go: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() <= PATH_BYTES {
        return go(&path);
    }
    let folder = File::open(folder)?;
    go(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(SOCKET))
}
