#[path="../benches/ingest/spans.rs"] mod spans;
use raftlens_tracer::format::*;
fn cpu()->f64{ std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse::<f64>().unwrap() }
fn main(){
    let pb = std::env::args().nth(1).unwrap()=="pb";
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let mut m = spans::Maker::new(1);
    let mut text=Vec::new();
    let (w,f)= if pb {(Format::OtlpProtobuf,Format::OtlpProtobuf)} else {(Format::OtlpJson,Format::OtlpJsonLines)};
    while text.len()<6_000_000 { let set=m.request(200); write(&set,&mut text,w).unwrap(); }
    let mut a=vec![]; let mut b=vec![];
    for _ in 0..n { let t=cpu(); let r=read_as(&text[..],f); let d=cpu()-t; a.push(text.len() as f64*1e3/d); assert!(r.error.is_none());drop(r);
      let t=cpu(); let s: u64 = stream(&text[..]).unwrap().map(|b|b.unwrap().spans.len() as u64).sum(); let d=cpu()-t; b.push(text.len() as f64*1e3/d); assert!(s>0); }
    a.sort_by(f64::total_cmp); b.sort_by(f64::total_cmp);
    println!("whole median {:.1} best {:.1} MB/s, batches median {:.1} best {:.1}",a[n/2],a[n-1],b[n/2],b[n-1]);
}
