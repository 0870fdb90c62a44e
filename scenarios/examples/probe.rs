use harrow_reports::verdict;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let name = &args[1];
    let (a, b) = args[2]
        .split_once("..")
        .map(|(a, b)| (a.parse::<u64>().unwrap(), b.parse::<u64>().unwrap()))
        .unwrap_or_else(|| (args[2].parse().unwrap(), args[2].parse().unwrap()));
    let mut sets: Vec<String> = vec![];
    let mut trace = false;
    let mut defects = vec![];
    for x in &args[3..] {
        if x == "--trace" {
            trace = true
        } else if let Some(d) = x.strip_prefix("--defect=") {
            defects.push(harrow_broker_model::defect::Defect::from_name(d).unwrap())
        } else {
            sets.push(x.clone())
        }
    }
    let entry = harrow_scenarios::catalogue::find(name).unwrap();
    let sc = harrow_scenarios::format::parse(name, entry.text, &sets)
        .map_err(|e| format!("{e:?}"))
        .unwrap();
    let mut tally: std::collections::BTreeMap<String, u64> = Default::default();
    for seed in a..=b {
        let mut plan = harrow_scenarios::planner::plan(&sc, seed);
        plan.cluster.defects = defects.iter().copied().collect();
        let t = std::time::Instant::now();
        let run = harrow_sim::run(
            &plan,
            harrow_sim::run::RunOptions {
                record_trace: trace,
                stop_at_violation: false,
                watch: std::env::var("NOWATCH").is_err(),
            },
        );
        let el = t.elapsed();
        let v = verdict::judge(&plan, &run);
        if trace {
            for r in run.trace.as_ref().unwrap() {
                println!(
                    "{:>7} {:>12.6} {:>5} {}",
                    r.event,
                    r.at_ns as f64 / 1e9,
                    r.node.map(|n| n.0).unwrap_or(0),
                    r.text
                );
            }
        }
        println!(
            "{name} {seed} {:?} {:?} {:016x} {:?} {:?}",
            v.outcome, run.end, run.digest, run.stats, el
        );
        for f in &v.findings {
            *tally.entry(f.anomaly.clone()).or_default() += 1;
            println!(
                "   FINDING {} {:?} {}\n      {}",
                f.anomaly,
                f.guarantee,
                f.summary,
                f.evidence.join("\n      ")
            );
            for c in &f.consequences {
                println!("      > {c:?}");
            }
        }
        if std::env::var("VERB").is_ok() {
            for f in &run.faults {
                println!("   fault {f:?}");
            }
            println!("   {:?}\n {:?}", run.reached, v.excused);
        }
        *tally.entry(format!("{:?}", v.outcome)).or_default() += 1;
    }
    println!("{tally:?}");
}
