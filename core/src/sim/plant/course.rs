//! The course of a planted run: leaders are elected, clients come, and at their times the steps of
//! the ailments happen.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::error::Error;
use crate::sim::config::SimError;
use crate::sim::plant::ailment::Ailment;
use crate::sim::plant::inflict::{Act, Step, steps};
use crate::sim::plant::load::Load;
use crate::sim::world::World;

/// From when on clients come, in nanoseconds of true time.
const LOAD_NS: u64 = 800_000_000;
/// When requests are worth recording: leaders are elected by then.
pub const RECORDED_NS: Range<u64> = 1_000_000_000..3_600_000_000;
/// How long an ailment lasts: for so little of the run that most requests are as usual.
const AILING_NS: Range<u64> = 600_000_000..1_000_000_000;
/// From the first request to the first ailment, from one ailment to the next one that must not meet
/// it, and from the last one to the end.
const BETWEEN_NS: u64 = 100_000_000;

/// One ailment, as it was planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// What it is.
    pub ailment: Ailment,
    /// The node that ails.
    pub node: u64,
    /// The region that is read.
    pub region: u64,
    /// When it began and ended, in nanoseconds of true time.
    pub span_ns: Range<u64>,
    /// How long what is slow takes, in nanoseconds; zero for what is not about time.
    pub strength_ns: u64,
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Course {
    ailments: Vec<Ailment>,
    rng: SmallRng,
    load: Load,
}

impl Course {
    pub(super) fn new(ailments: &[Ailment], mut rng: SmallRng) -> Course {
        let load = Load::new(&mut rng);
        Course { ailments: ailments.to_vec(), rng, load }
    }

    /// Runs it to its end.
    pub(super) fn run(mut self, world: &mut World) -> Result<Vec<Planted>, SimError> {
        self.elect_leaders(world)?;
        world.run_until(LOAD_NS);
        let mut coming: Vec<_> = self.ailments.clone().into_iter().zip(self.spans()).collect();
        coming.sort_by_key(|(_, span)| std::cmp::Reverse(span.start));
        let planted = self.follow(world, coming);
        // Whoever still waits gets its answer.
        world.run_for(world.core.deadline + Duration::from_millis(100));
        Ok(planted)
    }

    /// The node that leads each region: all the same one if it is about nodes that do not lead.
    fn elect_leaders(&mut self, world: &mut World) -> Result<(), Error> {
        let together = self.ailments.iter().any(|it| it.is_about_replicas());
        let first = self.rng.random_range(1..=world.nodes());
        let regions: Vec<u64> = world.regions.iter().map(|region| region.id).collect();
        for region in regions {
            let node = match together {
                true => first,
                false => (first + region) % world.nodes() + 1,
            };
            world.elect(node, region)?;
        }
        Ok(())
    }

    /// When each ailment shows: one after the other, or both at the same time if they can be.
    fn spans(&mut self) -> Vec<Range<u64>> {
        let first = RECORDED_NS.start + BETWEEN_NS;
        let overlap = self.rng.random() && !self.ailments.iter().any(|it| it.stands_alone());
        let span_ns = self.rng.random_range(AILING_NS);
        if self.ailments.len() < 2 || overlap {
            let start =
                first + self.rng.random_range(0..RECORDED_NS.end - BETWEEN_NS - span_ns - first);
            return vec![start..start + span_ns; self.ailments.len()];
        }
        let half = AILING_NS.end / 2;
        let second = first + half + BETWEEN_NS;
        vec![first..first + half, second..second + half]
    }

    /// Lets clients come, and ailments, those to come last in front. What an ailment does is decided
    /// when it begins, by who leads then.
    fn follow(
        &mut self,
        world: &mut World,
        mut coming: Vec<(Ailment, Range<u64>)>,
    ) -> Vec<Planted> {
        let (mut planted, mut plan) = (Vec::new(), VecDeque::<Step>::new());
        let mut arrival_ns = LOAD_NS;
        loop {
            let begin_ns = coming.last().map_or(u64::MAX, |(_, span)| span.start);
            let step_ns = plan.front().map_or(u64::MAX, |step| step.at_ns);
            let next_ns = arrival_ns.min(step_ns).min(begin_ns);
            if next_ns >= RECORDED_NS.end {
                // Whatever still ails is ended, so that the last requests are answered.
                plan.into_iter().for_each(|step| self.act(world, step.act));
                return planted;
            }
            world.run_until(next_ns);
            if next_ns == begin_ns {
                let Some((ailment, span)) = coming.pop() else { continue };
                let (what, more) = steps(ailment, &span, world, &mut self.rng);
                planted.push(what);
                plan.extend(more);
                plan.make_contiguous().sort_by_key(|step| step.at_ns);
            } else if next_ns == step_ns {
                let Some(step) = plan.pop_front() else { continue };
                self.act(world, step.act);
            } else {
                self.load.arrive(world, &mut self.rng);
                arrival_ns += self.load.next_gap_ns(&mut self.rng).max(1);
            }
        }
    }

    fn act(&mut self, world: &mut World, act: Act) {
        act.happen(world, &mut self.load, &mut self.rng);
    }
}
