use super::limits;

/// Why a callback cannot be built. Nothing was sent: OSS would have refused the upload with
/// `400 InvalidArgument`, or the callback could never have arrived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// One of the callback URLs is refused.
    #[error("callback URL number {position} is refused")]
    Url {
        /// Which URL, counted from 1: the one given to `builder` is 1.
        position: usize,
        /// What is wrong with it.
        #[source]
        reason: UrlError,
    },
    /// More URLs than OSS tries.
    #[error("{count} callback URLs are given; OSS accepts at most {max}: leave some out", max = limits::URLS)]
    TooManyUrls {
        /// How many were given.
        count: usize,
    },
    /// `host` is not a host name, optionally with a port.
    #[error(
        "callback host {host:?} is not a host name with an optional port: give it without scheme, path or blanks"
    )]
    Host {
        /// The refused value.
        host: String,
    },
    /// No body was given, or an empty one.
    #[error("the callback body is empty; OSS requires one: give a template with `body`")]
    EmptyBody,
    /// The body type is neither of the two OSS knows. Only a decoded callback can have such a one.
    #[error("callbackBodyType is {name:?}; OSS knows application/x-www-form-urlencoded and application/json")]
    BodyType {
        /// The refused value.
        name: String,
    },
    /// A `$` without a `{` directly behind it. OSS says: "Left brace must be adjacent to dollar sign."
    #[error(
        "the `$` at byte {offset} of the callback body is not followed by `{{`: write ${{name}} for a variable, \
         %24 in a form or \\u0024 in JSON for the character"
    )]
    Dollar {
        /// Byte offset of the `$` in the template.
        offset: usize,
    },
    /// A `${` without its `}`.
    #[error("the `${{` at byte {offset} of the callback body has no closing `}}`")]
    UnclosedVariable {
        /// Byte offset of the `$` in the template.
        offset: usize,
    },
    /// A variable OSS does not know.
    #[error(
        "OSS has no callback variable ${{{name}}}; names are case-sensitive, and custom variables begin with `x:`"
    )]
    UnknownVariable {
        /// The name between the braces.
        name: String,
    },
    /// A raw template whose variables were percent-encoded: they would arrive unsubstituted.
    #[error(
        "the callback body holds `%24%7B` at byte {offset}, a percent-encoded `${{`: variables must stay as they are, \
         only constants are encoded (`BodyTemplate::form` does it)"
    )]
    EncodedVariable {
        /// Byte offset of the `%24%7B` in the template.
        offset: usize,
    },
    /// A custom variable's name is outside the documented alphabet.
    #[error("custom variable name {name:?} must be `x:` and lower-case letters, digits, `_`, `-` or `.`")]
    CustomName {
        /// The name, with its `x:`.
        name: String,
    },
    /// The body mentions a custom variable that has no value.
    #[error("the callback body mentions ${{{name}}}, but no value is given: add it with `var`")]
    MissingCustom {
        /// The name, with its `x:`.
        name: String,
    },
    /// A custom variable has a value, but the body never mentions it: it would not arrive.
    #[error(
        "custom variable {name} is not mentioned in the callback body, so it would never arrive: \
         add ${{{name}}} to the body or drop the variable"
    )]
    UnreferencedCustom {
        /// The name, with its `x:`.
        name: String,
    },
    /// The same custom variable was given two different values.
    #[error("custom variable {name} is given two different values: keep one or use two names")]
    ConflictingCustom {
        /// The name, with its `x:`.
        name: String,
    },
    /// More custom variables than OSS advises.
    #[error(
        "{count} custom variables of together {bytes} bytes (names and values) are given; OSS advises at most \
         {max_count} and {max_bytes} bytes: leave some out, or allow it with `exceed_variable_advice`",
        max_count = limits::CUSTOM_VARIABLES,
        max_bytes = limits::CUSTOM_BYTES
    )]
    CustomAdvice {
        /// How many were given.
        count: usize,
        /// Names and values together, in bytes.
        bytes: usize,
    },
    /// The same field appears twice in a typed template; receivers refuse such a body.
    #[error("field {name:?} appears twice in the callback body: give each field its own name")]
    DuplicateField {
        /// The field's name.
        name: String,
    },
    /// A JSON template that cannot become JSON.
    #[error(
        "the callback body is of type application/json, but with its variables filled in it is not JSON \
         (line {line}, column {column}): OSS puts text variables in with their quotes, so write \"object\":${{object}}"
    )]
    NotJson {
        /// Line of the first fault in the filled-in body, from 1.
        line: usize,
        /// Column of the first fault in the filled-in body, from 1.
        column: usize,
    },
    /// `callback` or `callback-var` would be longer than OSS takes.
    #[error("the encoded `{parameter}` has {length} bytes; OSS takes at most {max}", max = limits::ENCODED_BYTES)]
    TooLong {
        /// `callback` or `callback-var`.
        parameter: &'static str,
        /// Length of the base64 text in bytes.
        length: usize,
    },
    /// The encoder's output was not accepted as JSON or as a header value; a fault of this library.
    #[error("the encoded `{parameter}` is not a valid header value; please report this")]
    Encoding {
        /// `callback` or `callback-var`.
        parameter: &'static str,
    },
}

