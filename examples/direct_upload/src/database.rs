//! The database: SQLite or PostgreSQL, with the same statements.

use sqlx_core::any::{Any, AnyPool, AnyPoolOptions, AnyRow};
use sqlx_core::executor::Executor as _;
use sqlx_core::query::query;
use sqlx_core::row::Row as _;

use crate::clock;
use crate::record::{File, LearntBy, Ticket};

/// Uploads that were allowed, and files that were stored.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
}

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The database cannot be reached, or refused the statement.
    #[error("the database failed")]
    Sql(#[from] sqlx_core::Error),
    /// A row holds what this application did not write.
    #[error("the database's column {column} holds a value that cannot be: {value}")]
    Value {
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
}

/// What became of a file that was to be recorded.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// It is new.
    First(File),
    /// The same object was recorded before; this is what was recorded then.
    Again(File),
    /// Another object was recorded under the same ticket.
    Other,
}

/// Both databases understand this. That a ticket's file is recorded once is the database's doing, not the program's: with
/// several servers, or two callbacks at the same moment, nothing else could see to it.
const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS tickets (
        id TEXT NOT NULL PRIMARY KEY,
        user_id TEXT NOT NULL,
        bucket TEXT NOT NULL,
        object TEXT NOT NULL,
        name TEXT NOT NULL,
        content_type TEXT NOT NULL,
        size BIGINT NOT NULL,
        upload_id TEXT,
        created_at BIGINT NOT NULL,
        UNIQUE (bucket, object)
    )",
    "CREATE TABLE IF NOT EXISTS files (
        ticket TEXT NOT NULL PRIMARY KEY REFERENCES tickets (id),
        user_id TEXT NOT NULL,
        name TEXT NOT NULL,
        object TEXT NOT NULL,
        size BIGINT NOT NULL,
        content_type TEXT NOT NULL,
        etag TEXT NOT NULL,
        crc64 TEXT,
        width BIGINT,
        height BIGINT,
        format TEXT,
        request_id TEXT,
        learnt_by TEXT NOT NULL,
        confirmed BIGINT NOT NULL,
        recorded_at BIGINT NOT NULL
    )",
    "CREATE INDEX IF NOT EXISTS files_of_user ON files (user_id, recorded_at)",
];

const FILE: &str = "ticket, user_id, name, object, size, content_type, etag, crc64, width, height, format, request_id, \
                    learnt_by, confirmed, recorded_at";
const TICKET: &str = "id, user_id, bucket, object, name, content_type, size, upload_id";

