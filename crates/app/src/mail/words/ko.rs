use super::{Action, Code, Letter, Words, harmless, moment};

/// The mail in Korean. After a name come only particles that do not depend on its last sound.
pub(super) fn words(app: &str, letter: &Letter<'_>, link: String) -> Words {
    let footer = format!("이 메일은 {app}에서 자동으로 발송한 발신 전용 메일입니다.");
    match letter {
        Letter::Verification { code, until } => Words {
            subject: format!("{app} 이메일 인증 코드"),
            lead: vec![
                format!("{app}에 이 이메일 주소로 가입 신청이 접수되었습니다."),
                "본인의 이메일 주소인지 확인할 수 있도록 아래 인증 코드를 입력해 주세요.".to_owned(),
            ],
            code: Some(Code::new("인증 코드", code)),
            action: Action::new("또는 아래 링크를 열어 주세요.", "이메일 인증하기", link),
            notes: vec![
                format!("인증 코드는 {}까지 사용할 수 있습니다.", moment(*until)),
                "직접 신청하지 않으셨다면 이 메일을 무시하셔도 됩니다.".to_owned(),
            ],
            footer,
        },
        Letter::PasswordReset { until, .. } => Words {
            subject: format!("{app} 비밀번호 재설정"),
            lead: vec![format!(
                "이 이메일 주소로 가입된 {app} 계정의 비밀번호 재설정 요청이 접수되었습니다."
            )],
            code: None,
            action: Action::new(
                "새 비밀번호를 설정하려면 아래 링크를 열어 주세요.",
                "새 비밀번호 설정하기",
                link,
            ),
            notes: vec![
                format!("이 링크는 {}까지 한 번만 사용할 수 있습니다.", moment(*until)),
                "직접 요청하지 않으셨다면 이 메일을 무시하셔도 됩니다. 비밀번호는 바뀌지 않습니다.".to_owned(),
            ],
            footer,
        },
        Letter::Invitation { company, code, until } => {
            let company = harmless(company);
            Words {
                subject: format!("{app} {company} 초대장"),
                lead: vec![format!("{app}에서 {company} 구성원으로 초대받으셨습니다.")],
                code: Some(Code::new("초대 코드", code)),
                action: Action::new("초대를 수락하려면 아래 링크를 열어 주세요.", "초대 수락하기", link),
                notes: vec![
                    format!("초대는 {}까지 유효합니다.", moment(*until)),
                    "모르는 회사라면 이 메일을 무시하셔도 됩니다.".to_owned(),
                ],
                footer,
            }
        }
        Letter::PasswordChanged { at } => Words {
            subject: format!("{app} 비밀번호가 변경되었습니다"),
            lead: vec![
                format!(
                    "{app} 계정의 비밀번호가 {}에 변경되었습니다. 다른 기기에서는 모두 로그아웃되었습니다.",
                    moment(*at)
                ),
                "직접 변경하셨다면 따로 하실 일은 없습니다. 그렇지 않다면 지금 바로 새 비밀번호를 설정해 주세요."
                    .to_owned(),
            ],
            code: None,
            action: Action::new("아래 링크에서 설정할 수 있습니다.", "새 비밀번호 설정하기", link),
            notes: Vec::new(),
            footer,
        },
        Letter::AccountLocked { until } => Words {
            subject: format!("{app} 계정의 로그인이 일시적으로 제한되었습니다"),
            lead: vec![
                format!(
                    "누군가 {app} 계정에 잘못된 비밀번호를 여러 번 입력하여, \
                     해당 위치에서의 로그인이 {}까지 제한됩니다.",
                    moment(*until)
                ),
                "본인이 시도했고 비밀번호를 잊으셨다면 새 비밀번호를 설정해 주세요.".to_owned(),
            ],
            code: None,
            action: Action::new("아래 링크에서 설정할 수 있습니다.", "새 비밀번호 설정하기", link),
            notes: vec![
                "본인이 시도하지 않았다면 따로 하실 일은 없습니다. 비밀번호는 알려지지 않았으며, \
                 이미 로그인된 기기는 그대로 사용할 수 있습니다."
                    .to_owned(),
            ],
            footer,
        },
    }
}
