//! A `PostgreSQL` server of one's own, for tests: in a temporary folder, behind a
//! Unix socket alone, with `fsync` on. One a test binary is shared, with a fresh
//! database a test; whoever wants to stop one starts another.
//!
//! A shell starts the server, does what it is told on its standard input, and
//! when that ends, which it does however this process ends, it stops the
//! server and removes the folder.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use innkeeper::store::sql::{Place, Server, SqlStore};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

/// Whoever runs the server, when the tests run as root, whom it refuses.
const NOBODY: &str = "nobody";

const SCRIPT: &str = r#"
bin=$1 folder=$2
while read -r order; do
    case $order in
        start)
            "$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= \
                -c max_connections=400 -c shared_buffers=64MB -c max_wal_size=256MB \
                >>"$folder/log" 2>&1 </dev/null &
            server=$! ;;
        stop) kill -INT "$server"; wait "$server" ;;
        crash) kill -QUIT "$server"; wait "$server" ;;
    esac
    echo done
done
kill -QUIT "$server" 2>/dev/null
wait
rm -rf "$folder"
"#;

/// A server.
pub(crate) struct Cluster {
    folder: PathBuf,
    keeper: Mutex<(Child, BufReader<ChildStdout>)>,
    databases: AtomicU32,
    template: OnceCell<()>,
}

static SHARED: LazyLock<Option<Cluster>> = LazyLock::new(Cluster::start);

/// The server of this process; `None` where `PostgreSQL` is not installed.
pub(crate) fn shared() -> Option<&'static Cluster> {
    SHARED.as_ref()
}

/// A database on the shared server, with the newest schema and nothing in it.
pub(crate) async fn database() -> Option<Database> {
    Some(shared()?.database().await)
}

impl Cluster {
    /// Starts a server; `None`, once that was said, where `PostgreSQL` is not
    /// installed. Where `CI` is set, it has to be.
    #[expect(clippy::disallowed_methods, reason = "`CI` is set by what runs the tests")]
    #[expect(clippy::print_stderr, reason = "a test that was not run should not look as if")]
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = installed() else {
            assert!(env::var_os("CI").is_none(), "PostgreSQL is not installed: `make check-setup`");
            eprintln!("ignored: no PostgreSQL");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("inn-pg-").tempdir().unwrap().keep();
        let as_root = fs::metadata(&folder).unwrap().uid() == 0;
        let run = |program: &Path| {
            let mut command = Command::new(if as_root { Path::new("setpriv") } else { program });
            if as_root {
                command.args(["--reuid", NOBODY, "--regid", "nogroup", "--clear-groups"]);
                command.arg(program);
            }
            command.current_dir(&folder);
            command
        };
        if as_root {
            let of_nobody = Command::new("chown").arg(NOBODY).arg(&folder).status().unwrap();
            assert!(of_nobody.success());
        }
        let made = run(&bin.join("initdb"))
            .args(["--username=innkeeper", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(folder.join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut keeper = run(Path::new("/bin/sh"))
            .args(["-c", SCRIPT, "keeper"])
            .args([&bin, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt in the terminal is for us; the keeper has to tidy up.
            .process_group(0)
            .spawn()
            .unwrap();
        let answers = BufReader::new(keeper.stdout.take().unwrap());
        let cluster = Self {
            folder,
            keeper: Mutex::new((keeper, answers)),
            databases: AtomicU32::new(0),
            template: OnceCell::new(),
        };
        cluster.order("start");
        Some(cluster)
    }

    /// `start`, `stop`, `crash`.
    pub(crate) fn order(&self, order: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let (child, answers) = &mut *keeper;
        writeln!(child.stdin.as_ref().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
    }

    /// The address of a database.
    fn url(&self, database: &str) -> String {
        let socket = self.folder.to_str().unwrap();
        format!("postgres:///{database}?user=innkeeper&host={socket}")
    }

    /// Signs in as an administrator, as soon as the server is up.
    pub(crate) async fn administrator(&self) -> PgConnection {
        let options: PgConnectOptions = self.url("postgres").parse().unwrap();
        let begun = Instant::now();
        loop {
            match options.clone().disable_statement_logging().connect().await {
                Ok(connection) => return connection,
                Err(error) => {
                    let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                    assert!(begun.elapsed() < Duration::from_mins(1), "{error}\n{log}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// A database with the newest schema and nothing in it.
    pub(crate) async fn database(&self) -> Database {
        self.template.get_or_init(|| self.make_template()).await;
        self.create("template_innkeeper").await
    }

    async fn make_template(&self) {
        let mut administrator = self.administrator().await;
        sqlx::raw_sql("CREATE DATABASE template_innkeeper")
            .execute(&mut administrator)
            .await
            .unwrap();
        let place = place(&self.url("template_innkeeper"));
        SqlStore::open(place).await.unwrap().close().await;
    }

    /// A new database.
    pub(crate) async fn create(&self, template: &str) -> Database {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut administrator = self.administrator().await;
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template}");
        // A connection to the template may not quite be gone yet, and only one at a
        // time is copied from it.
        let begun = Instant::now();
        while let Err(error) =
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&mut administrator).await
        {
            assert!(begun.elapsed() < Duration::from_mins(1), "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        administrator.close().await.unwrap();
        Database { url: self.url(&name), administrator: self.url("postgres"), name }
    }
}

impl Drop for Cluster {
    /// Ends the server. The shared one is not dropped: it ends with the process.
    fn drop(&mut self) {
        let (child, _) = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

/// A database. Removed when dropped, whoever is connected.
pub(crate) struct Database {
    /// Its address.
    pub(crate) url: String,
    /// Its name on the server.
    pub(crate) name: String,
    administrator: String,
}

impl Database {
    /// Where a store opens it.
    pub(crate) fn place(&self) -> Place {
        place(&self.url)
    }

    /// Opens a store in it.
    pub(crate) async fn open(&self) -> SqlStore {
        SqlStore::open(self.place()).await.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// A connection past the store.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, administrator) = (self.name.clone(), self.administrator.clone());
        // From a thread of its own: this one may be driving a runtime. Nothing
        // depends on it, since the server ends with the tests.
        let _ = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut connection = PgConnection::connect(&administrator).await?;
                let statement = format!("DROP DATABASE {name} WITH (FORCE)");
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await
            })
        })
        .join();
    }
}

fn place(url: &str) -> Place {
    Place::Server(Server::new(url.parse().unwrap(), None))
}

/// The folder with the newest server's programs.
#[expect(clippy::disallowed_methods, reason = "which programs there are is up to the machine")]
fn installed() -> Option<PathBuf> {
    let in_path = env::split_paths(&env::var_os("PATH")?).collect::<Vec<_>>();
    let version = |folder: &PathBuf| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    debian.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    in_path
        .into_iter()
        .chain(debian)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}