impl Database {
    /// Opens the database at a URL, `sqlite://…` or `postgres://…`, and makes its tables if they are not there.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Sql`] if it cannot be reached or does not let tables be made.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        // A second call finds the drivers installed, which is all it wants.
        let _ =
            sqlx_core::any::driver::install_drivers(&[sqlx_sqlite::any::DRIVER, sqlx_postgres::any::DRIVER]);
        let is_sqlite = url.starts_with("sqlite:");
        let mut options = AnyPoolOptions::new();
        if is_sqlite {
            // SQLite writes one thing at a time in any case; with one connection nobody waits for a lock in vain. The
            // log is synced at checkpoints: a loss of power may take the last moments, a crash of the program nothing.
            options = options.max_connections(1).after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute("PRAGMA journal_mode = WAL").await?;
                    connection.execute("PRAGMA synchronous = NORMAL").await?;
                    connection.execute("PRAGMA foreign_keys = ON").await?;
                    Ok(())
                })
            });
        }
        let pool = options.connect(url).await?;
        for statement in SCHEMA {
            pool.execute(*statement).await?;
        }
        Ok(Self { pool })
    }

    /// Keeps what was allowed.
    pub(crate) async fn allow(&self, ticket: &Ticket) -> Result<(), DatabaseError> {
        let statement =
            format!("INSERT INTO tickets ({TICKET}, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
        query::<Any>(&statement)
            .bind(&ticket.id)
            .bind(&ticket.user)
            .bind(&ticket.bucket)
            .bind(&ticket.object)
            .bind(&ticket.name)
            .bind(&ticket.content_type)
            .bind(signed(ticket.size))
            .bind(ticket.upload_id.as_deref())
            .bind(clock::now_millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The ticket of this id, if it is this user's.
    pub(crate) async fn ticket(&self, id: &str, user: &str) -> Result<Option<Ticket>, DatabaseError> {
        if !is_id(id) {
            return Ok(None);
        }
        let statement = format!("SELECT {TICKET} FROM tickets WHERE id = $1 AND user_id = $2");
        let row = query::<Any>(&statement).bind(id).bind(user).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_ticket).transpose()
    }

    /// The ticket for an object.
    pub(crate) async fn ticket_for(
        &self,
        bucket: &str,
        object: &str,
    ) -> Result<Option<Ticket>, DatabaseError> {
        let statement = format!("SELECT {TICKET} FROM tickets WHERE bucket = $1 AND object = $2");
        let row = query::<Any>(&statement).bind(bucket).bind(object).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_ticket).transpose()
    }

    /// Forgets a ticket whose file is not recorded. Whether there was one is the answer.
    pub(crate) async fn forget(&self, id: &str) -> Result<bool, DatabaseError> {
        let statement = "DELETE FROM tickets WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM files WHERE files.ticket = tickets.id)";
        Ok(query::<Any>(statement).bind(id).execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Records a file unless one is recorded under its ticket.
    pub(crate) async fn record(&self, file: File) -> Result<Recorded, DatabaseError> {
        let statement = format!(
            "INSERT INTO files ({FILE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
             ON CONFLICT (ticket) DO NOTHING"
        );
        let done = query::<Any>(&statement)
            .bind(&file.id)
            .bind(&file.user)
            .bind(&file.name)
            .bind(&file.object)
            .bind(signed(file.size))
            .bind(&file.content_type)
            .bind(&file.etag)
            .bind(file.crc64.as_deref())
            .bind(file.width.map(signed))
            .bind(file.height.map(signed))
            .bind(file.format.as_deref())
            .bind(file.request_id.as_deref())
            .bind(file.learnt_by.as_str())
            .bind(i64::from(file.confirmed))
            .bind(file.recorded_at)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() > 0 {
            return Ok(Recorded::First(file));
        }
        let missing = || DatabaseError::Value { column: "ticket", value: file.id.clone() };
        let earlier = self.file(&file.id, &file.user).await?.ok_or_else(missing)?;
        let same = earlier.etag == file.etag && earlier.size == file.size;
        Ok(if same { Recorded::Again(earlier) } else { Recorded::Other })
    }

    /// The file recorded under a ticket, if it is this user's.
    pub(crate) async fn file(&self, id: &str, user: &str) -> Result<Option<File>, DatabaseError> {
        if !is_id(id) {
            return Ok(None);
        }
        let statement = format!("SELECT {FILE} FROM files WHERE ticket = $1 AND user_id = $2");
        let row = query::<Any>(&statement).bind(id).bind(user).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_file).transpose()
    }

    /// A user's files, the newest first, at most 200.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub async fn files(&self, user: &str) -> Result<Vec<File>, DatabaseError> {
        let statement = format!(
            "SELECT {FILE} FROM files WHERE user_id = $1 ORDER BY recorded_at DESC, ticket LIMIT 200"
        );
        let rows = query::<Any>(&statement).bind(user).fetch_all(&self.pool).await?;
        rows.iter().map(read_file).collect()
    }

    /// How many files are recorded, of all users.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub async fn count(&self) -> Result<u64, DatabaseError> {
        let row = query::<Any>("SELECT COUNT(*) FROM files").fetch_one(&self.pool).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }
}

/// Whether a ticket can have this id. PostgreSQL refuses the very question if there is a NUL in it.
fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn read_ticket(row: &AnyRow) -> Result<Ticket, DatabaseError> {
    Ok(Ticket {
        id: row.try_get(0)?,
        user: row.try_get(1)?,
        bucket: row.try_get(2)?,
        object: row.try_get(3)?,
        name: row.try_get(4)?,
        content_type: row.try_get(5)?,
        size: unsigned("size", row.try_get(6)?)?,
        upload_id: row.try_get(7)?,
    })
}

fn read_file(row: &AnyRow) -> Result<File, DatabaseError> {
    let pixels = |column: &'static str, at: usize| -> Result<Option<u64>, DatabaseError> {
        row.try_get::<Option<i64>, _>(at)?.map(|value| unsigned(column, value)).transpose()
    };
    let learnt_by: String = row.try_get(12)?;
    Ok(File {
        id: row.try_get(0)?,
        user: row.try_get(1)?,
        name: row.try_get(2)?,
        object: row.try_get(3)?,
        size: unsigned("size", row.try_get(4)?)?,
        content_type: row.try_get(5)?,
        etag: row.try_get(6)?,
        crc64: row.try_get(7)?,
        width: pixels("width", 8)?,
        height: pixels("height", 9)?,
        format: row.try_get(10)?,
        request_id: row.try_get(11)?,
        learnt_by: LearntBy::parse(&learnt_by)
            .ok_or(DatabaseError::Value { column: "learnt_by", value: learnt_by })?,
        confirmed: row.try_get::<i64, _>(13)? != 0,
        recorded_at: row.try_get(14)?,
    })
}

/// SQL has no unsigned numbers; a size beyond its reach is beyond OSS's too.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(column: &'static str, value: i64) -> Result<u64, DatabaseError> {
    u64::try_from(value).map_err(|_| DatabaseError::Value { column, value: value.to_string() })
}
