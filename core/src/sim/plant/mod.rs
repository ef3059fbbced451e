//! Simulated runs in which it is known why reads were slow: nothing was wrong, or one ailment was
//! planted, or two.
//!
//! ```text
//!   seed --> shape: the world      --+
//!        --> load: who reads when  --+--> course: one moment after the other --> traces, truth
//!        --> ailment: what, where  --+
//!            and how strong
//! ```
//!
//! A seed decides the load, the place, the strength and the times. Whoever judges the traces does not
//! see any of it; what was planted comes back as [`Planted`], to judge the judge by.

mod ailment;
mod course;
mod inflict;
mod load;
mod shape;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};

pub use self::ailment::{Ailment, UnknownAilment};
pub use self::course::{Planted, RECORDED_NS};
use crate::sim::config::{SimError, Watch};
use crate::sim::plant::course::Course;
use crate::sim::plant::shape::shape;
use crate::sim::world::World;
use crate::trace_context::Tracer;

/// What is planted in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plant {
    /// These ailments; none for a run in which nothing is wrong.
    These(Vec<Ailment>),
    /// What the seed decides: nothing in one run of five, two ailments in another one, else one.
    Random,
}

impl Plant {
    /// Reads `random`, `none`, or up to two ailments with a comma between them.
    ///
    /// # Errors
    /// [`UnknownAilment`] for other words, and for more than two ailments.
    pub fn parse(text: &str) -> Result<Plant, UnknownAilment> {
        match text {
            "random" => return Ok(Plant::Random),
            "none" => return Ok(Plant::These(Vec::new())),
            _ => {}
        }
        let words = text.split(',').map(str::trim);
        let mut ailments: Vec<Ailment> = words.map(str::parse).collect::<Result<_, _>>()?;
        ailments.sort_unstable();
        ailments.dedup();
        match ailments.len() > AILMENTS_MAX {
            true => Err(UnknownAilment(text.to_owned())),
            false => Ok(Plant::These(ailments)),
        }
    }

    /// The ailments of the run with this seed.
    fn ailments(&self, rng: &mut SmallRng) -> Vec<Ailment> {
        // Drawn in any case, so that a seed has the same load whatever is planted.
        let (dice, first, second) = (rng.random_range(0..5), any(rng), any(rng));
        match self {
            Plant::These(ailments) => ailments.clone(),
            Plant::Random if dice == 0 => Vec::new(),
            Plant::Random if dice == 1 && first != second => vec![first, second],
            Plant::Random => vec![first],
        }
    }
}

/// More at once say nothing about any of them.
const AILMENTS_MAX: usize = 2;

fn any(rng: &mut SmallRng) -> Ailment {
    Ailment::ALL.choose(rng).copied().unwrap_or(Ailment::EngineSnapshot)
}

/// Runs a seed with what is planted in it, while `tracer` carries its traces. `watch` gives the true
/// time to whoever records.
///
/// # Errors
/// [`SimError`] if there is no such world.
pub fn run_planted(
    seed: u64,
    plant: &Plant,
    tracer: Tracer,
    watch: Watch,
) -> Result<Vec<Planted>, SimError> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let ailments = plant.ailments(&mut rng);
    let mut config = shape(seed, &ailments, &mut rng);
    config.tracer = tracer;
    config.watch = Some(watch);
    let mut world = World::new(config)?;
    Course::new(&ailments, rng).run(&mut world)
}
