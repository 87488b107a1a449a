//! Commands, buttons, menus and forms: what people do, and what the bot answers.

use std::time::Duration;

use fake_discord::{FakeDiscord, permissions};
use serenity::all::{
    ActionRowComponent, ApplicationId, AutocompleteChoice, ButtonStyle, CommandOptionType,
    ComponentInteractionDataKind, CreateActionRow, CreateAutocompleteResponse, CreateButton,
    CreateCommand, CreateCommandOption, CreateInputText, CreateInteractionResponse,
    CreateInteractionResponseFollowup, CreateInteractionResponseMessage, CreateModal,
    CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption, EditInteractionResponse, Event,
    GatewayIntents, GuildId, Http, InputTextStyle, Interaction, Permissions, ResolvedValue,
};

use crate::support::{Bot, code, discord, refusal};

/// The bot's commands.
async fn commands(discord: &FakeDiscord, http: &Http) {
    http.set_application_id(ApplicationId::new(discord.application()));
    let option = |kind, name: &str| CreateCommandOption::new(kind, name, "what it is");
    let address =
        option(CommandOptionType::String, "address").required(true).set_autocomplete(true);
    let who = option(CommandOptionType::User, "who");
    let picture = option(CommandOptionType::Attachment, "picture");
    let add = option(CommandOptionType::SubCommand, "add")
        .add_sub_option(address)
        .add_sub_option(who)
        .add_sub_option(picture);
    let msn = CreateCommand::new("msn").description("MSN").add_option(add);
    let rule = CreateCommand::new("rule")
        .description("For those who rule")
        .default_member_permissions(Permissions::ADMINISTRATOR);
    let guild = GuildId::new(discord.guild());
    let set = guild.set_commands(http, vec![msn, rule]).await.expect("they are set");
    assert_eq!(set.len(), 2);
}

async fn asked(bot: &mut Bot) -> Interaction {
    bot.hears("something is asked", |event| match event {
        Event::InteractionCreate(event) => Some(event.interaction.clone()),
        _ => None,
    })
    .await
}

fn message(words: &str) -> CreateInteractionResponseMessage {
    CreateInteractionResponseMessage::new().content(words)
}

#[tokio::test]
async fn a_command_is_given_with_what_belongs_to_it_and_answered_to_one_alone() {
    let (discord, http, channel) = discord().await;
    commands(&discord, &http).await;
    let mut bot = Bot::start(&discord, GatewayIntents::GUILDS).await;
    let here = channel.get();
    let (grace, ada) = (discord.person("grace"), discord.person("ada"));
    let by = discord.by(grace);
    assert_eq!(by.is_offered(here), ["msn"], "the other is for those who rule");
    discord.owned_by(ada);
    assert_eq!(discord.by(ada).is_offered(here), ["msn", "rule"]);

    // While she writes, the bot offers what may come.
    let begun = by.begins_command(here, "/msn add address:bo");
    let Interaction::Autocomplete(question) = asked(&mut bot).await else { panic!("no question") };
    assert_eq!(question.data.autocomplete().expect("an option").value, "bo");
    let choices = [AutocompleteChoice::new("Bob", "bob@example.com")];
    let offer = CreateAutocompleteResponse::new().set_choices(choices.into());
    let offer = CreateInteractionResponse::Autocomplete(offer);
    question.create_response(&bot.http, offer).await.expect("it is taken");
    assert_eq!(begun.offers().await, [("Bob".to_owned(), "bob@example.com".into())]);

    let picture = by.adds_file(here, "me.png", b"png");
    let line = format!("/msn add address:bob@example.com who:<@{ada}> picture:{picture}");
    let given = by.commands_bot(here, &line);
    let Interaction::Command(command) = asked(&mut bot).await else { panic!("no command") };
    assert_eq!((command.user.id.get(), command.channel_id), (grace, channel));
    assert_eq!(command.attachment_size_limit, 10 * 1024 * 1024);
    assert!(command.member.as_ref().expect("a member").permissions.is_some());
    let options = command.data.options();
    let ResolvedValue::SubCommand(options) = &options[0].value else { panic!("no subcommand") };
    let ResolvedValue::String(address) = options[0].value else { panic!("no address") };
    let ResolvedValue::User(user, _) = options[1].value else { panic!("nobody") };
    let ResolvedValue::Attachment(file) = options[2].value else { panic!("no picture") };
    assert_eq!((address, user.name.as_str()), ("bob@example.com", "ada"));
    assert_eq!(file.filename, "me.png");
    let answer = CreateInteractionResponse::Message(message("added").ephemeral(true));
    command.create_response(&bot.http, answer.clone()).await.expect("it is taken");
    assert_eq!(code(command.create_response(&bot.http, answer).await), 40060);
    let shown = given.shows().await;
    assert_eq!((shown.content.as_str(), shown.only_for), ("added", Some(grace)));
    assert!(discord.messages(here).is_empty(), "nobody else sees it");
    assert!(discord.by(ada).reads(here).is_empty() && discord.by(grace).reads(here).len() == 1);

    // It goes on speaking with the command's token, and takes back what it said.
    let more = CreateInteractionResponseFollowup::new().content("for all");
    command.create_followup(&bot.http, more).await.expect("it is said");
    assert_eq!(given.follow_ups()[0].content, "for all");
    let edit = EditInteractionResponse::new().content("added Bob");
    command.edit_response(&bot.http, edit).await.expect("it is changed");
    assert_eq!(given.shown().expect("it is there").content, "added Bob");
    assert_eq!(command.get_response(&bot.http).await.expect("it is read").content, "added Bob");
    command.delete_response(&bot.http).await.expect("it is removed");
    assert!(given.shown().is_none());
    discord.interaction_times(Duration::from_secs(3), Duration::ZERO);
    let more = CreateInteractionResponseFollowup::new().content("too late");
    assert_eq!(code(command.create_followup(&bot.http, more).await), 50027);
    bot.leave();
}

