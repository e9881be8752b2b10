use super::{Action, Code, Letter, Words, harmless, moment};

/// The mail in Russian. Names stand where they need not be declined.
pub(super) fn words(app: &str, letter: &Letter<'_>, link: String) -> Words {
    let footer = format!("Письмо отправлено автоматически сервисом {app}, отвечать на него не нужно.");
    match letter {
        Letter::Verification { code, until } => Words {
            subject: format!("Код подтверждения {app}"),
            lead: vec![
                format!("Этот адрес указан при регистрации в сервисе {app} — надеемся, что вами."),
                "Чтобы подтвердить, что адрес принадлежит вам, введите код:".to_owned(),
            ],
            code: Some(Code::new("Код", code)),
            action: Action::new("Или откройте ссылку:", "Подтвердить адрес", link),
            notes: vec![
                format!("Код действует до {}.", moment(*until)),
                "Если регистрировались не вы, просто не обращайте внимания на это письмо.".to_owned(),
            ],
            footer,
        },
        Letter::PasswordReset { until, .. } => Words {
            subject: format!("Сброс пароля {app}"),
            lead: vec![format!(
                "Для учётной записи {app} с этим адресом запрошен новый пароль — надеемся, что вами."
            )],
            code: None,
            action: Action::new("Чтобы задать его, откройте ссылку:", "Задать новый пароль", link),
            notes: vec![
                format!("Ссылка сработает один раз, до {}.", moment(*until)),
                "Если пароль запрашивали не вы, просто не обращайте внимания на это письмо: \
                 пароль останется прежним."
                    .to_owned(),
            ],
            footer,
        },
        Letter::Invitation { company, code, until } => {
            let company = harmless(company);
            Words {
                subject: format!("{app}: приглашение в компанию {company}"),
                lead: vec![format!("Вас приглашают присоединиться к компании {company} в сервисе {app}.")],
                code: Some(Code::new("Код приглашения", code)),
                action: Action::new(
                    "Чтобы принять приглашение, откройте ссылку:",
                    "Принять приглашение",
                    link,
                ),
                notes: vec![
                    format!("Приглашение действует до {}.", moment(*until)),
                    "Если вы не знаете эту компанию, просто не обращайте внимания на это письмо.".to_owned(),
                ],
                footer,
            }
        }
        Letter::PasswordChanged { at } => Words {
            subject: format!("Пароль {app} изменён"),
            lead: vec![
                format!(
                    "Пароль вашей учётной записи {app} изменён {}. На других устройствах выполнен выход.",
                    moment(*at)
                ),
                "Если это сделали вы, ничего больше не нужно. Если нет, сразу же задайте новый пароль."
                    .to_owned(),
            ],
            code: None,
            action: Action::new("Задать новый пароль можно здесь:", "Задать новый пароль", link),
            notes: Vec::new(),
            footer,
        },
        Letter::AccountLocked { until } => Words {
            subject: format!("Вход в {app} временно ограничен"),
            lead: vec![
                format!(
                    "Кто-то несколько раз ввёл неверный пароль к вашей учётной записи {app}. \
                     Вход оттуда, где это произошло, закрыт до {}.",
                    moment(*until)
                ),
                "Если это были вы и пароль забыт, задайте новый.".to_owned(),
            ],
            code: None,
            action: Action::new("Задать новый пароль можно здесь:", "Задать новый пароль", link),
            notes: vec![
                "Если это были не вы, ничего делать не нужно: пароль не подобран, \
                 а там, где вы уже вошли, всё работает по-прежнему."
                    .to_owned(),
            ],
            footer,
        },
    }
}
