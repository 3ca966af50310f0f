//! The fuzz targets on the stable toolchain: over their corpora, and over seeded changes of them. `./task fuzz TARGET
//! SECONDS` searches for real.

#[allow(unreachable_pub, reason = "the fuzz crate exports them")]
#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CHANGES: usize = 20_000;

#[test]
fn targets_return_for_every_input() {
    let corpora = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let files = std::fs::read_dir(corpora.join(name)).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let inputs: Vec<Vec<u8>> = files.into_iter().map(|path| std::fs::read(path).unwrap()).collect();
        assert!(inputs.len() >= 5, "the corpus {name} was not found");
        inputs.iter().for_each(|input| target(input));
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..CHANGES {
            target(&changed(&inputs, &mut rng));
        }
    }
}

/// An input with a few bytes changed, cut out or put in, or the first half of one before the second of another.
fn changed(inputs: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut input = inputs[rng.random_range(0..inputs.len())].clone();
    for _ in 0..rng.random_range(1..6) {
        if input.is_empty() {
            input.push(rng.random());
        }
        let at = rng.random_range(0..input.len());
        match rng.random_range(0..5) {
            0 => input[at] = rng.random(),
            1 => input[at] ^= 1 << rng.random_range(0..8),
            2 => drop(input.drain(at..(at + rng.random_range(0..9)).min(input.len()))),
            3 => input.insert(at, b"\"{}[]:,\\u0d8"[rng.random_range(0..12)]),
            _ => {
                let other = &inputs[rng.random_range(0..inputs.len())];
                input.truncate(at);
                input.extend_from_slice(&other[other.len() / 2..]);
            }
        }
    }
    input
}
