use super::{Action, Code, Letter, Words, harmless, moment};

/// The mail in English.
pub(super) fn words(app: &str, letter: &Letter<'_>, link: String) -> Words {
    let footer = format!("{app} sent this mail automatically. Replies to it are not read.");
    match letter {
        Letter::Verification { code, until } => Words {
            subject: format!("Your {app} verification code"),
            lead: vec![
                format!("Somebody, hopefully you, registered this address at {app}."),
                "To show that it is yours, enter this code:".to_owned(),
            ],
            code: Some(Code::new("Code", code)),
            action: Action::new("Or open this link:", "Verify the address", link),
            notes: vec![
                format!("The code is good until {}.", moment(*until)),
                "If it was not you, you can ignore this mail.".to_owned(),
            ],
            footer,
        },
        Letter::PasswordReset { until, .. } => Words {
            subject: format!("Reset your {app} password"),
            lead: vec![format!(
                "Somebody, hopefully you, asked for a new password for the {app} account with this address."
            )],
            code: None,
            action: Action::new("To choose one, open this link:", "Choose a new password", link),
            notes: vec![
                format!("The link works once, until {}.", moment(*until)),
                "If it was not you, you can ignore this mail: your password stays as it is.".to_owned(),
            ],
            footer,
        },
        Letter::Invitation { company, code, until } => {
            let company = harmless(company);
            Words {
                subject: format!("You are invited to join {company} at {app}"),
                lead: vec![format!("You are invited to join {company} at {app}.")],
                code: Some(Code::new("Invitation code", code)),
                action: Action::new("To accept, open this link:", "Accept the invitation", link),
                notes: vec![
                    format!("The invitation is good until {}.", moment(*until)),
                    "If you do not know this company, you can ignore this mail.".to_owned(),
                ],
                footer,
            }
        }
        Letter::PasswordChanged { at } => Words {
            subject: format!("Your {app} password was changed"),
            lead: vec![
                format!(
                    "The password of your {app} account was changed on {}. All other devices were signed out.",
                    moment(*at)
                ),
                "If it was you, there is nothing to do. If it was not, choose a new password at once."
                    .to_owned(),
            ],
            code: None,
            action: Action::new("Choose a new password here:", "Choose a new password", link),
            notes: Vec::new(),
            footer,
        },
        Letter::AccountLocked { until } => Words {
            subject: format!("Sign-ins to your {app} account are limited for now"),
            lead: vec![
                format!(
                    "Somebody entered several wrong passwords for your {app} account. \
                     From where they came, sign-ins are refused until {}.",
                    moment(*until)
                ),
                "If it was you and you forgot the password, choose a new one.".to_owned(),
            ],
            code: None,
            action: Action::new("Choose a new password here:", "Choose a new password", link),
            notes: vec![
                "If it was not you, there is nothing to do: your password was not guessed, and you stay \
                 signed in where you are."
                    .to_owned(),
            ],
            footer,
        },
    }
}
