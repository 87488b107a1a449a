//! Whatever is asked and whatever the server answers: each request is answered once.

use msnp_proto::{
    Version,
    session::{CloseReason, Command},
};
use proptest::{collection::vec, prelude::*};

use super::{NEW_LISTS, OLD_LISTS};
use crate::Scene;

fn change() -> impl Strategy<Value = Command> {
    let account =
        prop_oneof![Just("bob@example.com"), Just("dave@example.com"), Just("eve@x"), Just("no")];
    let group = prop_oneof![Just("1"), Just("0"), Just("5d5ab0b0-0000-4000-8000-000000000001")];
    let name = prop_oneof!["[a-zé☃ ]{0,12}".boxed(), "x{60,400}".boxed()];
    (0..13_u8, account, group, name, any::<bool>()).prop_map(|(kind, account, group, name, on)| {
        let (account, group) = (account.to_owned(), group.to_owned());
        match kind {
            0 => Command::AcceptContact { account, add: on },
            1 => Command::AddContact { account, group: on.then_some(group) },
            2 => Command::AddGroup { name },
            3 => Command::BlockContact { account, on },
            4 => Command::DeclineContact { account, block: on },
            5 => Command::GroupContact { account, group, on },
            6 => Command::MoveContact { account, group: on.then_some(group) },
            7 => Command::RemoveContact { account },
            8 => Command::RemoveGroup { group },
            9 => Command::RenameContact { account, name },
            10 => Command::RenameGroup { group, name },
            11 => Command::SetAsking { ask: on },
            _ => Command::SetPrivacy { everybody: on },
        }
    })
}

/// What a server does when it is asked something.
#[derive(Clone, Debug)]
enum Answer {
    Echo,
    Error(u16),
    Line(String),
    Nothing,
}

fn answer() -> impl Strategy<Value = Answer> {
    let codes = vec![
        201, 205, 208, 209, 210, 215, 216, 218, 219, 223, 224, 225, 226, 227, 228, 231, 403, 502,
    ];
    prop_oneof![
        6 => Just(Answer::Echo),
        3 => proptest::sample::select(codes).prop_map(Answer::Error),
        1 => "(ADC|ADD|REM|ADG|REG|RMG|REA|SBP|BLP|GTC|SYN|LST|LSG) [0-9]{1,2}( [!-~]{1,12}){0,4}".prop_map(Answer::Line),
        1 => Just(Answer::Nothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn each_request_is_answered_once_whatever_the_server_says(
        changes in vec(change(), 1..12),
        answers in vec(answer(), 0..60),
        old in any::<bool>(),
    ) {
        let (version, lists) =
            if old { (Version::Msnp8, OLD_LISTS) } else { (Version::Msnp12, NEW_LISTS) };
        let (mut scene, link) = Scene::online_at(version, lists);
        let mut asked = Vec::new();
        let mut said = String::new();
        for change in changes {
            let (request, words) = scene.ask(change);
            asked.push(request);
            said.push_str(&words);
        }
        for answer in answers {
            let line = said.lines().last().unwrap_or_default().to_owned();
            let number = line.split(' ').nth(1).unwrap_or("0").to_owned();
            said = match answer {
                Answer::Echo => scene.hear(link, &format!("{line}\r\n")),
                Answer::Error(code) => scene.hear(link, &format!("{code} {number}\r\n")),
                Answer::Line(line) => scene.hear(link, &format!("{line}\r\n")),
                Answer::Nothing => {
                    let words = scene.wait(31);
                    words + &scene.hear(link, "QNG 60\r\n")
                }
            };
        }
        for _ in 0..16 {
            scene.wait(31);
            scene.hear(link, "QNG 60\r\n");
        }
        for request in asked {
            // More than one answer panics there.
            prop_assert!(scene.outcome(request).is_some());
        }
        // No answer ends a session; that there is none at all does.
        let silence = CloseReason::Timeout("requests");
        prop_assert!(scene.end().is_none_or(|reason| reason == silence), "{:?}", scene.end());
    }
}
