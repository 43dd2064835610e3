//! Pure: what people do with an incident.

use base::incident::{AlertType, Incident, IncidentState, Signed};
use base::wire::{IncidentAction, IncidentCommand};

/// An incident holds at most so many notes.
const MOST_NOTES: usize = 200;
/// A note or name is at most this long, characters.
const LONGEST_TEXT: usize = 2000;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such incident.
    #[error("there is no incident {0}")]
    Unknown(base::ids::IncidentId),
    /// It has been resolved.
    #[error("the incident is resolved already; only notes can be added to it")]
    Resolved,
    /// The text is empty or too long, or there are too many.
    #[error("{0}")]
    Text(String),
    /// It could not be written down.
    #[error("the incident could not be stored")]
    Store,
}

/// Applies a command. `Ok(None)`: it was so already.
///
/// # Errors
/// A command that the incident's state forbids, or a text that cannot be taken.
pub fn apply(incident: &mut Incident, command: &IncidentCommand) -> Result<Option<AlertType>, CommandError> {
    let too_long = |text: &str| text.chars().count() > LONGEST_TEXT;
    if command.by.trim().is_empty() || too_long(&command.by) {
        return Err(CommandError::Text(format!("'by' must name somebody in at most {LONGEST_TEXT} characters")));
    }
    let signed = |text: &str| Signed { by: command.by.clone(), at: command.at, text: text.to_owned() };
    let kind = match (&command.action, incident.state) {
        (IncidentAction::Acknowledge, IncidentState::Open) => {
            incident.state = IncidentState::Acknowledged;
            incident.acknowledged = Some(signed(""));
            AlertType::Updated
        }
        (IncidentAction::Acknowledge, IncidentState::Acknowledged)
        | (IncidentAction::Resolve, IncidentState::Resolved) => {
            return Ok(None);
        }
        (IncidentAction::Acknowledge, IncidentState::Resolved) => return Err(CommandError::Resolved),
        (IncidentAction::Resolve, _) => {
            incident.state = IncidentState::Resolved;
            incident.resolved = Some(signed(""));
            incident.next.clear();
            AlertType::Resolved
        }
        (IncidentAction::Note { text }, _) => {
            if text.trim().is_empty() || too_long(text) || incident.notes.len() >= MOST_NOTES {
                let limit = format!(
                    "a note must have 1 to {LONGEST_TEXT} characters, and an incident at most {MOST_NOTES} notes"
                );
                return Err(CommandError::Text(limit));
            }
            incident.notes.push(signed(text));
            AlertType::Updated
        }
    };
    incident.updated_at = incident.updated_at.max(command.at);
    Ok(Some(kind))
}
