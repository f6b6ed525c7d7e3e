//! What a tenant of a test's own costs: `cargo run --release -p authority-app --example tenant_cost`.
//!
//! The first run on a machine makes the keys that later runs find.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use entra_stand_in::{Authority, Client};

/// How many further tenants are made.
const FURTHER: u32 = 50;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let authority = Authority::builder().spawn().await?;
    let spawned = start.elapsed();
    let tenant = authority.tenant().await?;
    let api = tenant.application("orders")?.role("Orders.Read")?;
    let client = tenant.client("caller")?.grant(&api, "Orders.Read")?;
    client.token(&api).await?;
    let first = start.elapsed();

    let (mut total, mut slowest, mut tokens) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..FURTHER {
        let start = Instant::now();
        let (client, api) = further(&authority).await?;
        let made = start.elapsed();
        total += made;
        slowest = slowest.max(made);
        let start = Instant::now();
        client.token(&api).await?;
        tokens += start.elapsed();
    }
    writeln!(
        io::stdout(),
        "start                                    {spawned:>10.1?}\n\
         start, tenant, client, token over https  {first:>10.1?}\n\
         further tenant with a client, mean       {:>10.1?}\n\
         further tenant with a client, slowest    {slowest:>10.1?}\n\
         further token over https, mean           {:>10.1?}",
        total / FURTHER,
        tokens / FURTHER,
    )?;
    Ok(())
}

async fn further(
    authority: &Authority,
) -> Result<(Client, entra_stand_in::Application), Box<dyn std::error::Error>> {
    let tenant = authority.tenant().await?;
    let api = tenant.application("orders")?.role("Orders.Read")?;
    let client = tenant.client("caller")?.grant(&api, "Orders.Read")?;
    Ok((client, api))
}
