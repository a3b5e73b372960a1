//! One request from its head to its answer, with the faults that meet it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, ETAG, HeaderName, HeaderValue, SERVER};
use http::request::Parts;
use http::{Response, StatusCode};

use super::plan::{After, Plan, scripted};
use super::refusal::refusal_answer;
use super::wire::{Peer, unless_gone};
use crate::access;
use crate::address::{self, Address, Style};
use crate::admin;
use crate::answer::{Answer, AnswerBody, AnswerFault};
use crate::body::{Hangup, Refusal, RequestBody};
use crate::clock::{shifted, unix_seconds};
use crate::core::{Core, Exchange};
use crate::error::OssError;
use crate::fault::Subject;
use crate::journal::{JournalEntry, Ticket};
use crate::operation::Operation;
use crate::operations::{self, cors, stored};
use crate::query::Query;

/// What an early refusal reads of a body before it answers, so that the client is not cut off while sending.
const DISCARDED: u64 = 64 << 20;

/// A request as it arrives.
pub(crate) struct Arrival {
    pub(crate) parts: Parts,
    pub(crate) body: RequestBody,
    pub(crate) client_ip: Option<IpAddr>,
    /// The connection, where there is one that can be cut in the middle of an answer.
    pub(crate) peer: Option<Peer>,
}

/// Where a request leads, found before anything else is done with it.
struct Route {
    query: Query,
    address: Address,
    operation: Result<Operation, OssError>,
}

/// Handles a request; an error is the end of its connection.
pub(crate) async fn handle(core: &Arc<Core>, arrival: Arrival) -> Result<Response<AnswerBody>, Hangup> {
    let Arrival { parts, body, client_ip, peer } = arrival;
    if let Some(peer) = &peer {
        peer.spare();
    }
    let started = Instant::now();
    let now = core.clock.now();
    let request_id = request_id(now);
    let route = match route(core, &parts) {
        Ok(route) => route,
        Err(error) => {
            let refused = refusal_answer(core, &parts, "", &request_id, &error);
            return Ok(dressed(refused, now, &request_id, started));
        }
    };
    if let Address::Admin { path } = &route.address {
        return admin::handle(core, &parts, path, &route.query, body, now).await;
    }
    let ticket = core.journal.begin(entry(&parts, &route, &request_id, now));
    let plan = plan(core, &route, &ticket);
    let now = shifted(now, plan.clock_offset);
    let work = Work {
        core,
        parts: &parts,
        route: &route,
        request_id: &request_id,
        now,
        client_ip,
        peer: peer.as_ref(),
        ticket: &ticket,
    };
    let mut answer = match work.run(body, plan).await {
        Ok(answer) => answer,
        Err(hangup) => {
            if let (Some(peer), Hangup::Reset) = (&peer, hangup) {
                peer.reset_after(0);
            }
            return Err(hangup);
        }
    };
    if let Some(bucket) = route.bucket() {
        cors::dress(core, bucket, parts.method.as_str(), &parts.headers, &mut answer.headers);
    }
    ticket.update(|entry| entry.status = Some(answer.status.as_u16()));
    Ok(dressed(answer, now, &request_id, started))
}

fn route(core: &Core, parts: &Parts) -> Result<Route, OssError> {
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let exists = |bucket: &str| core.store.lock().buckets().contains_key(bucket);
    let address = core.config.hosts.resolve(address::host(parts), parts.uri.path(), &exists)?;
    let (has_bucket, has_key) = match &address {
        Address::Admin { .. } => (false, false),
        Address::Resource { bucket, key, .. } => (bucket.is_some(), key.is_some()),
    };
    let operation = Operation::identify(&parts.method, has_bucket, has_key, &query, &parts.headers);
    Ok(Route { query, address, operation })
}

impl Route {
    fn bucket(&self) -> Option<&str> {
        match &self.address {
            Address::Resource { bucket, .. } => bucket.as_deref(),
            Address::Admin { .. } => None,
        }
    }

    fn key(&self) -> Option<&str> {
        match &self.address {
            Address::Resource { key, .. } => key.as_deref(),
            Address::Admin { .. } => None,
        }
    }

