//! How RocksDB is set up: small values, several stores in one process, quick to open and close.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode,
    DataBlockIndexType, Env, LogLevel, Options,
};

use super::super::{EngineError, Family};

/// Memory for blocks read from disk; clones share it, and so may several engines.
#[derive(Clone)]
pub struct BlockCache(Cache);

impl BlockCache {
    /// A cache that holds `bytes` at most.
    pub fn new(bytes: usize) -> Self {
        // The lock-free kind: reads of many threads meet here.
        BlockCache(Cache::new_hyper_clock_cache(bytes, 0))
    }

    /// How many bytes it holds now.
    pub fn used_bytes(&self) -> usize {
        self.0.get_usage()
    }
}

impl std::fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlockCache({} bytes used)", self.used_bytes())
    }
}

/// How a [`RocksEngine`](super::RocksEngine) is opened. A clone shares the cache, and the files
/// too if they are in memory.
#[derive(Clone)]
pub struct RocksOptions {
    /// Where blocks of the files are kept; give several engines the same one.
    pub block_cache: BlockCache,
    /// How much newly written data is kept in memory before a file is made of it, in bytes. A
    /// family may have two such buffers, the small one of the states less.
    pub write_buffer_bytes: usize,
    /// The files, if they are in memory.
    memory: Option<Env>,
}

impl Default for RocksOptions {
    fn default() -> Self {
        RocksOptions {
            block_cache: BlockCache::new(32 << 20),
            write_buffer_bytes: 8 << 20,
            memory: None,
        }
    }
}

impl RocksOptions {
    /// The default with this cache, for several engines of one process.
    pub fn sharing(block_cache: BlockCache) -> Self {
        RocksOptions { block_cache, ..RocksOptions::default() }
    }

    /// Files that live in memory, as long as these options or a clone of them do.
    ///
    /// They are those of one engine, whose path is then but a name for messages. Once it is closed,
    /// opening it again with them finds what was written before.
    pub fn in_memory() -> Result<Self, EngineError> {
        let memory = Env::mem_env().map_err(|error| EngineError::Io {
            path: "memory".into(),
            place: "making files in memory".to_owned(),
            detail: error.into_string(),
        })?;
        Ok(RocksOptions { memory: Some(memory), ..RocksOptions::default() })
    }

    /// Whether the files are in memory.
    pub fn is_in_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// What holds for the database as a whole.
    pub(super) fn database(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        if let Some(memory) = &self.memory {
            options.set_env(memory);
        }
        // A write cut off by a crash was never acknowledged and may go, a hole before sound
        // records may not: it could swallow a vote. RocksDB's default would stop there silently.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        // The states' family fills slowly and would keep old logs alive without this bound.
        options.set_max_total_wal_size(64 << 20);
        options.set_max_background_jobs(2);
        options.set_max_open_files(256);
        options.set_skip_stats_update_on_db_open(true);
        options.set_stats_dump_period_sec(0);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1 << 20);
        options.set_log_level(LogLevel::Warn);
        options
    }

    /// The three families. The users' data is RocksDB's own default family.
    pub(super) fn families(&self) -> Vec<ColumnFamilyDescriptor> {
        Family::ALL
            .into_iter()
            .map(|family| match family {
                Family::Raft => ColumnFamilyDescriptor::new(family.name(), self.raft()),
                Family::State => ColumnFamilyDescriptor::new(family.name(), self.state()),
                Family::Data => {
                    ColumnFamilyDescriptor::new(rocksdb::DEFAULT_COLUMN_FAMILY_NAME, self.data())
                }
            })
            .collect()
    }

    /// The log is written once and read in runs, mostly not at all: no filters.
    fn raft(&self) -> Options {
        self.family(self.write_buffer_bytes, &self.blocks())
    }

    /// A handful of keys, written again and again.
    fn state(&self) -> Options {
        self.family(self.write_buffer_bytes / 4, &self.blocks())
    }

    /// Gets of single keys, of which many may be missing.
    fn data(&self) -> Options {
        let mut blocks = self.blocks();
        blocks.set_bloom_filter(10.0, false);
        blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        let mut options = self.family(self.write_buffer_bytes, &blocks);
        options.set_memtable_prefix_bloom_ratio(0.05);
        options.set_memtable_whole_key_filtering(true);
        options
    }

    fn blocks(&self) -> BlockBasedOptions {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&self.block_cache.0);
        // Indexes and filters count against the cache too, so that its bound bounds them all.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks
    }

    fn family(&self, write_buffer_bytes: usize, blocks: &BlockBasedOptions) -> Options {
        let mut options = Options::default();
        options.set_block_based_table_factory(blocks);
        options.set_write_buffer_size(write_buffer_bytes);
        options.set_max_write_buffer_number(2);
        // None is compiled in: values are small, and each library costs build time.
        options.set_compression_type(DBCompressionType::None);
        options
    }
}

impl std::fmt::Debug for RocksOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RocksOptions")
            .field("block_cache", &self.block_cache)
            .field("write_buffer_bytes", &self.write_buffer_bytes)
            .field("in_memory", &self.is_in_memory())
            .finish()
    }
}
