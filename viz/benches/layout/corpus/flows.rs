//! Generated call flows, as engineers draw them of databases, runtimes and servers: an entry, chains
//! through the clusters of their owners, branches that rejoin, shared helpers, calls back.

use raftlens_viz::Direction;

use super::{Chart, ChartArrow, ChartBox, ChartCluster, Random};

const VERBS: [&str; 28] = [
    "handle", "open", "append", "flush", "scan", "commit", "prepare", "apply", "send", "recv",
    "poll", "schedule", "dispatch", "encode", "decode", "lookup", "evict", "merge", "split",
    "lock", "release", "wait", "notify", "check", "load", "store", "build", "on",
];
const NOUNS: [&str; 30] = [
    "request",
    "batch",
    "entry",
    "log",
    "page",
    "block",
    "region",
    "txn",
    "snapshot",
    "index",
    "segment",
    "lease",
    "task",
    "frame",
    "chunk",
    "buffer",
    "queue",
    "session",
    "cursor",
    "plan",
    "node",
    "key_range",
    "checkpoint",
    "raft_msg",
    "lock_table",
    "memtable",
    "response",
    "timer",
    "worker",
    "root_set",
];
const OWNERS: [&str; 26] = [
    "Server",
    "Scheduler",
    "LogManager",
    "BufferPool",
    "TxnManager",
    "Storage",
    "Engine",
    "Planner",
    "Executor",
    "Router",
    "Transport",
    "Session",
    "Catalog",
    "Compactor",
    "Replica",
    "Leader",
    "Follower",
    "GarbageCollector",
    "Allocator",
    "WorkerPool",
    "EventLoop",
    "Coordinator",
    "IndexReader",
    "IndexWriter",
    "Client",
    "Monitor",
];
const FIELDS: [&str; 18] = [
    "term: u64",
    "index",
    "state",
    "next",
    "prev",
    "head",
    "tail",
    "lock: Mutex",
    "queue",
    "callback",
    "epoch",
    "size",
    "map: HashMap<K, V>",
    "waiters",
    "commit_ts",
    "parent",
    "flags",
    "children: Vec<Node>",
];
const LABELS: [&str; 12] = [
    "ok",
    "Err(NotLeader)",
    "if full",
    "timeout",
    "1",
    "2",
    "async",
    "spawn",
    "on commit",
    "retry",
    "else",
    "every 10 ms",
];
const NOTES: [&str; 12] = [
    "检查租约是否过期",
    "只在 leader 上执行",
    "写入日志后返回",
    "等待多数派确认",
    "将请求放入队列",
    "called once per tick",
    "holds the latch",
    "may block",
    "二分查找最近的快照",
    "must not allocate",
    "fast path",
    "如果失败则重试",
];

/// What kind of chart is made.
struct Recipe {
    boxes: usize,
    clusters: usize,
    depth: usize,
    /// Arrows to boxes that are called already, for each box.
    rejoin: f64,
    /// Arrows back to an earlier cluster, for each box.
    back: f64,
    records: f64,
    labels: f64,
    notes: f64,
    /// Arrows of one box.
    hub: usize,
    /// Calls of one helper.
    helper: usize,
    parts: usize,
}

impl Recipe {
    fn new(random: &mut Random) -> Self {
        // Small charts are the most frequent ones, as in life.
        let boxes = match random.below(10) {
            0..3 => random.between(5, 12),
            3..7 => random.between(12, 24),
            7..9 => random.between(24, 40),
            _ => random.between(40, 60),
        };
        let most_clusters = (boxes / 3).clamp(1, 8);
        let least_clusters = if random.chance(0.12) { most_clusters } else { 1 };
        let rejoin = [0.05, 0.12, 0.2, 0.3, 0.45];
        let records = [0.0, 0.1, 0.25, 0.5];
        Recipe {
            boxes,
            clusters: random.between(least_clusters, most_clusters),
            depth: random.between(1, 3),
            rejoin: rejoin[random.below(rejoin.len())],
            back: if random.chance(0.35) { 0.06 } else { 0.0 },
            records: records[random.below(records.len())],
            labels: if random.chance(0.4) { 0.2 } else { 0.02 },
            notes: if random.chance(0.3) { 0.25 } else { 0.03 },
            hub: if random.chance(0.2) { random.between(8, 24) } else { 0 },
            helper: if random.chance(0.3) { random.between(3, 8) } else { 0 },
            parts: if random.chance(0.2) { 2 } else { 1 },
        }
    }
}

