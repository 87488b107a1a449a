//! Circles, whose members stay, and temporary groups, which end when everybody has left.

use msnp_proto::session::{ChatId, Command, RequestError};

use super::Handle;

impl Handle {
    /// Makes a circle, from MSNP18; gives its conversation, once this place is in it.
    ///
    /// # Errors
    /// [`RequestError::Service`] where it is not made; [`RequestError::Unconfirmed`] where it is made and
    /// this place did not come in.
    pub async fn make_circle(&self, name: &str) -> Result<ChatId, RequestError> {
        self.ask_for_chat(Command::MakeCircle { name: name.to_owned() }).await
    }

    /// Makes a temporary group, from MSNP21, and calls people into it; gives its conversation.
    ///
    /// # Errors
    /// [`RequestError::NotOnline`] where somebody could not be called. The group may be there all the same:
    /// [`Event::CircleEntered`](crate::Event::CircleEntered) tells.
    pub async fn make_group(&self, people: &[&str]) -> Result<ChatId, RequestError> {
        let people = people.iter().map(|&account| account.to_owned()).collect();
        self.ask_for_chat(Command::MakeGroup { people }).await
    }

    /// Asks somebody into a circle of the account's, with words for her to read, 255 characters at most.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where the account may ask nobody in; [`RequestError::Service`] where she
    /// cannot be asked, or is a member.
    pub async fn invite_to_circle(
        &self,
        circle: &ChatId,
        account: &str,
        words: &str,
    ) -> Result<(), RequestError> {
        let (account, words) = (account.to_owned(), words.to_owned());
        self.ask(Command::InviteToCircle { circle: circle.clone(), account, words }).await
    }

    /// Answers an invitation into a circle; with a yes done when this place is in it.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where there is none; [`RequestError::Service`] where it is not taken.
    pub async fn answer_circle(&self, circle: &ChatId, accept: bool) -> Result<(), RequestError> {
        self.ask(Command::AnswerCircle { circle: circle.clone(), accept }).await
    }

    /// Comes into a circle that the account is a member of, after it left the chat or could not come in.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where it is no member; [`RequestError::Refused`] with the server's reason.
    pub async fn enter_circle(&self, circle: &ChatId) -> Result<(), RequestError> {
        self.ask(Command::EnterCircle { circle: circle.clone() }).await
    }

    /// Ends being a member of a circle.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where the account is none; [`RequestError::Service`] where it stays one.
    pub async fn leave_circle(&self, circle: &ChatId) -> Result<(), RequestError> {
        self.ask(Command::LeaveCircle { circle: circle.clone() }).await
    }
}