    fn style(&self) -> Style {
        match &self.address {
            Address::Resource { style, .. } => *style,
            Address::Admin { .. } => Style::Path,
        }
    }

    fn part(&self) -> Option<u32> {
        self.query.value("partNumber").and_then(|number| number.parse().ok())
    }
}

fn entry(parts: &Parts, route: &Route, request_id: &str, now: SystemTime) -> JournalEntry {
    JournalEntry {
        sequence: 0,
        request_id: request_id.to_owned(),
        received_at: now,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        operation: route.operation.as_ref().ok().copied(),
        bucket: route.bucket().map(str::to_owned),
        key: route.key().map(str::to_owned),
        upload_id: route.query.non_empty("uploadId").map(str::to_owned),
        part_number: route.part(),
        attempt: 0,
        body_bytes: 0,
        status: None,
        code: None,
        finished: false,
        faults: Vec::new(),
        callback: None,
    }
}

fn plan(core: &Core, route: &Route, ticket: &Ticket) -> Plan {
    let Ok(operation) = route.operation else { return Plan::default() };
    let strikes = core.faults.strike(Subject {
        operation,
        bucket: route.bucket(),
        key: route.key(),
        part: route.part(),
        attempt: ticket.attempt,
    });
    if strikes.is_empty() {
        return Plan::default();
    }
    ticket.update(|entry| entry.faults = strikes.iter().map(|strike| strike.action.name()).collect());
    let mut plan = Plan::default();
    for strike in strikes {
        plan.add(strike);
    }
    plan
}

/// One request's work.
struct Work<'a> {
    core: &'a Arc<Core>,
    parts: &'a Parts,
    route: &'a Route,
    request_id: &'a str,
    now: SystemTime,
    client_ip: Option<IpAddr>,
    peer: Option<&'a Peer>,
    ticket: &'a Ticket,
}