/// The chart of this seed.
pub(super) fn chart(seed: u64) -> Chart {
    let mut random = Random::new(seed);
    let recipe = Recipe::new(&mut random);
    let direction = if random.chance(0.85) { Direction::LeftRight } else { Direction::TopDown };
    let chart = Chart {
        name: format!("flow_{seed:03}"),
        direction,
        boxes: Vec::new(),
        clusters: clusters(&recipe, &mut random),
        arrows: Vec::new(),
    };
    let mut maker = Maker { chart, recipe, random };
    maker.chains();
    maker.rejoins();
    maker.hubs();
    maker.oddities();
    maker.words();
    maker.records();
    maker.chart.settle();
    maker.chart
}

fn clusters(recipe: &Recipe, random: &mut Random) -> Vec<ChartCluster> {
    let mut clusters: Vec<ChartCluster> = Vec::new();
    let mut depths: Vec<usize> = Vec::new();
    let first = random.below(OWNERS.len());
    for index in 0..recipe.clusters {
        let open: Vec<usize> = (0..index).filter(|it| depths[*it] + 1 < recipe.depth).collect();
        let nested = !open.is_empty() && random.chance(0.2 + 0.15 * recipe.depth as f64);
        let from = if random.chance(0.5) { open.len().saturating_sub(1) } else { 0 };
        let parent = nested.then(|| open[random.between(from, open.len() - 1)]);
        depths.push(parent.map_or(0, |parent| depths[parent] + 1));
        // Steps of 7 through 26 names meet no name twice.
        let name = OWNERS[(first + 7 * index) % OWNERS.len()].to_owned();
        clusters.push(ChartCluster { name, parent });
    }
    clusters
}

struct Maker {
    chart: Chart,
    recipe: Recipe,
    random: Random,
}

impl Maker {
    fn add_box(&mut self, cluster: Option<usize>) -> usize {
        let random = &mut self.random;
        let mut title = format!("{}_{}", random.pick(&VERBS), random.pick(&NOUNS));
        if random.chance(0.15) {
            title = format!("{}::{title}", random.pick(&OWNERS));
        }
        if self.chart.boxes.iter().any(|known| known.title == title) {
            title = format!("{title}_{}", self.chart.boxes.len());
        }
        self.chart.boxes.push(ChartBox { title, cluster, ..ChartBox::default() });
        self.chart.boxes.len() - 1
    }

    fn call(&mut self, from: usize, to: usize) {
        let known = |arrow: &ChartArrow| arrow.from == from && arrow.to == to;
        if !self.chart.arrows.iter().any(known) {
            self.chart.arrows.push(ChartArrow { from, to, ..ChartArrow::default() });
        }
    }

    /// Calls go on from where they are, mostly inside a cluster, and sometimes return a few steps.
    fn chains(&mut self) {
        let part = self.recipe.boxes.div_ceil(self.recipe.parts);
        let mut begin = 0;
        while self.chart.boxes.len() < self.recipe.boxes {
            let count = self.chart.boxes.len();
            if count == begin + part || count == 0 {
                begin = count;
                let entry = (count > 0 || self.random.chance(0.8)).then_some(0);
                self.add_box(entry);
                continue;
            }
            let back = if self.random.chance(0.55) { 1 } else { self.random.between(1, 6) };
            let caller = count.saturating_sub(back).max(begin);
            let home = self.chart.boxes[caller].cluster;
            let cluster = if self.random.chance(0.68) { home } else { self.next_cluster(home) };
            // Several calls of one function stand beside each other: a fan.
            let fan = if self.random.chance(0.2) { self.random.between(2, 4) } else { 1 };
            for _ in 0..fan.min(self.recipe.boxes - count) {
                let callee = self.add_box(cluster);
                self.call(caller, callee);
            }
        }
    }

