//! A libvirt daemon of the test's own, for its test driver: machines that
//! outlive the program, and no hypervisor.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The driver's one machine.
pub(crate) const MACHINE: &str = "test";

/// The daemon.
pub(crate) const PROGRAM: &str = "/usr/sbin/libvirtd";

/// The longest it may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Libvirtd {
    child: Child,
    folder: TempDir,
}

impl Libvirtd {
    /// As an account without rights, since root's would be the system's.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut program = Command::new("setpriv");
        if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            program.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        }
        program.args([PROGRAM, "-p"]).arg(folder.path().join("pid"));
        for variable in ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            program.env(variable, folder.path());
        }
        let log = File::create(folder.path().join("log")).unwrap();
        let child = program.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let daemon = Self { child, folder };
        let began = Instant::now();
        while !daemon.socket().exists() {
            assert!(began.elapsed() < PATIENCE, "libvirtd does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        daemon
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("libvirt/libvirt-sock")
    }

    /// What goes into the configuration.
    pub(crate) fn uri(&self) -> String {
        format!("test+unix:///default?socket={}", self.socket().display())
    }
}

impl Drop for Libvirtd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
