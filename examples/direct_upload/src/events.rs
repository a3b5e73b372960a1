//! What the database learns, told to the open pages of the user it concerns (server-sent events).
//!
//! One process tells its own pages. An application of several has them tell each other, for instance with PostgreSQL's
//! `LISTEN` and `NOTIFY`; until then a page learns of the rest when it asks for the list.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, StreamExt as _, once, unfold};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::app::App;
use crate::record::File;
use crate::user::User;

#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: Sender<Arc<File>>,
}

/// A page that reads this much slower than files are recorded is told to ask for the list.
const BACKLOG: usize = 256;

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: channel(BACKLOG).0 }
    }

    pub(crate) fn recorded(&self, file: File) {
        // An error means that no page is open.
        let _ = self.sender.send(Arc::new(file));
    }
}

/// `GET /api/events`
pub(crate) async fn events(
    State(app): State<App>,
    user: User,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = app.events.sender.subscribe();
    // The page asks for the list when it hears this: whatever was recorded before is in it, and whatever is recorded from
    // now on is in the stream.
    let ready = once(async { Ok(Event::default().event("ready").data("{}")) });
    let recorded = unfold((receiver, user), |(mut receiver, user)| async {
        let event = next(&mut receiver, &user).await?;
        Some((Ok(event), (receiver, user)))
    });
    Sse::new(ready.chain(recorded)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

async fn next(receiver: &mut Receiver<Arc<File>>, user: &User) -> Option<Event> {
    loop {
        match receiver.recv().await {
            Ok(file) if file.user == user.id => {
                return Event::default().event("recorded").json_data(&*file).ok();
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Some(Event::default().event("ready").data("{}")),
            Err(RecvError::Closed) => return None,
        }
    }
}
