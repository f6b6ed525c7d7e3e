//! Calls the orders service with this program's own credential, which the environment names (`AZURE_TENANT_ID`,
//! `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` and others), and prints the response.

use entra_token::{BearerClient, TokenRetriever};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let setting = |name| std::env::var(name).map_err(|_| format!("set the variable {name}"));
    let (orders_url, app_id_uri) = (setting("ORDERS_URL")?, setting("ORDERS_APP_ID_URI")?);
    // region: call
    let retriever = TokenRetriever::from_env(&app_id_uri)?;
    let orders = BearerClient::new(&orders_url, retriever)?;
    let response = orders.get("/orders").send().await?.error_for_status()?;
    println!("{}", response.text().await?);
    // endregion
    Ok(())
}