#[tokio::test]
async fn buttons_menus_and_forms_lead_from_one_to_the_next() {
    let (discord, http, channel) = discord().await;
    commands(&discord, &http).await;
    let mut bot = Bot::start(&discord, GatewayIntents::GUILDS).await;
    let here = channel.get();
    let grace = discord.person("grace");
    let by = discord.by(grace);
    let options =
        ["Bob", "Carol"].map(|name| CreateSelectMenuOption::new(name, name.to_lowercase()));
    let menu = CreateSelectMenuKind::String { options: options.into() };
    let rows = vec![
        CreateActionRow::Buttons(vec![
            CreateButton::new("login").label("Log in").style(ButtonStyle::Primary),
            CreateButton::new("off").label("Off").disabled(true),
        ]),
        CreateActionRow::SelectMenu(CreateSelectMenu::new("with", menu)),
    ];
    let board = serenity::all::CreateMessage::new().content("Contacts").components(rows);
    let board = channel.send_message(&bot.http, board).await.expect("it is said");
    let board = discord.message(here, board.id.get()).expect("it is there");

    // The button opens a form; the form is sent; what comes of it is put off and then said.
    let pressed = by.presses(&board, "Log in");
    let Interaction::Component(press) = asked(&mut bot).await else { panic!("no button") };
    assert_eq!((press.data.custom_id.as_str(), press.message.id.get()), ("login", board.id));
    let field = |name: &str| CreateInputText::new(InputTextStyle::Short, name, name);
    let fields = vec![
        CreateActionRow::InputText(field("Address")),
        CreateActionRow::InputText(field("Password").max_length(20)),
    ];
    let form = CreateModal::new("sign-in", "Sign in to MSN").components(fields);
    let form = CreateInteractionResponse::Modal(form);
    press.create_response(&bot.http, form).await.expect("it opens");
    let form = pressed.opens().await;
    assert_eq!(form.title, "Sign in to MSN");
    let sent = by.submits(&form, &[("Address", "ada@example.com"), ("Password", "secret")]);
    let Interaction::Modal(filled) = asked(&mut bot).await else { panic!("no form") };
    let ActionRowComponent::InputText(password) = &filled.data.components[1].components[0] else {
        panic!("no field")
    };
    assert_eq!(password.value.as_deref(), Some("secret"));
    assert_eq!(filled.message.as_ref().expect("what it came from").id.get(), board.id);
    filled.defer_ephemeral(&bot.http).await.expect("it is put off");
    let edit = EditInteractionResponse::new().content("Signed in.");
    filled.edit_response(&bot.http, edit).await.expect("it is said");
    let shown = sent.shows().await;
    assert_eq!((shown.content.as_str(), shown.only_for), ("Signed in.", Some(grace)));

    // The menu changes the message it belongs to.
    let chosen = by.chooses(&board, "with", &["Carol"]);
    let Interaction::Component(choice) = asked(&mut bot).await else { panic!("no menu") };
    let ComponentInteractionDataKind::StringSelect { values } = &choice.data.kind else {
        panic!("no choice")
    };
    assert_eq!(values, &["carol"]);
    let update = CreateInteractionResponse::UpdateMessage(message("Carol").components(vec![]));
    choice.create_response(&bot.http, update).await.expect("it is changed");
    let shown = chosen.shows().await;
    assert_eq!((shown.id, shown.content.as_str(), shown.components.len()), (board.id, "Carol", 0));

    // Rows that Discord does not take.
    let twice = vec![CreateButton::new("a").label("1"), CreateButton::new("a").label("2")];
    let bad = |rows| serenity::all::CreateMessage::new().content("x").components(rows);
    let refused = channel.send_message(&bot.http, bad(vec![CreateActionRow::Buttons(twice)])).await;
    assert_eq!(refusal(refused), (50035, vec!["components.0.components.1.custom_id".to_owned()]));
    let six = (0..6).map(|number| CreateButton::new(number.to_string()).label("x")).collect();
    let refused = channel.send_message(&bot.http, bad(vec![CreateActionRow::Buttons(six)])).await;
    assert_eq!(code(refused), 50035);
    bot.leave();
}

