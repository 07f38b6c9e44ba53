//! `muster token`: who may ask a running server, through its API.

use muster_net::{Call, Verb};
use serde_json::{Value, json};

use crate::{
    args::{Format, TokenCommand},
    commands::asking::{Asking, text},
    exit::Exit,
    output::{self, Align, Column, Table},
};

/// Runs the command.
pub(crate) fn run(command: &TokenCommand, asking: &Asking) -> anyhow::Result<Exit> {
    match command {
        TokenCommand::Create { name, scopes, expires, json: as_json } => {
            let days = (*expires > 0).then_some(expires);
            let body = json!({ "name": name, "scopes": scopes, "expires_in_days": days });
            let created = asking.post(&["tokens"], Some(&body))?;
            if *as_json {
                output::json(&created)?;
            } else {
                output::line(text(&created, "secret"))?;
                let until = created["expires_at"].as_str().unwrap_or("it is revoked");
                output::note(&format!(
                    "{name} may {} until {until}; the token is not shown again",
                    words(&created["scopes"])
                ))?;
            }
        }
        TokenCommand::Ls { output } => list(&asking.get(&["tokens"], &[])?, output.format())?,
        TokenCommand::Revoke { token } => {
            asking.call(Call::new(Verb::Delete, &["tokens", token]))?;
            output::line(&format!("{token} is revoked"))?;
        }
        TokenCommand::Setup => {
            let created = asking.post(&["tokens", "setup"], None)?;
            output::line(text(&created, "secret"))?;
            output::note(
                "set the administrator's password with it within a day: POST /api/v1/session/setup",
            )?;
        }
    }
    Ok(Exit::Fine)
}

fn list(tokens: &Value, format: Format) -> anyhow::Result<()> {
    let all = || tokens["tokens"].as_array().into_iter().flatten();
    match format {
        Format::Json => return output::json(tokens),
        Format::Jsonl => return output::jsonl(all()),
        Format::Table | Format::Csv | Format::Md => {}
    }
    let mut table = Table::new(
        ["name", "scopes", "made by", "expires", "last used", "id"]
            .map(|name| Column::new(name, Align::Left))
            .to_vec(),
    );
    for token in all() {
        let expires = match (token["expires_at"].as_str(), token["expired"] == true) {
            (None, _) => "never".to_owned(),
            (Some(at), true) => format!("expired {at}"),
            (Some(at), false) => at.to_owned(),
        };
        table.row(vec![
            output::cell(text(token, "name")).bold(),
            output::cell(&words(&token["scopes"])),
            output::cell(text(token, "created_by")),
            output::cell(&expires),
            output::cell(token["last_used_at"].as_str().unwrap_or("-")),
            output::cell(text(token, "id")),
        ]);
    }
    table.print(format)
}

fn words(scopes: &Value) -> String {
    let words: Vec<&str> = scopes.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    words.join(", ")
}
