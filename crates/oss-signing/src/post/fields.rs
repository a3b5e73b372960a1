use std::fmt;

/// The complete set of fields a form has to send, in this order, before its `file` field.
///
/// `Debug` shows the names only: a signed form is a permission to upload.
#[derive(Clone, PartialEq, Eq)]
pub struct PostFields(pub(super) Vec<(String, String)>);

impl PostFields {
    /// The names and values in sending order. Values are plain text for a `multipart/form-data` part each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl IntoIterator for PostFields {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Debug for PostFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostFields ")?;
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