#[tokio::test]
async fn who_answers_too_late_is_not_heard() {
    let (discord, http, channel) = discord().await;
    commands(&discord, &http).await;
    let mut bot = Bot::start(&discord, GatewayIntents::GUILDS).await;
    let grace = discord.person("grace");
    discord.interaction_times(Duration::from_millis(50), Duration::from_secs(900));
    let given = discord.by(grace).commands_bot(channel.get(), "/msn add address:bob@example.com");
    let Interaction::Command(command) = asked(&mut bot).await else { panic!("no command") };
    assert!(!given.is_heard().await, "the application did not respond");
    assert_eq!(code(command.defer(&bot.http).await), 10062);
    let more = CreateInteractionResponseFollowup::new().content("sorry");
    assert_eq!(code(command.create_followup(&bot.http, more).await), 10015);
    bot.leave();
}

#[tokio::test]
async fn commands_are_set_for_all_listed_changed_and_seen_in_direct_messages() {
    let (discord, http, channel) = discord().await;
    commands(&discord, &http).await;
    let make = |name: &str| CreateCommand::new(name).description("what it does");
    let help = serenity::all::Command::create_global_command(&http, make("help")).await;
    let help = help.expect("it is made");
    let again = serenity::all::Command::create_global_command(&http, make("help")).await;
    assert_eq!(again.expect("it is made").id, help.id, "the name tells which it is");
    assert_eq!(discord.commands().len(), 3);
    let grace = discord.person("grace");
    let direct = discord.direct(grace);
    assert_eq!(discord.by(grace).is_offered(direct), ["help"]);
    discord.deny(channel.get(), 0);
    discord.set_role(discord.guild(), permissions::VIEW_CHANNEL);
    assert!(discord.by(grace).is_offered(channel.get()).is_empty());
    let bad = serenity::all::Command::create_global_command(&http, make("Help Me")).await;
    assert_eq!(refusal(bad), (50035, vec!["name".to_owned()]));
    serenity::all::Command::delete_global_command(&http, help.id).await.expect("it is gone");
    assert_eq!(http.get_global_commands().await.expect("they are listed").len(), 0);

    // In a direct message it is a user who asks, and the bot's answer is for her anyway.
    http.create_global_command(&make("help")).await.expect("it is made");
    let mut bot = Bot::start(&discord, GatewayIntents::GUILDS).await;
    let given = discord.by(grace).commands_bot(direct, "/help");
    let Interaction::Command(command) = asked(&mut bot).await else { panic!("no command") };
    assert!(command.guild_id.is_none() && command.user.name == "grace");
    let answer = CreateInteractionResponse::Message(message("this"));
    command.create_response(&bot.http, answer).await.expect("it is taken");
    assert_eq!(given.shows().await.content, "this");
    bot.leave();
}