impl Work<'_> {
    async fn run(&self, mut body: RequestBody, mut plan: Plan) -> Result<Answer, Hangup> {
        if !plan.delay.is_zero() {
            unless_gone(self.peer, tokio::time::sleep(plan.delay)).await?;
        }
        if let Some(fault) = plan.body.take() {
            body.set_fault(fault);
        }
        let after = std::mem::take(&mut plan.after);
        let mut answer = match plan.refusal.take() {
            Some(error) if plan.unread => self.refuse_unread(body, &error),
            Some(error) => self.refuse(body, error).await?,
            None => self.answer(body, plan).await?,
        };
        for fault in after {
            self.strike(&mut answer, fault).await?;
        }
        Ok(answer)
    }

    /// Answers with what the operation says, or with the body that is to stand in for it.
    async fn answer(&self, mut body: RequestBody, plan: Plan) -> Result<Answer, Hangup> {
        if let Some(raw) = plan.raw {
            self.drain(&mut body).await?;
            let mut answer = Answer::ok();
            raw.put_into(&mut answer);
            return Ok(answer);
        }
        let operation = match self.allowed() {
            Ok(operation) => operation,
            Err(error) => return self.refuse(body, error).await,
        };
        if !operation.reads_body() && body.has_fault() {
            self.drain(&mut body).await?;
        }
        let mut exchange = Exchange {
            core: self.core,
            operation,
            parts: self.parts,
            query: &self.route.query,
            bucket: self.route.bucket().unwrap_or_default(),
            key: self.route.key().unwrap_or_default(),
            style: self.route.style(),
            request_id: self.request_id,
            now: self.now,
            client_ip: self.client_ip,
            ticket: self.ticket,
            body,
            faulty: plan.faulty,
        };
        match operations::run(&mut exchange).await {
            Ok(answer) => Ok(answer),
            Err(Refusal::Hangup(hangup)) => Err(hangup),
            Err(Refusal::Error(error)) => self.refuse(exchange.body, error).await,
        }
    }

    fn allowed(&self) -> Result<Operation, OssError> {
        let operation = self.route.operation.clone()?;
        let (bucket, key) = (self.route.bucket(), self.route.key());
        access::check(self.core, self.parts, operation, bucket, key, self.now)?;
        Ok(operation)
    }

    /// Answers with an error, after the rest of the body so that the client gets to read it.
    async fn refuse(&self, mut body: RequestBody, error: OssError) -> Result<Answer, Hangup> {
        self.drain(&mut body).await?;
        Ok(self.refusal(&error))
    }

    /// Answers with an error while the client may still be sending.
    fn refuse_unread(&self, body: RequestBody, error: &OssError) -> Answer {
        if self.peer.is_some() && !self.waits_for_permission() {
            body.discard_later(DISCARDED);
        }
        self.refusal(error)
    }

    fn refusal(&self, error: &OssError) -> Answer {
        self.ticket.update(|entry| entry.code = Some(error.code.to_string()));
        let bucket = self.route.bucket().unwrap_or_default();
        refusal_answer(self.core, self.parts, bucket, self.request_id, error)
    }

    fn waits_for_permission(&self) -> bool {
        self.parts.headers.contains_key(http::header::EXPECT)
    }

    /// Reads what is left of the body, unless the client waits for permission to send it.
    async fn drain(&self, body: &mut RequestBody) -> Result<(), Hangup> {
        if body.has_fault() {
            // The fault is about these bytes, so they are read the way that meets it.
            loop {
                match body.next(self.ticket).await {
                    Ok(Some(_)) => {}
                    Ok(None) | Err(Refusal::Error(_)) => return Ok(()),
                    Err(Refusal::Hangup(hangup)) => return Err(hangup),
                }
            }
        }
        if !self.waits_for_permission() {
            body.discard(DISCARDED, self.ticket).await;
        }
        Ok(())
    }

    /// Lets a fault strike after the work.
    async fn strike(&self, answer: &mut Answer, fault: After) -> Result<(), Hangup> {
        match fault {
            After::Answer(status, code) => *answer = self.refusal(&scripted(status, &code)),
            After::Raw(raw) => raw.put_into(answer),
            After::Delay(delay) => unless_gone(self.peer, tokio::time::sleep(delay)).await?,
            After::Stall(release) => unless_gone(self.peer, release.wait()).await?,
            After::StallBody(bytes, release) => {
                answer.body.strike_after(bytes, AnswerFault::Stall(Box::pin(release.wait())));
            }
            After::Reset(0) => return Err(Hangup::Reset),
            After::Reset(bytes) => match self.peer {
                Some(peer) => peer.reset_after(bytes),
                None => answer.body.strike_after(bytes, AnswerFault::Break),
            },
            After::CutBody(bytes) => {
                let fault = self.peer.map_or(AnswerFault::Break, |peer| AnswerFault::Reset(peer.clone()));
                answer.body.strike_after(bytes, fault);
            }
            After::WrongCrc => {
                if let Some(crc64) = answer.headers.get(stored::CRC64) {
                    let crc64 = crc64.to_str().ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
                    answer.set(stored::CRC64, (!crc64).to_string());
                }
            }
            After::MissingCrc => {
                answer.headers.remove(stored::CRC64);
            }
            After::WrongEtag => answer.set(ETAG, "\"00000000000000000000000000000000\""),
            After::MissingEtag => {
                answer.headers.remove(ETAG);
            }
        }
        Ok(())
    }
}

/// First eight digits: Unix seconds, as in every request id of OSS that was looked at.
fn request_id(now: SystemTime) -> String {
    format!("{:08X}{:016X}", unix_seconds(now) & 0xffff_ffff, fastrand::u64(..))
}

/// Adds the headers that every answer has.
fn dressed(mut answer: Answer, now: SystemTime, request_id: &str, started: Instant) -> Response<AnswerBody> {
    answer.set(SERVER, "AliyunOSS");
    answer.set(DATE, httpdate::fmt_http_date(now));
    answer.set(HeaderName::from_static("x-oss-request-id"), request_id);
    answer.set(HeaderName::from_static("x-oss-server-time"), started.elapsed().as_millis().to_string());
    let bodiless = matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless && !answer.headers.contains_key(CONTENT_LENGTH) {
        answer.set(CONTENT_LENGTH, answer.body.len().to_string());
    }
    answer.headers.entry(CONNECTION).or_insert(HeaderValue::from_static("keep-alive"));
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