impl CallbackError {
    /// OSS's detailed error code, as in `<EC>`, with which it would have refused the upload, where it is known.
    ///
    /// The numbers are those of the error-code pages of the OSS documentation, family 0007.
    #[must_use]
    pub fn ec(&self) -> Option<&'static str> {
        match self {
            Self::Url { reason: UrlError::Private { .. }, .. } => Some("0007-00000008"),
            Self::Url { .. } => Some("0007-00000004"),
            Self::TooManyUrls { .. } => Some("0007-00000005"),
            Self::EmptyBody => Some("0007-00000011"),
            Self::BodyType { .. } => Some("0007-00000013"),
            Self::TooLong { parameter: "callback-var", .. } => Some("0007-00000101"),
            Self::TooLong { .. } => Some("0007-00000001"),
            Self::CustomName { .. } => Some("0007-00000104"),
            Self::UnknownVariable { .. } | Self::UnclosedVariable { .. } => Some("0007-00000105"),
            _ => None,
        }
    }
}

/// What is wrong with a callback URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Nothing was given.
    #[error("it is empty: give http://HOST[:PORT]/PATH")]
    Empty,
    /// Neither http nor https.
    #[error("its scheme is {scheme:?}: only http and https are accepted")]
    Scheme {
        /// The refused scheme.
        scheme: String,
    },
    /// It has a query.
    #[error("query parameters should not appear in the URL: give them with `query`")]
    Query,
    /// It has a fragment.
    #[error("it has a fragment (`#`), which never reaches a server: leave it out")]
    Fragment,
    /// It has a user name or password.
    #[error("it has a user name or password (`@`): leave it out, use a token in the query instead")]
    UserInfo,
    /// Its host is an IPv6 literal.
    #[error("its host is an IPv6 address, which OSS refuses: give a host name or an IPv4 address")]
    Ipv6,
    /// Its host is missing or malformed.
    #[error(
        "its host {host:?} is neither a host name in ASCII nor a dotted IPv4 address: \
         write an international name in its form for the DNS (`xn--`)"
    )]
    Host {
        /// The refused host.
        host: String,
    },
    /// Its port is no number from 1 to 65535.
    #[error("its port {port:?} is not a number from 1 to 65535")]
    Port {
        /// The refused port.
        port: String,
    },
    /// Its host is not reachable from the public internet.
    #[error(
        "its host {host:?} is loopback, private or reserved: OSS calls public addresses only \
         (for an emulator or a test, say `allow_private_addresses(true)`)"
    )]
    Private {
        /// The refused host.
        host: String,
    },
    /// It contains the separator of several URLs.
    #[error("it contains `;`, which separates several URLs: add each with `also_url`, or write %3B")]
    Semicolon,
    /// A character that may not stand in a URL.
    #[error("it contains {character:?}: percent-encode it")]
    Character {
        /// The refused character.
        character: char,
    },
    /// A `%` that is not followed by two hex digits.
    #[error("it contains a `%` that is not followed by two hex digits: write %25 for the character")]
    Escape,
    /// A percent-encoded `?` or control character in the path.
    #[error(
        "its path holds a percent-encoded `?` or control character: the signature OSS makes would be ambiguous, \
         and receivers refuse such a path"
    )]
    Ambiguous,
    /// A segment `.` or `..`.
    #[error(
        "its path holds a segment `.` or `..`, which some parties resolve and others do not: write the path out"
    )]
    DotSegment,
}
