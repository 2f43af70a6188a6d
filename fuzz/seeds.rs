//! Writes the first inputs of every target: `seeds FOLDER`.

#[allow(dead_code)]
#[path = "bodies/scratch.rs"]
mod scratch;
#[path = "bodies/seeds.rs"]
mod seeds;
#[allow(dead_code)]
#[path = "bodies/sweeps.rs"]
mod sweeps;

fn main() {
    seeds::write_all(std::env::args().nth(1).expect("a folder").as_ref());
}
