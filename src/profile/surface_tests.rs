use super::*;

/// Published service-time polynomials (terms: power of k, power of M, coefficient), from the artifact of Ali et
/// al., "BATCH", SC 2020; valid for M in 1280..3008 MB and k in 1..20.
const RESNET_V2: &[(i32, i32, f64)] = &[
    (0, 0, 4.10287326093357),
    (1, 0, 2.44209348386686),
    (0, 1, -0.003744827715921),
    (2, 0, 0.00146578966951),
    (1, 1, -0.001200716327886),
    (0, 2, 0.00000154147156981117),
    (3, 0, 0.000169790388555),
    (2, 1, -0.00000169402238148543),
    (1, 2, 0.000000193096097179588),
    (0, 3, -0.000000000214320561298109),
];
const INCEPTION_V4: &[(i32, i32, f64)] = &[
    (0, 0, 4.98785373866948),
    (1, 0, 2.21290624531453),
    (0, 1, -0.006302148424865),
    (2, 0, 0.01220707314674),
    (1, 1, -0.001078252966917),
    (0, 2, 0.00000293842054489054),
    (3, 0, -0.000136439880153),
    (2, 1, -0.00000238944435771044),
    (1, 2, 0.00000016826351295629),
    (0, 3, -0.000000000444821512957105),
];
const RESNET_50: &[(i32, i32, f64)] = &[
    (0, 0, 4.159625107884683),
    (1, 0, 2.6042179469237112),
    (0, 1, -0.010825805019675406),
    (2, 0, 0.009138187816342925),
    (1, 1, -0.0028596859100282783),
    (0, 2, 0.00000969154925319072),
    (3, 0, -0.0010892145857441117),
    (2, 1, 0.0000017781522992577246),
    (1, 2, 0.000001226979037160046),
    (0, 3, -0.000000003604767989748986),
    (4, 0, 0.000052168371220458194),
    (3, 1, -0.00000030873547472152034),
    (2, 2, 0.000000001335682942382537),
    (1, 3, -0.00000000017570492803764548),
    (0, 4, 0.0000000000004756195437494171),
];

fn tabulated(terms: &[(i32, i32, f64)]) -> Vec<Sample> {
    let at = |memory_mb: u32, batch: u32| {
        let (k, m) = (f64::from(batch), f64::from(memory_mb));
        let service_s = terms.iter().map(|(i, j, c)| c * k.powi(*i) * m.powi(*j)).sum();
        Sample { memory_mb, batch, service_s }
    };
    (1280..=3008).step_by(64).flat_map(|m| (1..=20).map(move |k| at(m, k))).collect()
}

#[test]
fn under_three_percent_of_the_cells_predict_the_rest_within_two_percent() {
    for (name, terms) in [("resnet-v2", RESNET_V2), ("inception-v4", INCEPTION_V4), ("resnet-50", RESNET_50)]
    {
        let table = tabulated(terms);
        assert_eq!(table.len(), 560);
        let memories: Vec<u32> = (1280..=3008).step_by(64).collect();
        let design = sparse_design(&memories, &(1..=20).collect::<Vec<_>>(), 16);
        assert!((design.len() as f64) < 0.03 * 560.0, "{} cells", design.len());
        let (known, held_out): (Vec<Sample>, Vec<Sample>) =
            table.iter().partition(|s| design.contains(&(s.memory_mb, s.batch)));
        let surface = Surface::fit(&known).unwrap();
        let error = surface.error_on(&held_out);
        assert!(error < 0.02, "{name}: {error} with {}", surface.describe());
    }
}

#[test]
fn noise_of_two_percent_is_not_fitted() {
    use rand::Rng;
    let mut stream = crate::numeric::streams::Streams::new(5).stream("noise");
    let table = tabulated(RESNET_V2);
    let memories: Vec<u32> = (1280..=3008).step_by(64).collect();
    let design = sparse_design(&memories, &(1..=20).collect::<Vec<_>>(), 16);
    let mut unit = || stream.next_u64() as f64 / u64::MAX as f64;
    let known: Vec<Sample> = table
        .iter()
        .filter(|s| design.contains(&(s.memory_mb, s.batch)))
        .map(|s| Sample { service_s: s.service_s * (0.98 + 0.04 * unit()), ..*s })
        .collect();
    let surface = Surface::fit(&known).unwrap();
    assert!(surface.error_on(&table) < 0.04, "{} {}", surface.describe(), surface.error_on(&table));
}

#[test]
fn the_physical_form_is_found_and_holds_beyond_its_samples() {
    let truth = |memory_mb: u32, batch: u32| {
        let share = (f64::from(memory_mb) / 1769.0).min(2.0);
        Sample { memory_mb, batch, service_s: 0.003 + (0.002 + 0.01 * f64::from(batch)) / share }
    };
    let known: Vec<Sample> = [(512, 1), (512, 8), (1769, 1), (1769, 8), (3008, 4), (5000, 8), (8000, 2)]
        .map(|(m, k)| truth(m, k))
        .to_vec();
    let surface = Surface::fit(&known).unwrap();
    assert!(surface.describe().contains("up to 2 vCPU"), "{}", surface.describe());
    assert!(surface.error_on(&[truth(10240, 16), truth(256, 32)]) < 1e-9);
}

#[test]
fn one_memory_size_is_enough_for_a_curve_in_the_batch_size() {
    let known: Vec<Sample> = [1, 2, 4, 8]
        .map(|k| Sample { memory_mb: 1769, batch: k, service_s: 0.01 + 0.02 * f64::from(k) })
        .to_vec();
    let surface = Surface::fit(&known).unwrap();
    assert!((surface.at(1769, 6) - 0.13).abs() < 1e-9, "{}", surface.describe());
    assert!(Surface::fit(&known[..2]).is_none());
}
