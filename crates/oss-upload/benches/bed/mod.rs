//! What both benches need: a sink in a process of its own, and clients in processes of their own, so that the processor
//! time and the memory shown are the client's alone.

use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oss_signing::{BucketName, Credentials, Endpoint};
use oss_transport::ReqwestTransport;
use oss_upload::{Uploader, UploaderBuilder};

pub mod sink;

/// Plays the part of the sink or of a client, if this process is one, and gives `None`. Otherwise says whether this is
/// a run in earnest: without `--bench`, as `cargo test --benches` starts it, it only has to work.
pub fn play<F: Future<Output = ()>>(run_client: impl FnOnce(Vec<String>) -> F) -> Option<bool> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--sink") => runtime().block_on(sink::serve()),
        Some("--client") => runtime().block_on(run_client(arguments.split_off(1))),
        _ => return Some(arguments.iter().any(|argument| argument == "--bench")),
    }
    None
}

/// What one run of a client cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub wall: Duration,
    /// Processor time of the client's process; zero where there is no `/proc`.
    pub cpu: Duration,
    /// Peak resident memory of the client's process in KiB; zero where there is no `/proc`.
    pub peak: u64,
}

impl Cost {
    fn to_line(self) -> String {
        format!("{} {} {}", self.wall.as_nanos(), self.cpu.as_millis(), self.peak)
    }

    fn from_line(line: &str) -> Self {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap());
        let mut next = || numbers.next().unwrap();
        Self { wall: Duration::from_nanos(next()), cpu: Duration::from_millis(next()), peak: next() }
    }
}

/// Runs `work` and prints what it cost: the last thing a client does.
pub async fn report(work: impl Future<Output = ()>) {
    let (cpu, start) = (cpu_time(), Instant::now());
    work.await;
    let cost = Cost { wall: start.elapsed(), cpu: cpu_time().saturating_sub(cpu), peak: peak_memory() };
    println!("{}", cost.to_line());
}

/// Starts this program as a client and reads what it cost.
pub fn client(arguments: &[&str]) -> Cost {
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("--client")
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("the bench can start itself as a client");
    assert!(output.status.success(), "the client {arguments:?} failed");
    Cost::from_line(&String::from_utf8(output.stdout).unwrap())
}

/// What the bare client and ours cost, turn by turn. Who begins changes with each turn.
#[derive(Debug, Default)]
pub struct Pairs {
    pub bare: Vec<Cost>,
    pub ours: Vec<Cost>,
}

impl Pairs {
    pub fn run(turns: usize, bare: &[&str], ours: &[&str]) -> Self {
        let mut pairs = Self::default();
        for turn in 0..turns {
            if turn % 2 == 0 {
                pairs.bare.push(client(bare));
                pairs.ours.push(client(ours));
            } else {
                pairs.ours.push(client(ours));
                pairs.bare.push(client(bare));
            }
        }
        pairs
    }
}

/// How fast `costs` are beside those of the bare client in the same turns: the median of the turns' ratios. What slows
/// the machine for a while slows both of a turn.
pub fn of_bare(bare: &[Cost], costs: &[Cost]) -> f64 {
    let ratio = |(bare, cost): (&Cost, &Cost)| bare.wall.as_secs_f64() / cost.wall.as_secs_f64();
    let mut ratios: Vec<f64> = bare.iter().zip(costs).map(ratio).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// The median of each figure.
pub fn median(costs: &[Cost]) -> Cost {
    fn middle<T: Copy + Ord>(costs: &[Cost], figure: impl Fn(&Cost) -> T) -> T {
        let mut figures: Vec<T> = costs.iter().map(figure).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    }
    Cost {
        wall: middle(costs, |cost| cost.wall),
        cpu: middle(costs, |cost| cost.cpu),
        peak: middle(costs, |cost| cost.peak),
    }
}

/// The table of one file's upload beside the bare client's.
pub struct FileTable {
    gigabytes: f64,
    bare: Vec<Cost>,
}

impl FileTable {
    /// Prints the head and the row of the bare client.
    pub fn begin(what: &str, bytes: u64, bare: &[Cost]) -> Self {
        println!("| {what} | GB/s | of bare | CPU s/GB | peak MB |");
        println!("| --- | --- | --- | --- | --- |");
        let table = Self { gigabytes: bytes as f64 / 1e9, bare: bare.to_vec() };
        table.row("bare reqwest, same reads", bare);
        table
    }

    /// Prints a row; a figure that is not known stays empty.
    pub fn row(&self, name: &str, costs: &[Cost]) {
        let cost = median(costs);
        let known = |figure: f64, digits: usize| {
            if figure == 0.0 { String::new() } else { format!("{figure:.digits$}") }
        };
        println!(
            "| {name} | {:.2} | {:.2} | {} | {} |",
            self.gigabytes / cost.wall.as_secs_f64(),
            of_bare(&self.bare, costs),
            known(cost.cpu.as_secs_f64() / self.gigabytes, 2),
            known(cost.peak as f64 * 1024.0 / 1e6, 1),
        );
    }
}

/// The sink's process; killed when dropped.
pub struct Sink {
    process: Child,
    pub url: String,
}

impl Sink {
    pub fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("--sink")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench can start itself as the sink");
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// An uploader with the defaults, to the sink.
pub fn uploader(url: &str) -> UploaderBuilder {
    let endpoint: Endpoint = url.parse().unwrap();
    let transport = ReqwestTransport::builder().system_proxy(false).build().unwrap();
    let credentials = Credentials::new("access-key-id", "access-key-secret");
    Uploader::builder(endpoint, Arc::new(transport), Arc::new(credentials))
        .region("cn-hangzhou".parse().unwrap())
}

pub fn bare_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub fn bucket() -> BucketName {
    "examplebucket".parse().unwrap()
}

/// A file of `size` bytes that takes no room on the disk.
pub fn sparse_file(size: u64) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(size).unwrap();
    file
}

fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; user and system time are fields 14 and 15, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