    /// Flows mostly enter clusters in their order; a few boxes stand in none.
    fn next_cluster(&mut self, home: Option<usize>) -> Option<usize> {
        let count = self.recipe.clusters;
        match self.random.below(10) {
            0 => None,
            1..3 => Some(self.random.below(count)),
            _ => Some(home.map_or(0, |home| (home + 1).min(count - 1))),
        }
    }

    fn rejoins(&mut self) {
        let count = self.chart.boxes.len();
        for _ in 0..(self.recipe.rejoin * count as f64).round() as usize {
            let from = self.random.below(count - 1);
            let near = (from + 1 + self.random.below(12)).min(count - 1);
            let to = if self.random.chance(0.75) {
                near
            } else {
                self.random.between(from + 1, count - 1)
            };
            self.call(from, to);
        }
        for _ in 0..(self.recipe.back * count as f64).ceil() as usize {
            let (one, other) = (self.random.below(count), self.random.below(count));
            let (from, to) = (one.max(other), one.min(other));
            if self.recipe.back > 0.0
                && self.chart.boxes[from].cluster != self.chart.boxes[to].cluster
            {
                self.call(from, to);
            }
        }
    }

    fn hubs(&mut self) {
        let count = self.chart.boxes.len();
        let hub = self.random.below(count.div_ceil(3));
        for _ in 0..self.recipe.hub {
            let other = self.random.below(count);
            match other.cmp(&hub) {
                std::cmp::Ordering::Less => self.call(other, hub),
                std::cmp::Ordering::Greater => self.call(hub, other),
                std::cmp::Ordering::Equal => {}
            }
        }
        if self.recipe.helper > 0 {
            let cluster = self.random.chance(0.5).then(|| self.random.below(self.recipe.clusters));
            let helper = self.add_box(cluster);
            for _ in 0..self.recipe.helper {
                let caller = self.random.below(helper);
                self.call(caller, helper);
            }
        }
    }

    /// Self loops, data beside calls, and boxes that nothing is connected with.
    fn oddities(&mut self) {
        let count = self.chart.boxes.len();
        if self.random.chance(0.08) {
            let at = self.random.below(count);
            self.call(at, at);
        }
        for index in 0..self.chart.arrows.len() {
            if self.random.chance(0.06) {
                self.chart.arrows[index].is_data = true;
            } else if self.random.chance(0.015) {
                let twin = ChartArrow { is_data: true, ..self.chart.arrows[index].clone() };
                self.chart.connect(twin);
            }
        }
        if self.random.chance(0.1) {
            let cluster = self.random.below(self.recipe.clusters);
            self.add_box(Some(cluster));
        }
    }

    fn words(&mut self) {
        for arrow in &mut self.chart.arrows {
            if self.random.chance(self.recipe.labels) {
                arrow.label = Some(self.random.pick(&LABELS).to_owned());
            }
        }
        for of_box in &mut self.chart.boxes {
            if self.random.chance(self.recipe.notes) {
                of_box.note = Some(self.random.pick(&NOTES).to_owned());
            }
        }
    }

    /// Turns boxes into records; arrows leave at fields, roughly in their order, and some meet one.
    fn records(&mut self) {
        for index in 0..self.chart.boxes.len() {
            if !self.random.chance(self.recipe.records) {
                continue;
            }
            let count = self.random.between(2, 8);
            let first = self.random.below(FIELDS.len());
            let fields = (0..count).map(|it| FIELDS[(first + 5 * it) % FIELDS.len()].to_owned());
            self.chart.boxes[index].fields = fields.collect();
            let mut next = 0;
            for arrow in &mut self.chart.arrows {
                if arrow.from == index && self.random.chance(0.7) {
                    arrow.from_field = Some(next % count);
                    next += self.random.between(1, 2);
                }
                if arrow.to == index && self.random.chance(0.25) {
                    arrow.to_field = Some(self.random.below(count));
                }
            }
        }
    }
}
